//! What an argument evaluates to, and how the reference prints it.

use super::number_text;
use super::series::{Series, bytes_held};

/// The value of an argument.
#[derive(Clone, Debug)]
pub enum Value {
    /// What a path or a function gave.
    Series(Vec<Series>),
    /// A whole number.
    Integer(i64),
    /// Any other number, infinity among them.
    Float(f64),
    /// Quoted text.
    String(String),
    /// `true` or `false`.
    Boolean(bool),
    /// `none`.
    Null,
}

impl Value {
    /// The value as Python's `str` prints it, which is how names and tags hold it. `None` for series.
    pub fn text(&self) -> Option<String> {
        Some(match self {
            Self::Series(_) => return None,
            Self::Integer(number) => number.to_string(),
            Self::Float(number) => number_text::repr(*number),
            Self::String(text) => text.clone(),
            Self::Boolean(value) => number_text::boolean(*value).to_owned(),
            Self::Null => "None".to_owned(),
        })
    }

    /// The value as a number, as Python's `float` reads it.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Integer(number) => Some(*number as f64),
            Self::Float(number) => Some(*number),
            Self::Boolean(value) => Some(f64::from(u8::from(*value))),
            Self::String(text) => text.trim().parse().ok(),
            Self::Series(_) | Self::Null => None,
        }
    }

    /// The value as a whole number, as Python's `int` reads it; a float must be whole.
    pub fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            Self::Float(number) => whole(*number),
            Self::Boolean(value) => Some(i64::from(*value)),
            Self::String(text) => text.trim().parse().ok(),
            Self::Series(_) | Self::Null => None,
        }
    }

    /// The value as a boolean: itself, 0 or 1, or `true` and `false` in any case; null is false.
    pub fn boolean(&self) -> Option<bool> {
        match self {
            Self::Boolean(value) => Some(*value),
            Self::Null => Some(false),
            Self::Integer(_) | Self::Float(_) => match self.number() {
                Some(0.0) => Some(false),
                Some(1.0) => Some(true),
                _ => None,
            },
            Self::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
            Self::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
            Self::String(_) | Self::Series(_) => None,
        }
    }

    /// The memory that its series take; nothing else counts.
    pub fn bytes_held(&self) -> usize {
        match self {
            Self::Series(series) => bytes_held(series),
            _ => 0,
        }
    }

    /// The value in words for an error message.
    pub fn describe(&self) -> String {
        match self {
            Self::Series(series) => format!("a list of {} series", series.len()),
            Self::String(text) => format!("\"{text}\""),
            other => other.text().unwrap_or_default(),
        }
    }
}

fn whole(number: f64) -> Option<i64> {
    // Beyond 2^53 not every whole number is a float, and the cast would make one up.
    let is_whole = number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0;
    is_whole.then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_that_of_python() {
        assert_eq!(Value::Integer(10).text().as_deref(), Some("10"));
        assert_eq!(Value::Float(10.0).text().as_deref(), Some("10.0"));
        assert_eq!(Value::Boolean(true).text().as_deref(), Some("True"));
        assert_eq!(Value::Null.text().as_deref(), Some("None"));
    }

    #[test]
    fn numbers_are_read_from_text_and_booleans() {
        assert_eq!(Value::String(" 2.5 ".into()).number(), Some(2.5));
        assert_eq!(Value::Boolean(true).number(), Some(1.0));
        assert_eq!(Value::String("five".into()).number(), None);
        assert_eq!(Value::Null.number(), None);
    }

    #[test]
    fn integers_are_whole() {
        assert_eq!(Value::Float(5.0).integer(), Some(5));
        assert_eq!(Value::Float(5.5).integer(), None);
        assert_eq!(Value::Float(1e300).integer(), None);
        assert_eq!(Value::String("-3".into()).integer(), Some(-3));
    }

    #[test]
    fn booleans_are_read_as_validation_does() {
        assert_eq!(Value::String("True".into()).boolean(), Some(true));
        assert_eq!(Value::Integer(0).boolean(), Some(false));
        assert_eq!(Value::Integer(2).boolean(), None);
        assert_eq!(Value::String("yes".into()).boolean(), None);
    }
}
