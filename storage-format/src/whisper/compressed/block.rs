//! One block: a first point as it is, then each one by what it differs in from those before.

use super::BLOCK_PART;
use super::bits::BitReader;
use crate::error::FormatError;
use crate::whisper::SLOT_BYTES;

/// Meaningful bits are at least these when they are written in full.
const WHOLE_BITS: u64 = 63;

#[derive(Clone, Copy)]
struct Point {
    time: i64,
    bits: u64,
}

/// The points of a block, which say the table that they run from `start` to `end`.
///
/// # Errors
/// Where the points do not ascend from the one to the other.
pub(super) fn decode(
    bytes: &[u8],
    offset: u64,
    step_s: u32,
    start: u32,
    end: u32,
) -> Result<Vec<(i64, f64)>, FormatError> {
    let invalid = |byte: usize, expected: &'static str, found: u64| FormatError::Invalid {
        part: BLOCK_PART,
        offset: offset + byte as u64,
        expected,
        found,
    };
    let [a, b, c, d, value @ ..] = first_bytes(bytes);
    let time = u32::from_be_bytes([a, b, c, d]);
    if time != start {
        return Err(invalid(
            0,
            "the time at which the table says it begins",
            u64::from(time),
        ));
    }
    let mut last = Point {
        time: i64::from(time),
        bits: u64::from_be_bytes(value),
    };
    let mut before = last;
    let mut points = vec![(last.time, f64::from_bits(last.bits))];
    let mut bits = BitReader::new(bytes, SLOT_BYTES);
    while last.time < i64::from(end) {
        let at = bits.byte();
        let next = next(&mut bits, step_s, last, before);
        let next = next.ok_or_else(|| {
            invalid(
                at,
                "points up to the end that the table has",
                last.time as u64,
            )
        })?;
        let is_next = next.time > last.time && next.time % i64::from(step_s) == 0;
        if !is_next || next.time > i64::from(end) {
            return Err(invalid(
                at,
                "ascending times up to the table's end",
                next.time as u64,
            ));
        }
        points.push((next.time, f64::from_bits(next.bits)));
        before = last;
        last = next;
    }
    Ok(points)
}

fn first_bytes(bytes: &[u8]) -> [u8; SLOT_BYTES] {
    // A block is at least this long: its archive's entry was checked.
    let mut first = [0; SLOT_BYTES];
    let count = bytes.len().min(SLOT_BYTES);
    first[..count].copy_from_slice(&bytes[..count]);
    first
}

/// `None` at the end of the block or for bits that no writer writes.
fn next(bits: &mut BitReader<'_>, step_s: u32, last: Point, before: Point) -> Option<Point> {
    let time = next_time(bits, step_s, last, before)?;
    let bits = next_value(bits, last, before)?;
    Some(Point { time, bits })
}

/// The change of the distance in steps, by a prefix of ones as long as its number asks for; or the
/// time itself.
fn next_time(bits: &mut BitReader<'_>, step_s: u32, last: Point, before: Point) -> Option<i64> {
    let mut ones = 0;
    while ones < 4 && bits.bit()? {
        ones += 1;
    }
    let width = match ones {
        0 => return Some(2 * last.time - before.time),
        1 => 7,
        2 => 9,
        3 => 12,
        _ => {
            // Zero marks the end.
            let time = bits.number(32)?;
            return (time != 0).then_some(time as i64);
        }
    };
    let number = bits.number(width)? as i64;
    let sign = 1i64 << (width - 1);
    let change = match number & sign {
        0 => number,
        _ => -(number & (sign - 1)),
    };
    Some(2 * last.time - before.time + change * i64::from(step_s))
}

/// The bits that differ from the last value: none, those between where the last two differed, or
/// some whose place is given.
fn next_value(bits: &mut BitReader<'_>, last: Point, before: Point) -> Option<u64> {
    if !bits.bit()? {
        return Some(last.bits);
    }
    if !bits.bit()? {
        let former = last.bits ^ before.bits;
        if former == 0 {
            return None;
        }
        let (leading, trailing) = (former.leading_zeros(), former.trailing_zeros());
        let meaningful = bits.number((64 - leading - trailing) as usize)?;
        return Some(last.bits ^ (meaningful << trailing));
    }
    let leading = bits.number(5)?;
    let length = bits.number(6)?;
    if length == WHOLE_BITS {
        return Some(last.bits ^ bits.number(64)?);
    }
    let trailing = 64u64.checked_sub(leading + length)?;
    let meaningful = bits.number(length as usize)?;
    match trailing {
        64 => None,
        _ => Some(last.bits ^ (meaningful << trailing)),
    }
}
