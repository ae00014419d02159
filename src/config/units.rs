//! Values with their unit in the text: `"10s"`, `"64MiB"`.
//!
//! A bare number is refused, so that nobody has to remember which key counts in milliseconds.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A length of time, written as a whole number and one of `ms`, `s`, `m`, `h`, `d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeSpan(pub Duration);

/// A number of bytes, written as a whole number and one of `B`, `KiB`, `MiB`, `GiB`, `TiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

/// Units of time, finest first, in milliseconds.
const TIME_UNITS: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];

/// Units of size, finest first, in bytes.
const SIZE_UNITS: [(&str, u64); 5] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

impl TimeSpan {
    /// A span of whole seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }
}

fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor = units.iter().find(|(name, _)| *name == unit.trim())?.1;
    number.parse::<u64>().ok()?.checked_mul(factor)
}

/// The coarsest unit that leaves a whole number.
fn print(
    amount: u64,
    zero_unit: usize,
    units: &[(&str, u64)],
    formatter: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let divides = |(_, factor): &&(&str, u64)| amount >= *factor && amount.is_multiple_of(*factor);
    let (name, factor) = units
        .iter()
        .rev()
        .find(divides)
        .unwrap_or(&units[zero_unit]);
    write!(formatter, "{}{name}", amount / factor)
}

impl FromStr for TimeSpan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse(text, &TIME_UNITS)
            .map(|millis| Self(Duration::from_millis(millis)))
            .ok_or_else(|| {
                format!("\"{text}\" is not a whole number with a unit of ms, s, m, h or d, as in \"10s\"")
            })
    }
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Every span was read from whole milliseconds that fit 64 bits.
        print(self.0.as_millis() as u64, 1, &TIME_UNITS, formatter)
    }
}

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse(text, &SIZE_UNITS).map(Self).ok_or_else(|| {
            format!("\"{text}\" is not a whole number with a unit of B, KiB, MiB, GiB or TiB, as in \"64MiB\"")
        })
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        print(self.0, 0, &SIZE_UNITS, formatter)
    }
}

macro_rules! serde_as_text {
    ($($unit:ty),*) => {$(
        impl Serialize for $unit {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $unit {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(TextVisitor).and_then(|text| {
                    text.parse().map_err(de::Error::custom)
                })
            }
        }
    )*};
}

serde_as_text!(TimeSpan, ByteSize);

/// Takes text; turns a bare number into text too, so that the message shows it as it was written.
struct TextVisitor;

impl de::Visitor<'_> for TextVisitor {
    type Value = String;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number with a unit in quotes, as in \"10s\" or \"64MiB\"")
    }

    fn visit_str<E>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_i64<E>(self, number: i64) -> Result<String, E> {
        Ok(number.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_survives_a_round_trip_in_its_shortest_form() {
        for (text, printed) in [
            ("0s", "0s"),
            ("500ms", "500ms"),
            ("120s", "2m"),
            ("36h", "36h"),
        ] {
            assert_eq!(text.parse::<TimeSpan>().unwrap().to_string(), printed);
        }
        for (text, printed) in [
            ("0B", "0B"),
            ("64MiB", "64MiB"),
            ("2048 B", "2KiB"),
            ("1025B", "1025B"),
        ] {
            assert_eq!(text.parse::<ByteSize>().unwrap().to_string(), printed);
        }
    }

    #[test]
    fn numbers_without_a_known_unit_are_refused() {
        for text in [
            "",
            "10",
            "s",
            "-1s",
            "1.5s",
            "10 parsecs",
            "99999999999999999999s",
        ] {
            let message = text.parse::<TimeSpan>().unwrap_err();
            assert!(
                message.starts_with(&format!("\"{text}\" is not")),
                "{message}"
            );
        }
        for text in ["64", "64MB", "MiB", "18446744073709551615TiB"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }
}
