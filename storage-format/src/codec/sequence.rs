//! Packed integers, checked and turned back into values.
//!
//! Decoding works in runs of 64 integers: unpack, mend exceptions, sum up differences, turn into
//! floats. Each step is a plain loop over a fixed array.

use std::ops::Range;

use super::bitpack::{self, LANES, Lanes, packed_bytes};
use super::domain::Domain;
use super::encoded::PART;
use super::plan::ORDER_MAX;
use super::tag;
use crate::cursor::Cursor;
use crate::error::FormatError;

/// The integers of one series, one a present value.
#[derive(Clone, Debug)]
pub(super) enum Packing<'a> {
    Constant(u64),
    Packed(Packed<'a>),
    Framed(Framed<'a>),
}

/// Integers in frames of equal length, each packed on its own.
#[derive(Clone, Debug)]
pub(super) struct Framed<'a> {
    /// How many integers a frame has; the last one may have fewer.
    frame: usize,
    /// How many there are in all.
    present: usize,
    /// Frame after frame: a byte for its packing, then that packing.
    bytes: &'a [u8],
}

/// Integers packed as residuals of one width.
#[derive(Clone, Debug)]
pub(super) struct Packed<'a> {
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

impl<'a> Packing<'a> {
    /// Reads and checks the packing `code` of so many present values.
    pub(super) fn parse(
        code: u8,
        present: usize,
        cursor: &mut Cursor<'a>,
    ) -> Result<Self, FormatError> {
        match code {
            tag::FRAMED => Framed::parse(present, cursor).map(Self::Framed),
            _ => Self::parse_plain(code, present, cursor),
        }
    }

    fn parse_plain(code: u8, present: usize, cursor: &mut Cursor<'a>) -> Result<Self, FormatError> {
        match code {
            tag::CONSTANT => Ok(Self::Constant(cursor.signed_varint()? as u64)),
            _ => Packed::parse(code, present, cursor).map(Self::Packed),
        }
    }

    /// Writes the values of `ranks` to `out`, which is as long.
    pub(super) fn decode(&self, domain: Domain, ranks: &Range<usize>, out: &mut [f64]) {
        match self {
            Self::Constant(integer) => {
                let mut value = [0.0];
                domain.to_values(&[*integer], &mut value);
                out.fill(value[0]);
            }
            Self::Packed(packed) => packed.decode(domain, ranks, out),
            Self::Framed(framed) => framed.decode(domain, ranks, out),
        }
    }
}

impl<'a> Framed<'a> {
    fn parse(present: usize, cursor: &mut Cursor<'a>) -> Result<Self, FormatError> {
        let exponent = cursor.byte()?;
        if !tag::FRAME_EXPONENTS.contains(&exponent) {
            return Err(cursor.invalid("a frame of 2^6 to 2^15 values", u64::from(exponent)));
        }
        let frame = 1 << exponent;
        let start = cursor.position();
        for first in (0..present).step_by(frame) {
            let code = cursor.byte()?;
            Packing::parse_plain(code, frame.min(present - first), cursor)?;
        }
        Ok(Self {
            frame,
            present,
            bytes: cursor.since(start),
        })
    }

    fn decode(&self, domain: Domain, ranks: &Range<usize>, out: &mut [f64]) {
        let mut cursor = Cursor::new(PART, self.bytes, 0);
        for first in (0..self.present.min(ranks.end)).step_by(self.frame) {
            let count = self.frame.min(self.present - first);
            // The bytes were checked when they were parsed as a whole.
            let packing =
                (cursor.byte()).and_then(|code| Packing::parse_plain(code, count, &mut cursor));
            let Ok(packing) = packing else { return };
            let from = ranks.start.max(first);
            let to = ranks.end.min(first + count);
            if from < to {
                let own = from - first..to - first;
                let values = &mut out[from - ranks.start..to - ranks.start];
                packing.decode(domain, &own, values);
            }
        }
    }
}

impl<'a> Packed<'a> {
    fn parse(code: u8, present: usize, cursor: &mut Cursor<'a>) -> Result<Self, FormatError> {
        let order = usize::from(code.wrapping_sub(tag::PACKED));
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
        Ok(Self {
            order,
            lead,
            base,
            width,
            count,
            bytes,
            exceptions,
        })
    }

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

fn parse_exceptions<'a>(count: usize, cursor: &mut Cursor<'a>) -> Result<&'a [u8], FormatError> {
    walk_list(count, cursor, |cursor| cursor.varint().map(drop))
}

/// Checks a list of items with ascending indexes below `count`, and answers its bytes.
pub(super) fn walk_list<'a>(
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
