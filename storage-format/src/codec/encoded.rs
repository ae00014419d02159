//! From the bytes of a series back to its slots.
//!
//! [`Encoded::parse`] checks everything that could go wrong; after it, decoding cannot fail, whatever
//! the bytes. Decoding works in runs of 64 integers: unpack, mend exceptions, sum up differences,
//! turn into floats; each step is a plain loop over a fixed array.

use std::ops::Range;

use super::bitpack::{self, LANES, Lanes, packed_bytes};
use super::domain::{self, Domain, SignForm};
use super::plan::ORDER_MAX;
use super::presence::Presence;
use super::tag;
use crate::cursor::Cursor;
use crate::error::FormatError;

/// How errors name this part of a file.
const PART: &str = "series";

/// One series of one block: checked bytes, ready to be decoded any number of times.
#[derive(Clone, Debug)]
pub struct Encoded<'a> {
    bytes: &'a [u8],
    presence: Presence<'a>,
    domain: Domain,
    packing: Packing<'a>,
    corrections: Option<Corrections<'a>>,
    /// Values that the integers do not tell: gap varint and eight bytes each.
    raw: &'a [u8],
}

#[derive(Clone, Debug)]
enum Packing<'a> {
    Constant(u64),
    Packed(Packed<'a>),
}

#[derive(Clone, Debug)]
struct Packed<'a> {
    order: usize,
    /// The first integer and the first difference, as far as the order needs them.
    lead: [u64; ORDER_MAX],
    base: u64,
    width: u32,
    /// How many residuals there are.
    count: usize,
    bytes: &'a [u8],
    /// Residuals that did not fit: gap varint and signed varint each.
    exceptions: &'a [u8],
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
        let mut cursor = Cursor::new(PART, bytes, offset);
        let (presence, domain, packing) = tag::split(cursor.byte()?);
        let presence = Presence::parse(presence, slots, &mut cursor)?;
        let present = presence.present();
        let domain = ParsedDomain::parse(domain, &mut cursor)?;
        let packing = parse_packing(packing, present, &mut cursor)?;
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
            raw,
        })
    }

    /// The bytes that were parsed.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
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
        match &self.packing {
            Packing::Constant(integer) => {
                let mut value = [0.0];
                self.domain.to_values(&[*integer], &mut value);
                out.fill(value[0]);
            }
            Packing::Packed(packed) => packed.decode(self.domain, &ranks, out),
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

impl Packed<'_> {
    fn decode(&self, domain: Domain, ranks: &Range<usize>, out: &mut [f64]) {
        for (index, lead) in self.lead[..self.order].iter().enumerate() {
            // Of order 2 the second lead is a difference; summed up, it is the second integer.
            let integer = if index == 0 {
                *lead
            } else {
                lead.wrapping_add(self.lead[0])
            };
            emit(domain, index, &[integer], ranks, out);
        }
        let mut sums = Sums::start(self);
        let mut exceptions = Exceptions::new(self.exceptions);
        let mut lanes: Lanes = [0; LANES];
        // Without differences a run does not depend on the ones before it.
        let first = match self.order {
            0 => ranks.start / LANES * LANES,
            _ => 0,
        };
        for start in (first..self.count).step_by(LANES) {
            if start + self.order >= ranks.end {
                break;
            }
            let bytes = &self.bytes[packed_bytes(start, self.width)..];
            let used = (self.count - start).min(LANES);
            bitpack::unpack(bytes, self.width, used, &mut lanes);
            exceptions.mend(start, &mut lanes);
            sums.add(self.base, &mut lanes);
            emit(domain, start + self.order, &lanes[..used], ranks, out);
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

/// Converts the integers from rank `start` on, as far as they are asked for.
fn emit(domain: Domain, start: usize, integers: &[u64], ranks: &Range<usize>, out: &mut [f64]) {
    let from = ranks.start.max(start);
    let to = ranks.end.min(start + integers.len());
    if from < to {
        let values = &mut out[from - ranks.start..to - ranks.start];
        domain.to_values(&integers[from - start..to - start], values);
    }
}

/// The running sums that turn residuals back into integers.
struct Sums {
    order: usize,
    integer: u64,
    difference: u64,
}

impl Sums {
    fn start(packed: &Packed<'_>) -> Self {
        let [first, difference] = packed.lead;
        match packed.order {
            2 => Self {
                order: 2,
                integer: first.wrapping_add(difference),
                difference,
            },
            order => Self {
                order,
                integer: first,
                difference: 0,
            },
        }
    }

    fn add(&mut self, base: u64, lanes: &mut Lanes) {
        match self.order {
            0 => {
                for lane in lanes {
                    *lane = lane.wrapping_add(base);
                }
            }
            1 => {
                for lane in lanes {
                    self.integer = self.integer.wrapping_add(lane.wrapping_add(base));
                    *lane = self.integer;
                }
            }
            _ => {
                for lane in lanes {
                    self.difference = self.difference.wrapping_add(lane.wrapping_add(base));
                    self.integer = self.integer.wrapping_add(self.difference);
                    *lane = self.integer;
                }
            }
        }
    }
}

/// A walk over the residuals that did not fit.
struct Exceptions<'a> {
    cursor: Cursor<'a>,
    /// The next one: its index and residual.
    next: Option<(usize, u64)>,
}

impl<'a> Exceptions<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let mut cursor = Cursor::new(PART, bytes, 0);
        let next = read_exception(&mut cursor, 0);
        Self { cursor, next }
    }

    /// Puts those of the run that begins at `start` in their lanes.
    fn mend(&mut self, start: usize, lanes: &mut Lanes) {
        while let Some((index, residual)) = self.next
            && index < start + LANES
        {
            if index >= start {
                lanes[index - start] = residual;
            }
            self.next = read_exception(&mut self.cursor, index + 1);
        }
    }
}

fn read_exception(cursor: &mut Cursor<'_>, next: usize) -> Option<(usize, u64)> {
    let gap = cursor.varint().ok()?;
    let residual = cursor.signed_varint().ok()?;
    Some((next + gap as usize, residual as u64))
}

/// A domain and what its parameters announce.
struct ParsedDomain {
    domain: Domain,
    /// Base and width of the corrections, if there are any.
    corrections: Option<(u64, u32)>,
    has_raw: bool,
}

impl ParsedDomain {
    fn parse(code: u8, cursor: &mut Cursor<'_>) -> Result<Self, FormatError> {
        let plain = |domain| Self {
            domain,
            corrections: None,
            has_raw: false,
        };
        match code {
            tag::INTEGER => Ok(plain(Domain::Integer)),
            tag::DECIMAL => parse_decimal(cursor),
            tag::BINARY => parse_binary(cursor).map(plain),
            tag::BITS => parse_bits(cursor).map(plain),
            tag::QUOTIENT => parse_quotient(cursor),
            other => Err(cursor.invalid("a domain", u64::from(other))),
        }
    }
}

fn parse_decimal(cursor: &mut Cursor<'_>) -> Result<ParsedDomain, FormatError> {
    let byte = cursor.byte()?;
    let exponent = byte & !tag::HAS_RAW;
    if exponent > domain::DECIMAL_EXPONENT_MAX {
        return Err(cursor.invalid("a decimal exponent up to 22", u64::from(exponent)));
    }
    Ok(ParsedDomain {
        domain: Domain::Decimal { exponent },
        corrections: None,
        has_raw: byte & tag::HAS_RAW != 0,
    })
}

fn parse_quotient(cursor: &mut Cursor<'_>) -> Result<ParsedDomain, FormatError> {
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
        domain: Domain::Quotient { divisor },
        corrections,
        has_raw: byte & tag::HAS_RAW != 0,
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

fn parse_packing<'a>(
    code: u8,
    present: usize,
    cursor: &mut Cursor<'a>,
) -> Result<Packing<'a>, FormatError> {
    if code == tag::CONSTANT {
        return Ok(Packing::Constant(cursor.signed_varint()? as u64));
    }
    let order = usize::from(code - tag::PACKED);
    if order > ORDER_MAX || order >= present {
        return Err(cursor.invalid("a packing of the present values", u64::from(code)));
    }
    let mut lead = [0; ORDER_MAX];
    for lead in &mut lead[..order] {
        *lead = cursor.signed_varint()? as u64;
    }
    let base = cursor.signed_varint()? as u64;
    let byte = cursor.byte()?;
    let width = u32::from(byte & !tag::HAS_EXCEPTIONS);
    if width > 64 {
        return Err(cursor.invalid("a width up to 64 bits", u64::from(width)));
    }
    let count = present - order;
    let bytes = cursor.take(packed_bytes(count, width))?;
    let exceptions = if byte & tag::HAS_EXCEPTIONS != 0 {
        parse_exceptions(count, cursor)?
    } else {
        &[]
    };
    Ok(Packing::Packed(Packed {
        order,
        lead,
        base,
        width,
        count,
        bytes,
        exceptions,
    }))
}

fn parse_exceptions<'a>(count: usize, cursor: &mut Cursor<'a>) -> Result<&'a [u8], FormatError> {
    walk_list(count, cursor, |cursor| cursor.varint().map(drop))
}

fn parse_raw<'a>(present: usize, cursor: &mut Cursor<'a>) -> Result<&'a [u8], FormatError> {
    walk_list(present, cursor, |cursor| cursor.take(8).map(drop))
}

/// Checks a list of items with ascending indexes below `count`, and answers its bytes.
fn walk_list<'a>(
    count: usize,
    cursor: &mut Cursor<'a>,
    item: impl Fn(&mut Cursor<'a>) -> Result<(), FormatError>,
) -> Result<&'a [u8], FormatError> {
    let items = cursor.varint()?;
    let start = cursor.position();
    let mut next = 0u64;
    for _ in 0..items {
        let index = next.saturating_add(cursor.varint()?);
        if index >= count as u64 {
            return Err(cursor.invalid("an index of a value", index));
        }
        next = index + 1;
        item(cursor)?;
    }
    Ok(cursor.since(start))
}
