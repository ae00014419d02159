//! The protobuf protocol: frames of `Payload`, as carbon and go-carbon speak it.
//!
//! ```text
//! Payload { repeated Metric metrics = 1 }
//! Metric  { string metric = 1; repeated Point points = 2 }
//! Point   { uint32 timestamp = 1; double value = 2 }
//! ```
//!
//! Read in place, field by field; fields that are not known are passed over. A metric is decoded whole
//! before the sink is asked again, so a sink must bear the points of one metric beyond its fill.

use super::frames::{Framed, Frames};
use super::number;
use super::{Limits, Sink};
use crate::metric::Refusal;
use crate::metric::name::{NameRules, NameScratch};

/// The protobuf decoder of one connection.
#[derive(Debug)]
pub struct Protobuf {
    names: NameRules,
    scratch: NameScratch,
    frames: Frames,
    /// How much of the current frame is done.
    frame_at: usize,
}

/// The frame is no protocol buffer of this kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Malformed;

/// One field of a message: its number and what it holds.
enum Field<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32,
}

impl Protobuf {
    /// A decoder at the start of a frame.
    pub fn new(limits: Limits) -> Self {
        Self {
            names: limits.names,
            scratch: NameScratch::default(),
            frames: Frames::new(limits.frame_bytes_max),
            frame_at: 0,
        }
    }
}

impl Framed for Protobuf {
    fn frames(&mut self) -> &mut Frames {
        &mut self.frames
    }

    fn work_off_frame<S: Sink>(&mut self, now: i64, sink: &mut S) -> bool {
        let body = self.frames.whole().unwrap_or_default();
        let mut rest = &body[self.frame_at..];
        while !rest.is_empty() {
            if sink.is_full() {
                self.frame_at = body.len() - rest.len();
                return false;
            }
            match read_field(&mut rest) {
                Ok((1, Field::Bytes(metric))) => {
                    read_metric(metric, &self.names, &mut self.scratch, now, sink);
                }
                Ok(_) => {}
                Err(Malformed) => {
                    sink.refuse(Refusal::BadLine, rest);
                    break;
                }
            }
        }
        self.end_frame();
        true
    }

    fn end_frame(&mut self) {
        self.frame_at = 0;
        self.frames.advance();
    }
}

fn read_metric<S: Sink>(
    metric: &[u8],
    names: &NameRules,
    scratch: &mut NameScratch,
    now: i64,
    sink: &mut S,
) {
    // The name usually comes first but need not.
    let Some(raw_name) = find_name(metric) else {
        return sink.refuse(Refusal::BadLine, metric);
    };
    let name = match names.canonical(raw_name, scratch) {
        Ok(name) => name,
        Err(reason) => return sink.refuse(reason, raw_name),
    };
    let mut rest = metric;
    while let Ok((number, field)) = read_field(&mut rest) {
        if let (2, Field::Bytes(point)) = (number, field) {
            match read_point(point, now) {
                Ok((timestamp, value)) => sink.point(name, timestamp, value),
                Err(reason) => sink.refuse(reason, name),
            }
        }
    }
}

/// The name, if the metric is well formed to its end.
fn find_name(metric: &[u8]) -> Option<&[u8]> {
    let mut rest = metric;
    let mut name = None;
    while !rest.is_empty() {
        if let (1, Field::Bytes(text)) = read_field(&mut rest).ok()? {
            name = Some(text);
        }
    }
    name
}

fn read_point(point: &[u8], now: i64) -> Result<(i64, f64), Refusal> {
    // What is left out of a message is zero.
    let (mut timestamp, mut value) = (0, 0.0);
    let mut rest = point;
    while !rest.is_empty() {
        match read_field(&mut rest).map_err(|Malformed| Refusal::BadLine)? {
            (1, Field::Varint(seconds)) => timestamp = seconds,
            (2, Field::Fixed64(bits)) => value = f64::from_bits(bits),
            _ => {}
        }
    }
    if value.is_nan() {
        return Err(Refusal::Nan);
    }
    // A sender that puts -1 into 32 bits, or into 64, means now.
    let is_now = timestamp == u64::from(u32::MAX) || timestamp == u64::MAX;
    let seconds = if is_now { -1.0 } else { timestamp as f64 };
    Ok((number::timestamp_of(seconds, now)?, value))
}

/// Reads a field from the front of `rest` and moves `rest` past it.
fn read_field<'a>(rest: &mut &'a [u8]) -> Result<(u64, Field<'a>), Malformed> {
    let key = read_varint(rest)?;
    let field = match key & 7 {
        0 => Field::Varint(read_varint(rest)?),
        1 => {
            let bytes = take(rest, 8)?;
            let bytes = bytes.try_into().expect("eight bytes were taken");
            Field::Fixed64(u64::from_le_bytes(bytes))
        }
        2 => {
            let length = usize::try_from(read_varint(rest)?).map_err(|_| Malformed)?;
            Field::Bytes(take(rest, length)?)
        }
        5 => {
            take(rest, 4)?;
            Field::Fixed32
        }
        _ => return Err(Malformed),
    };
    Ok((key >> 3, field))
}

fn read_varint(rest: &mut &[u8]) -> Result<u64, Malformed> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(rest, 1)?[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(Malformed)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], Malformed> {
    let (taken, left) = rest.split_at_checked(length).ok_or(Malformed)?;
    *rest = left;
    Ok(taken)
}

#[cfg(test)]
mod tests;
