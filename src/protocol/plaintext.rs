//! The plaintext protocol: `name value timestamp` lines.
//!
//! Grammar: fields apart by any run of spaces and tabs; LF or CRLF; a missing timestamp, `-1` or
//! `N` is the receive time. A wholly blank line holds no point and is passed over. An OpenMetrics name
//! `name{tag="a value"}` may hold blanks between its quotes.
//!
//! Each line is read once: the plain form (an untagged ASCII name, a decimal number, whole seconds) in
//! a single forward pass, anything else again by the careful road, which knows the whole grammar and
//! finds the reason for a refusal. A property test holds the two equal.
//!
//! Invariant: at most `line_bytes_max` bytes of an unfinished line are left to the caller. A longer one
//! is refused once, and everything up to its end is skipped.

use super::number::{self, TIMESTAMP_MAX, decimal};
use super::{Decoded, Limits, Sink};
use crate::metric::Refusal;
use crate::metric::name::{NameRules, NameScratch, scan};

/// The plaintext decoder of one connection.
#[derive(Debug)]
pub struct Plaintext {
    names: NameRules,
    line_bytes_max: usize,
    scratch: NameScratch,
    /// True inside a line that was too long, until its end.
    is_skipping: bool,
}

/// A line that the fast pass could take.
struct Line {
    name_length: usize,
    value: f64,
    timestamp: i64,
    /// Bytes of the line, its end included.
    length: usize,
}

impl Plaintext {
    /// A decoder at the start of a line.
    pub fn new(limits: Limits) -> Self {
        Self {
            names: limits.names,
            line_bytes_max: limits.line_bytes_max,
            scratch: NameScratch::default(),
            is_skipping: false,
        }
    }

    /// Decodes every finished line in `input` while the sink has room.
    pub fn decode<S: Sink>(&mut self, input: &[u8], now: i64, sink: &mut S) -> Decoded {
        let mut at = 0;
        if self.is_skipping {
            let Some(end) = memchr::memchr(b'\n', input) else {
                return Decoded {
                    consumed: input.len(),
                    has_more: false,
                };
            };
            self.is_skipping = false;
            at = end + 1;
        }
        let lines_end = memchr::memrchr(b'\n', input).map_or(at, |last| last + 1);
        while at < lines_end {
            if sink.is_full() {
                return Decoded {
                    consumed: at,
                    has_more: true,
                };
            }
            at += self.decode_line(&input[at..lines_end], now, sink);
        }
        if input.len() - at > self.line_bytes_max {
            sink.refuse(Refusal::LineTooLong, &input[at..]);
            self.is_skipping = true;
            at = input.len();
        }
        Decoded {
            consumed: at,
            has_more: false,
        }
    }

    /// Takes `rest` as a last line without its end.
    pub fn finish<S: Sink>(&mut self, rest: &[u8], now: i64, sink: &mut S) {
        if !self.is_skipping {
            self.decode_carefully(rest, now, sink);
        }
        self.is_skipping = false;
    }

    /// Decodes the first line of `lines`, which holds at least one whole line; returns its length.
    #[inline]
    fn decode_line<S: Sink>(&mut self, lines: &[u8], now: i64, sink: &mut S) -> usize {
        if let Some(line) = read_plain(lines, &self.names, now)
            && line.length <= self.line_bytes_max
        {
            sink.point(&lines[..line.name_length], line.timestamp, line.value);
            return line.length;
        }
        let end = memchr::memchr(b'\n', lines).unwrap_or(lines.len());
        self.decode_carefully(&lines[..end], now, sink);
        end + 1
    }

    /// Decodes one line, its LF not included, by the whole grammar.
    #[inline(never)]
    fn decode_carefully<S: Sink>(&mut self, line: &[u8], now: i64, sink: &mut S) {
        if line.len() > self.line_bytes_max {
            return sink.refuse(Refusal::LineTooLong, line);
        }
        let line = trim_blanks(line.strip_suffix(b"\r").unwrap_or(line));
        if line.is_empty() {
            return;
        }
        match read_fields(line, &self.names, &mut self.scratch, now) {
            Ok((name, timestamp, value)) => sink.point(name, timestamp, value),
            Err(reason) => sink.refuse(reason, line),
        }
    }
}

#[inline]
fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// The fast pass. `None` for anything out of the ordinary, bad lines included.
#[inline]
fn read_plain(lines: &[u8], names: &NameRules, now: i64) -> Option<Line> {
    let name = scan(lines);
    if !names.accepts_as_is(&name) {
        return None;
    }
    let mut at = skip_blanks(lines, name.end)?;
    let number = decimal(&lines[at..])?;
    at += number.length;
    let timestamp = match lines.get(at)? {
        b' ' | b'\t' => {
            at = skip_blanks(lines, at)?;
            let (seconds, length) = whole_seconds(&lines[at..])?;
            at += length;
            seconds
        }
        _ => now,
    };
    if lines.get(at) == Some(&b'\r') {
        at += 1;
    }
    (lines.get(at) == Some(&b'\n')).then_some(Line {
        name_length: name.end,
        value: number.value,
        timestamp,
        length: at + 1,
    })
}

/// The place after a run of blanks, which must not be empty.
#[inline]
fn skip_blanks(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while is_blank(*bytes.get(at)?) {
        at += 1;
    }
    (at > from).then_some(at)
}

/// Whole seconds at the front and their length; `None` for every other form of a timestamp.
#[inline]
fn whole_seconds(bytes: &[u8]) -> Option<(i64, usize)> {
    let mut seconds = 0_i64;
    let mut length = 0;
    while let Some(digit @ b'0'..=b'9') = bytes.get(length) {
        // Ten digits are all that a timestamp has; more would only be refused.
        if length == 10 {
            return None;
        }
        seconds = seconds * 10 + i64::from(digit - b'0');
        length += 1;
    }
    (length > 0 && seconds <= TIMESTAMP_MAX).then_some((seconds, length))
}

fn trim_blanks(mut line: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = line
        && is_blank(*first)
    {
        line = rest;
    }
    while let [rest @ .., last] = line
        && is_blank(*last)
    {
        line = rest;
    }
    line
}

/// The careful road: fields first, so that a line with too many is not blamed on its name.
fn read_fields<'a>(
    line: &'a [u8],
    names: &NameRules,
    scratch: &'a mut NameScratch,
    now: i64,
) -> Result<(&'a [u8], i64, f64), Refusal> {
    let (raw_name, rest) = line.split_at(name_end(line));
    let mut fields = rest
        .split(|&byte| is_blank(byte))
        .filter(|field| !field.is_empty());
    let value_field = fields.next().ok_or(Refusal::BadLine)?;
    let timestamp_field = fields.next();
    if fields.next().is_some() {
        return Err(Refusal::BadLine);
    }
    let name = names.canonical(raw_name, scratch)?;
    let value = number::value(value_field)?;
    let timestamp = match timestamp_field {
        Some(field) => number::timestamp(field, now)?,
        None => now,
    };
    Ok((name, timestamp, value))
}

/// Where the name ends: at the first blank, or behind the closing brace of an OpenMetrics name.
fn name_end(line: &[u8]) -> usize {
    let first_blank = line
        .iter()
        .position(|&byte| is_blank(byte))
        .unwrap_or(line.len());
    match memchr::memchr(b'{', &line[..first_blank]) {
        Some(brace) => closing_brace(line, brace).unwrap_or(first_blank),
        None => first_blank,
    }
}

/// The place behind the brace that closes the one at `open`, if quoted tags stand between the two and a
/// blank or the end follows.
fn closing_brace(line: &[u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    let mut is_quoted = false;
    let mut quotes = 0;
    while at < line.len() {
        match line[at] {
            b'\\' if is_quoted => at += 1,
            b'"' => {
                is_quoted = !is_quoted;
                quotes += 1;
            }
            b'}' if !is_quoted => {
                let end = at + 1;
                let closes = line.get(end).is_none_or(|&byte| is_blank(byte));
                return (closes && quotes > 0).then_some(end);
            }
            _ => {}
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests;
