//! The two small tables of a store's folder, `meta` and `families`, as text. See `tables.md`.
//!
//! Both are a title with a version, lines, and a line with the checksum of all before it. They are
//! replaced whole, and nothing of the store can be read without them: so a reader takes every byte as
//! it would write it itself, or nothing.

use std::fmt::{Display, Write};

use crate::error::FormatError;
use crate::version;

/// The most shards of a store: more make no sense on any machine, and would make small files.
pub const SHARDS_MAX: usize = 256;

/// The bytes of the checksum's line.
const CHECKSUM_BYTES: usize = "checksum 00000000\n".len();

/// How one of the tables begins.
struct Table {
    part: &'static str,
    title: &'static str,
    version: u16,
}

const META: Table = Table {
    part: "meta",
    title: "plumbago strata ",
    version: version::META,
};

const FAMILIES: Table = Table {
    part: "families",
    title: "plumbago families ",
    version: version::FAMILIES,
};

/// The bytes of `meta`: the number of shards, which is 1 to [`SHARDS_MAX`].
pub fn encode_meta(shards: usize) -> Vec<u8> {
    META.encode(&format!("shards {shards}\n"))
}

/// Reads the number of shards back.
///
/// # Errors
/// Anything that [`encode_meta`] would not have written, but for a missing checksum.
pub fn decode_meta(bytes: &[u8]) -> Result<usize, FormatError> {
    // The first releases wrote two lines and no checksum.
    let has_none =
        bytes.ends_with(b"\n") && bytes.iter().filter(|&&byte| byte == b'\n').count() == 2;
    let body = if has_none {
        META.text(bytes)?
    } else {
        META.checked(bytes)?
    };
    let (at, line) = META.lines(body)?;
    let shards = line
        .strip_prefix("shards ")
        .and_then(|rest| rest.strip_suffix('\n')?.parse().ok())
        .filter(|shards| (1..=SHARDS_MAX).contains(shards) && line == format!("shards {shards}\n"));
    shards.ok_or_else(|| META.invalid(at, "\"shards \" and 1 to 256", line.len()))
}

/// The bytes of `families`: retentions as text, in the order of their numbers, from 0.
pub fn encode_families(retentions: impl IntoIterator<Item: Display>) -> Vec<u8> {
    let mut lines = String::new();
    for (number, retention) in retentions.into_iter().enumerate() {
        writeln!(lines, "{number} {retention}").expect("a string takes any text");
    }
    FAMILIES.encode(&lines)
}

/// Reads the retentions back, as text; whether each is one is for the caller to see.
///
/// # Errors
/// Anything that [`encode_families`] would not have written.
pub fn decode_families(bytes: &[u8]) -> Result<Vec<&str>, FormatError> {
    let (mut at, lines) = FAMILIES.lines(FAMILIES.checked(bytes)?)?;
    let mut retentions = Vec::new();
    for line in lines.split_inclusive('\n') {
        let number = format!("{} ", retentions.len());
        let retention = line
            .strip_prefix(number.as_str())
            .and_then(|rest| rest.strip_suffix('\n'))
            .ok_or_else(|| FAMILIES.invalid(at, "the next number and a retention", line.len()))?;
        retentions.push(retention);
        at += line.len();
    }
    Ok(retentions)
}

impl Table {
    fn encode(&self, lines: &str) -> Vec<u8> {
        let body = format!("{}{}\n{lines}", self.title, self.version);
        let checksum = crc32fast::hash(body.as_bytes());
        format!("{body}checksum {checksum:08x}\n").into_bytes()
    }

    /// The text before the checksum's line, which must be right.
    fn checked<'a>(&self, bytes: &'a [u8]) -> Result<&'a str, FormatError> {
        let text = self.text(bytes)?;
        let end = text.len().saturating_sub(CHECKSUM_BYTES);
        let line = text
            .get(end..)
            .and_then(|line| line.strip_prefix("checksum "));
        let written = line.and_then(|line| line.strip_suffix('\n'));
        let Some(expected) = written.and_then(|digits| u32::from_str_radix(digits, 16).ok()) else {
            return Err(self.invalid(end, "\"checksum \" and eight digits", text.len() - end));
        };
        let body = &text[..end];
        let found = crc32fast::hash(body.as_bytes());
        // As it is printed: other digits of the same number are other bytes.
        if written != Some(format!("{found:08x}").as_str()) {
            return Err(FormatError::Checksum {
                part: self.part,
                offset: 0,
                expected,
                found,
            });
        }
        Ok(body)
    }

    fn text<'a>(&self, bytes: &'a [u8]) -> Result<&'a str, FormatError> {
        if !bytes.starts_with(self.title.as_bytes()) {
            let mut found = [0; 8];
            let length = bytes.len().min(8);
            found[..length].copy_from_slice(&bytes[..length]);
            return Err(FormatError::Magic {
                part: self.part,
                found,
            });
        }
        std::str::from_utf8(bytes)
            .map_err(|error| self.invalid(error.valid_up_to(), "text in UTF-8", bytes.len()))
    }

    /// Checks the title; answers the lines behind it, and at which byte they begin.
    fn lines<'a>(&self, body: &'a str) -> Result<(usize, &'a str), FormatError> {
        let at = self.title.len();
        let (found, lines) = body[at..]
            .split_once('\n')
            .and_then(|(version, lines)| Some((version.parse().ok()?, lines)))
            .ok_or_else(|| self.invalid(at, "a version", body.len()))?;
        version::check(self.part, found, self.version)?;
        Ok((body.len() - lines.len(), lines))
    }

    /// `found` is how long what stands there is: it is text, and may be any.
    fn invalid(&self, at: usize, expected: &'static str, found: usize) -> FormatError {
        FormatError::Invalid {
            part: self.part,
            offset: at as u64,
            expected,
            found: found as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_and_every_cut_of_the_families_is_noticed() {
        let good = encode_families(["10s:360", "10s:2160,60s:10080"]);
        let read = decode_families(&good).unwrap();
        assert_eq!(read, ["10s:360", "10s:2160,60s:10080"]);
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(decode_families(&bad).is_err(), "bit {bit}");
        }
        for length in 0..good.len() {
            assert!(decode_families(&good[..length]).is_err(), "{length} bytes");
        }
        assert!(decode_families(&[&good[..], b"\n"].concat()).is_err());
        let empty: [&str; 0] = [];
        assert!(decode_families(&encode_families(empty)).unwrap().is_empty());
    }

    #[test]
    fn every_flipped_bit_of_the_meta_is_noticed() {
        for shards in [1, 4, SHARDS_MAX] {
            let good = encode_meta(shards);
            assert_eq!(decode_meta(&good), Ok(shards));
            for bit in 0..good.len() * 8 {
                let mut bad = good.clone();
                bad[bit / 8] ^= 1 << (bit % 8);
                assert!(decode_meta(&bad).is_err(), "bit {bit}");
            }
            let body = good.len() - CHECKSUM_BYTES;
            for length in (0..good.len()).filter(|&length| length != body) {
                assert!(decode_meta(&good[..length]).is_err(), "{length} bytes");
            }
        }
    }

    #[test]
    fn numbers_out_of_range_and_order_are_refused() {
        for shards in ["0", "257", "04", "+4", "", "4 ", "-1"] {
            let bytes = META.encode(&format!("shards {shards}\n"));
            assert!(decode_meta(&bytes).is_err(), "{shards}");
            let bare = format!("plumbago strata 1\nshards {shards}\n");
            assert!(decode_meta(bare.as_bytes()).is_err(), "{shards}");
        }
        for lines in [
            "1 10s:360\n",
            "0 10s:360\n2 60s:10\n",
            "010s:360\n",
            "\n",
            "0 10s:360",
        ] {
            assert!(decode_families(&FAMILIES.encode(lines)).is_err(), "{lines}");
        }
    }

    #[test]
    fn another_title_and_an_unknown_version_are_named() {
        let other = decode_meta(&encode_families(["10s:360"])).unwrap_err();
        assert!(matches!(other, FormatError::Magic { part: "meta", .. }));
        let newer = Table { version: 2, ..META }.encode("shards 4\n");
        let error = decode_meta(&newer).unwrap_err().to_string();
        assert!(error.contains("version 2 is unknown"), "{error}");
    }
}
