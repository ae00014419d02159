//! Numbers as the reference writes them into names and tags: Python's `%g`, `%d` and `repr`.

/// `%g`: six significant digits, trailing zeros dropped, an exponent below 1e-4 and from 1e6 on.
pub fn general(value: f64) -> String {
    general_to(value, 6)
}

/// `%.Ng`: as [`general`] with `digits` significant digits, at least one.
pub fn general_to(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return not_finite(value);
    }
    if value == 0.0 {
        return if value.is_sign_negative() {
            "-0".to_owned()
        } else {
            "0".to_owned()
        };
    }
    // Rounding to the digits first decides the exponent: 999999.5 is 1e+06.
    let rounded = format!("{value:.*e}", digits - 1);
    let (mantissa, exponent) = split_exponent(&rounded);
    if exponent < -4 || exponent >= digits as i32 {
        return with_exponent(trim_zeros(mantissa), exponent);
    }
    let decimals = usize::try_from(digits as i32 - 1 - exponent).unwrap_or(0);
    trim_zeros(&format!("{value:.decimals$}")).to_owned()
}

/// `%.Ne`: one digit, `decimals` behind the point, an exponent of at least two digits.
pub fn scientific(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return not_finite(value);
    }
    let rounded = format!("{value:.decimals$e}");
    let (mantissa, exponent) = split_exponent(&rounded);
    with_exponent(mantissa, exponent)
}

/// `repr` of a float: the shortest text that reads back the same, always recognisable as a float.
pub fn repr(value: f64) -> String {
    if !value.is_finite() {
        return not_finite(value);
    }
    if value == 0.0 {
        return if value.is_sign_negative() {
            "-0.0".to_owned()
        } else {
            "0.0".to_owned()
        };
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = split_exponent(&scientific);
    if !(-4..16).contains(&exponent) {
        return with_exponent(mantissa, exponent);
    }
    let plain = format!("{value}");
    if plain.contains('.') {
        plain
    } else {
        plain + ".0"
    }
}

/// `%d` of a float: cut towards zero. `None` for infinities and NaN, which Python refuses.
pub fn integer(value: f64) -> Option<String> {
    if !value.is_finite() {
        return None;
    }
    // Adding zero turns the minus zero that truncation may leave into plain zero.
    Some(format!("{:.0}", value.trunc() + 0.0))
}

/// `True` or `False`.
pub const fn boolean(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}

fn not_finite(value: f64) -> String {
    let text = if value.is_nan() {
        "nan"
    } else if value > 0.0 {
        "inf"
    } else {
        "-inf"
    };
    text.to_owned()
}

fn split_exponent(scientific: &str) -> (&str, i32) {
    let (mantissa, exponent) = scientific
        .split_once('e')
        .expect("a finite number in scientific form has an exponent");
    (
        mantissa,
        exponent.parse().expect("an exponent is a small integer"),
    )
}

fn with_exponent(mantissa: &str, exponent: i32) -> String {
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

fn trim_zeros(text: &str) -> &str {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn general_form_is_that_of_printf() {
        let cases = [
            (0.0, "0"),
            (10.0, "10"),
            (0.1, "0.1"),
            (1234567.0, "1.23457e+06"),
            (999_999.5, "1e+06"),
            (100_000.0, "100000"),
            (0.0001, "0.0001"),
            (0.00001234, "1.234e-05"),
            (-2.5, "-2.5"),
            (1e100, "1e+100"),
            (f64::INFINITY, "inf"),
        ];
        for (value, text) in cases {
            assert_eq!(general(value), text);
        }
    }

    #[test]
    fn repr_is_that_of_python() {
        let cases = [
            (10.0, "10.0"),
            (0.1, "0.1"),
            (1e16, "1e+16"),
            (1e15, "1000000000000000.0"),
            (123456789012345680.0, "1.2345678901234568e+17"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (-0.0, "-0.0"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
        ];
        for (value, text) in cases {
            assert_eq!(repr(value), text);
        }
    }

    #[test]
    fn integer_form_cuts() {
        assert_eq!(integer(2.9).as_deref(), Some("2"));
        assert_eq!(integer(-2.9).as_deref(), Some("-2"));
        assert_eq!(integer(-0.5).as_deref(), Some("0"));
        assert_eq!(integer(f64::INFINITY), None);
    }
}
