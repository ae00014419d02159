//! Numbers as the Python scripts print them, so that what parses their output parses ours.

/// Digits after which `repr` turns to an exponent.
const REPR_EXPONENT_MAX: i32 = 16;

/// Python's `repr` of a float: the shortest digits that read back.
pub(super) fn repr(value: f64) -> String {
    let text = format!("{value:e}");
    let Some((digits, exponent)) = decimal(&text) else {
        return special(value);
    };
    if !(-4..REPR_EXPONENT_MAX).contains(&exponent) {
        return scientific(&text, exponent);
    }
    let decimals = (digits as i32 - 1 - exponent).max(1);
    format!("{value:.*}", decimals as usize)
}

/// C's `%.Ng`: at most `precision` digits, zeros at the end left out.
pub(super) fn general(value: f64, precision: usize) -> String {
    let text = format!("{value:.*e}", precision - 1);
    let Some((_, exponent)) = decimal(&text) else {
        return special(value);
    };
    if !(-4..precision as i32).contains(&exponent) {
        return scientific(&text, exponent);
    }
    let decimals = precision as i32 - 1 - exponent;
    without_zeros(&format!("{value:.*}", decimals as usize)).to_owned()
}

/// How many digits a number in Rust's scientific form has, and its exponent.
fn decimal(text: &str) -> Option<(usize, i32)> {
    let (mantissa, exponent) = text.split_once('e')?;
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
    Some((digits, exponent.parse().ok()?))
}

fn scientific(text: &str, exponent: i32) -> String {
    let mantissa = text.split('e').next().unwrap_or_default();
    let sign = if exponent < 0 { '-' } else { '+' };
    format!(
        "{}e{sign}{:02}",
        without_zeros(mantissa),
        exponent.unsigned_abs()
    )
}

fn without_zeros(text: &str) -> &str {
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => text,
    }
}

fn special(value: f64) -> String {
    match (value.is_nan(), value > 0.0) {
        (true, _) => "nan",
        (false, true) => "inf",
        (false, false) => "-inf",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_read_as_python_writes_them() {
        for (value, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1, "0.1"),
            (12.5, "12.5"),
            (0.0001, "0.0001"),
            (0.000012, "1.2e-05"),
            (123456789012345.0, "123456789012345.0"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (f64::from(0.3f32), "0.30000001192092896"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(repr(value), text);
        }
    }

    #[test]
    fn general_numbers_read_as_c_writes_them() {
        for (value, precision, text) in [
            (0.0, 35, "0"),
            (1.0, 35, "1"),
            (100.0, 2, "1e+02"),
            (0.1, 35, "0.10000000000000000555111512312578270"),
            (0.5, 6, "0.5"),
            (1e-5, 6, "1e-05"),
            (1e300, 5, "1e+300"),
            (123456.0, 6, "123456"),
            (f64::INFINITY, 35, "inf"),
        ] {
            let expected = text.trim_end_matches('0');
            let expected = if text.contains('.') { expected } else { text };
            assert_eq!(general(value, precision), expected);
        }
    }
}
