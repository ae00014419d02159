//! Python's `template % number`, for legends that a target formats.

use super::number_text;

/// Fills the one conversion of `template` in: `%d`, `%i`, `%f`, `%e`, `%g`, `%s`, `%r` with flags, width and
/// precision; `%%` is a percent sign.
///
/// # Errors
/// When the template has no conversion, more than one, or one that does not fit a number: those are
/// errors in Python too.
pub fn format(template: &str, number: f64) -> Result<String, String> {
    let mut result = String::with_capacity(template.len() + 16);
    let mut filled = false;
    let mut rest = template;
    while let Some(at) = rest.find('%') {
        result.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(behind) = rest.strip_prefix('%') {
            result.push('%');
            rest = behind;
            continue;
        }
        let wrong = || format!("\"{template}\" must hold one conversion of a number, such as %.2f");
        let (conversion, length) = Conversion::read(rest).ok_or_else(wrong)?;
        if std::mem::replace(&mut filled, true) {
            return Err(wrong());
        }
        result.push_str(&conversion.print(number).ok_or_else(wrong)?);
        rest = &rest[length..];
    }
    result.push_str(rest);
    if filled {
        Ok(result)
    } else {
        Err(format!(
            "\"{template}\" must hold a conversion of a number, such as %d"
        ))
    }
}

/// The widest field and the longest fraction that a legend may ask for.
const DIGITS_MAX: usize = 300;

struct Conversion {
    left: bool,
    plus: bool,
    space: bool,
    zeros: bool,
    width: usize,
    precision: Option<usize>,
    kind: char,
}

impl Conversion {
    fn read(text: &str) -> Option<(Self, usize)> {
        let flags_end = text.find(|letter| !"-+ 0#".contains(letter))?;
        let (flags, rest) = text.split_at(flags_end);
        let (width, rest) = read_digits(rest)?;
        let (precision, rest) = match rest.strip_prefix('.') {
            Some(rest) => {
                let (digits, rest) = read_digits(rest)?;
                (Some(digits), rest)
            }
            None => (None, rest),
        };
        let kind = rest.chars().next()?;
        let conversion = Self {
            left: flags.contains('-'),
            plus: flags.contains('+'),
            space: flags.contains(' '),
            zeros: flags.contains('0') && !flags.contains('-'),
            width,
            precision,
            kind,
        };
        Some((conversion, text.len() - rest.len() + kind.len_utf8()))
    }

    fn print(&self, number: f64) -> Option<String> {
        let size = number.abs();
        let precision = self.precision.unwrap_or(6);
        let digits = match self.kind {
            'd' | 'i' | 'u' => number_text::integer(size)?,
            'f' | 'F' if size.is_finite() => format!("{size:.precision$}"),
            'e' if size.is_finite() => number_text::scientific(size, precision),
            'E' if size.is_finite() => number_text::scientific(size, precision).to_uppercase(),
            'g' | 'G' if self.precision.is_none() || self.precision == Some(6) => {
                number_text::general(size)
            }
            'g' => number_text::general_to(size, precision.max(1)),
            'G' => number_text::general_to(size, precision.max(1)).to_uppercase(),
            'f' | 'F' | 'e' | 'E' => number_text::repr(size),
            's' | 'r' => {
                let text = number_text::repr(number);
                let cut = self.precision.unwrap_or(text.len()).min(text.len());
                return Some(self.pad("", &text[..cut], false));
            }
            _ => return None,
        };
        let sign = if number.is_sign_negative() && !number.is_nan() {
            "-"
        } else if self.plus {
            "+"
        } else if self.space {
            " "
        } else {
            ""
        };
        Some(self.pad(sign, &digits, self.zeros))
    }

    fn pad(&self, sign: &str, digits: &str, zeros: bool) -> String {
        let missing = self.width.saturating_sub(sign.len() + digits.len());
        if zeros {
            format!("{sign}{}{digits}", "0".repeat(missing))
        } else if self.left {
            format!("{sign}{digits}{}", " ".repeat(missing))
        } else {
            format!("{}{sign}{digits}", " ".repeat(missing))
        }
    }
}

/// A run of digits, 0 when there is none; `None` when the number is absurd.
fn read_digits(text: &str) -> Option<(usize, &str)> {
    let end = text
        .find(|letter: char| !letter.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    if digits.is_empty() {
        return Some((0, rest));
    }
    let number = digits.parse().ok().filter(|number| *number <= DIGITS_MAX)?;
    Some((number, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversions_print_as_in_python() {
        let cases = [
            ("c %d", 42.9, "c 42"),
            ("%05d|", -42.0, "-0042|"),
            ("idle %.2f pct", 71.926, "idle 71.93 pct"),
            ("%g", 4_444_860_000.0, "4.44486e+09"),
            ("%.3g", 1234.5, "1.23e+03"),
            ("%e", 1234.5, "1.234500e+03"),
            ("%s", 42.0, "42.0"),
            ("%-8.1f|", 2.25, "2.2     |"),
            ("%+d %%", 3.0, "+3 %"),
            ("%f", f64::INFINITY, "inf"),
        ];
        for (template, number, text) in cases {
            assert_eq!(format(template, number).as_deref(), Ok(text), "{template}");
        }
    }

    #[test]
    fn templates_that_python_refuses_are_errors() {
        for template in ["none", "%d %d", "%", "%q", "%999999999d", "%(a)s"] {
            assert!(format(template, 1.0).is_err(), "{template}");
        }
        assert!(format("%d", f64::NAN).is_err());
    }
}
