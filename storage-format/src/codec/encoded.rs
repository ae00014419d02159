//! From the bytes of a series back to its slots.
//!
//! [`Encoded::parse`] checks everything that could go wrong; after it, decoding cannot fail, whatever
//! the bytes. Integers come from `sequence`; here they get their gaps and what they do not tell.

use std::ops::Range;

use super::bitpack::{self, LANES, Lanes, packed_bytes};
use super::dictionary::VALUES_MAX;
use super::domain::{self, Domain, SignForm};
use super::form;
use super::presence::Presence;
use super::sequence::{Packing, walk_list};
use super::tag;
use crate::cursor::Cursor;
use crate::error::FormatError;

/// How errors name this part of a file.
pub(super) const PART: &str = "series";

/// One series of one block: checked bytes, ready to be decoded any number of times.
#[derive(Clone, Debug)]
pub struct Encoded<'a> {
    bytes: &'a [u8],
    presence: Presence<'a>,
    domain: Domain,
    packing: Packing<'a>,
    corrections: Option<Corrections<'a>>,
    table: Option<Table<'a>>,
    /// Values that the integers do not tell: gap varint and eight bytes each.
    raw: &'a [u8],
}

/// The values that the integers are numbers of, themselves encoded.
#[derive(Clone, Copy, Debug)]
struct Table<'a> {
    values: usize,
    bytes: &'a [u8],
}

/// How many floats each value is away from its quotient.
#[derive(Clone, Debug)]
struct Corrections<'a> {
    base: u64,
    width: u32,
    bytes: &'a [u8],
}

impl<'a> Encoded<'a> {
    /// Checks `bytes`, which stand at `offset` in their file, as a series of `slots` slots.
    ///
    /// # Errors
    /// [`FormatError`] if they are not exactly what the encoder writes for that many slots.
    pub fn parse(bytes: &'a [u8], slots: usize, offset: u64) -> Result<Self, FormatError> {
        Self::parse_with(bytes, slots, offset, ParsedDomain::parse)
    }

    fn parse_with(
        bytes: &'a [u8],
        slots: usize,
        offset: u64,
        parse_domain: ParseDomain<'a>,
    ) -> Result<Self, FormatError> {
        let mut cursor = Cursor::new(PART, bytes, offset);
        let (presence, domain, packing) = tag::split(cursor.byte()?);
        let presence = Presence::parse(presence, slots, &mut cursor)?;
        let present = presence.present();
        let domain = parse_domain(domain, &mut cursor)?;
        let packing = Packing::parse(packing, present, &mut cursor)?;
        let corrections = match domain.corrections {
            Some((base, width)) => Some(Corrections {
                base,
                width,
                bytes: cursor.take(packed_bytes(present, width))?,
            }),
            None => None,
        };
        let raw = if domain.has_raw {
            parse_raw(present, &mut cursor)?
        } else {
            &[]
        };
        if cursor.remaining() > 0 {
            return Err(cursor.invalid("the end of the series", cursor.remaining() as u64));
        }
        Ok(Self {
            bytes,
            presence,
            domain: domain.domain,
            packing,
            corrections,
            table: domain.table,
            raw,
        })
    }

    /// The bytes that were parsed.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// How its values are written, for people: the domain and the packing, as in "decimal, order 1".
    pub fn form(&self) -> &'static str {
        let (_, domain, packing) = tag::split(self.bytes[0]);
        form::name(domain, packing)
    }

    /// How many slots the block has.
    pub fn slots(&self) -> usize {
        self.presence.slots()
    }

    /// How many of the slots hold a value; at least one.
    pub fn present(&self) -> usize {
        self.presence.present()
    }

    /// Writes every slot to `out`, NaN where a slot is empty.
    ///
    /// # Panics
    /// If `out` is not [`Encoded::slots`] long.
    pub fn decode(&self, out: &mut [f64]) {
        self.decode_range(0..self.slots(), out);
    }

    /// Writes the slots of `range` to `out`, NaN where a slot is empty.
    ///
    /// # Panics
    /// If the range is not within the slots or `out` is not as long as the range.
    pub fn decode_range(&self, range: Range<usize>, out: &mut [f64]) {
        assert!(range.end <= self.slots(), "a range within the slots");
        assert_eq!(range.len(), out.len(), "room for the range");
        if range.is_empty() {
            return;
        }
        let ranks = self.presence.rank(range.start)..self.presence.rank(range.end);
        let dense_at = out.len() - ranks.len();
        self.decode_dense(ranks.clone(), &mut out[dense_at..]);
        self.presence.expand(range, ranks.len(), out);
    }

    /// Writes the present values of `ranks` to `out`.
    fn decode_dense(&self, ranks: Range<usize>, out: &mut [f64]) {
        self.packing.decode(self.domain, &ranks, out);
        if let Some(table) = &self.table {
            table.look_up(out);
        }
        if let Some(corrections) = &self.corrections {
            corrections.mend(&ranks, out);
        }
        if !self.raw.is_empty() {
            self.mend_raw(ranks, out);
        }
    }

    fn mend_raw(&self, ranks: Range<usize>, out: &mut [f64]) {
        let mut cursor = Cursor::new(PART, self.raw, 0);
        let mut next = 0;
        while let (Ok(gap), Ok(bits)) = (cursor.varint(), cursor.array()) {
            let index = next + gap as usize;
            if ranks.contains(&index) {
                out[index - ranks.start] = f64::from_bits(u64::from_le_bytes(bits));
            }
            next = index + 1;
        }
    }
}

impl<'a> Table<'a> {
    fn parse(cursor: &mut Cursor<'a>) -> Result<Self, FormatError> {
        let values = usize::from(cursor.byte()?) + 1;
        let length = cursor.varint()?;
        let offset = cursor.offset();
        // A length beyond the address space is refused as one beyond the end.
        let bytes = cursor.take(usize::try_from(length).unwrap_or(usize::MAX))?;
        let encoded = Encoded::parse_with(bytes, values, offset, ParsedDomain::parse_of_table)?;
        if encoded.present() != values {
            return Err(cursor.invalid("a table without gaps", encoded.present() as u64));
        }
        Ok(Self { values, bytes })
    }

    /// Replaces the numbers in `out` by their values.
    fn look_up(&self, out: &mut [f64]) {
        let mut table = [f64::NAN; VALUES_MAX];
        // The bytes were checked when they were parsed as a part of the whole.
        if let Ok(encoded) = Encoded::parse(self.bytes, self.values, 0) {
            encoded.decode(&mut table[..self.values]);
        }
        for value in out {
            *value = table[value.to_bits() as usize % VALUES_MAX];
        }
    }
}

impl Corrections<'_> {
    /// Moves the values of `ranks` in `out` on by theirs.
    fn mend(&self, ranks: &Range<usize>, out: &mut [f64]) {
        let mut lanes: Lanes = [0; LANES];
        for start in (ranks.start / LANES * LANES..ranks.end).step_by(LANES) {
            let used = (ranks.end - start).min(LANES);
            let bytes = &self.bytes[packed_bytes(start, self.width)..];
            bitpack::unpack(bytes, self.width, used, &mut lanes);
            let from = ranks.start.max(start);
            let values = &mut out[from - ranks.start..start + used - ranks.start];
            for (value, lane) in values.iter_mut().zip(&lanes[from - start..]) {
                let correction = lane.wrapping_add(self.base);
                *value = f64::from_bits(value.to_bits().wrapping_add(correction));
            }
        }
    }
}

/// A domain and what its parameters announce.
struct ParsedDomain<'a> {
    domain: Domain,
    /// Base and width of the corrections, if there are any.
    corrections: Option<(u64, u32)>,
    table: Option<Table<'a>>,
    has_raw: bool,
}

/// Reads the parameters of the domain of that code.
type ParseDomain<'a> = fn(u8, &mut Cursor<'a>) -> Result<ParsedDomain<'a>, FormatError>;

impl<'a> ParsedDomain<'a> {
    fn plain(domain: Domain) -> Self {
        Self {
            domain,
            corrections: None,
            table: None,
            has_raw: false,
        }
    }

    fn parse(code: u8, cursor: &mut Cursor<'a>) -> Result<Self, FormatError> {
        match code {
            tag::DICTIONARY => Ok(Self {
                table: Some(Table::parse(cursor)?),
                ..Self::plain(Domain::Dictionary)
            }),
            _ => Self::parse_of_table(code, cursor),
        }
    }

    /// As [`ParsedDomain::parse`], but for a table, which has no table of its own.
    fn parse_of_table(code: u8, cursor: &mut Cursor<'a>) -> Result<Self, FormatError> {
        match code {
            tag::INTEGER => Ok(Self::plain(Domain::Integer)),
            tag::DECIMAL => parse_decimal(cursor),
            tag::BINARY => parse_binary(cursor).map(Self::plain),
            tag::BITS => parse_bits(cursor).map(Self::plain),
            tag::QUOTIENT => parse_quotient(cursor),
            tag::MULTIPLE => parse_multiple(cursor).map(Self::plain),
            other => Err(cursor.invalid("a domain", u64::from(other))),
        }
    }
}

fn parse_multiple(cursor: &mut Cursor<'_>) -> Result<Domain, FormatError> {
    let exponent = cursor.byte()?;
    if exponent > domain::DECIMAL_EXPONENT_MAX {
        return Err(cursor.invalid("a decimal exponent up to 22", u64::from(exponent)));
    }
    let factor = cursor.varint()?;
    match u32::try_from(factor) {
        Ok(factor) if factor > 0 => Ok(Domain::Multiple { factor, exponent }),
        _ => Err(cursor.invalid("a factor of 32 bits", factor)),
    }
}

fn parse_decimal<'a>(cursor: &mut Cursor<'_>) -> Result<ParsedDomain<'a>, FormatError> {
    let byte = cursor.byte()?;
    let exponent = byte & !tag::HAS_RAW;
    if exponent > domain::DECIMAL_EXPONENT_MAX {
        return Err(cursor.invalid("a decimal exponent up to 22", u64::from(exponent)));
    }
    Ok(ParsedDomain {
        has_raw: byte & tag::HAS_RAW != 0,
        ..ParsedDomain::plain(Domain::Decimal { exponent })
    })
}

fn parse_quotient<'a>(cursor: &mut Cursor<'_>) -> Result<ParsedDomain<'a>, FormatError> {
    let divisor = cursor.varint()?;
    let divisor = match u32::try_from(divisor) {
        Ok(divisor) if divisor > 0 => divisor,
        _ => return Err(cursor.invalid("a divisor of 32 bits", divisor)),
    };
    let byte = cursor.byte()?;
    let corrections = match byte & !tag::HAS_RAW {
        tag::NO_CORRECTIONS => None,
        width @ 0..=64 => Some((cursor.signed_varint()? as u64, u32::from(width))),
        other => return Err(cursor.invalid("a width of corrections", u64::from(other))),
    };
    Ok(ParsedDomain {
        corrections,
        has_raw: byte & tag::HAS_RAW != 0,
        ..ParsedDomain::plain(Domain::Quotient { divisor })
    })
}

fn parse_binary(cursor: &mut Cursor<'_>) -> Result<Domain, FormatError> {
    let exponent = cursor.signed_varint()?;
    let valid = i16::try_from(exponent).ok();
    match valid.filter(|exponent| domain::BINARY_EXPONENTS.contains(exponent)) {
        Some(exponent) => Ok(Domain::Binary { exponent }),
        None => Err(cursor.invalid("a binary exponent from -971 to 1074", exponent as u64)),
    }
}

fn parse_bits(cursor: &mut Cursor<'_>) -> Result<Domain, FormatError> {
    let byte = cursor.byte()?;
    let sign = match byte >> 6 {
        0 => SignForm::Positive,
        1 => SignForm::Negative,
        2 => SignForm::Mixed,
        other => return Err(cursor.invalid("a form of sign", u64::from(other))),
    };
    let shift = byte & 63;
    Ok(Domain::Bits { shift, sign })
}

fn parse_raw<'a>(present: usize, cursor: &mut Cursor<'a>) -> Result<&'a [u8], FormatError> {
    walk_list(present, cursor, |cursor| cursor.take(8).map(drop))
}
