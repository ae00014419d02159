//! Which slots of a series hold a value.
//!
//! Values are encoded densely, without their gaps; presence says where they go. Of three forms the
//! smallest is written: nothing at all (every slot is present), a list of runs, or a bitmap.

use std::ops::Range;

use crate::cursor::{Cursor, bits, put_varint, varint_bytes};
use crate::error::FormatError;

/// The code of each form, as it stands in the tag.
const ALL: u8 = 0;
const RUNS: u8 = 1;
const BITMAP: u8 = 2;

/// Presence as parsed: borrowed from the bytes and already checked.
#[derive(Clone, Debug)]
pub(crate) struct Presence<'a> {
    form: Form<'a>,
    slots: usize,
    present: usize,
}

#[derive(Clone, Debug)]
enum Form<'a> {
    All,
    /// Pairs of varints: absent slots, then present slots less one.
    Runs(&'a [u8]),
    /// One bit a slot, lowest first.
    Bitmap(&'a [u8]),
}

/// Appends the presence of `values` (NaN is absent) and answers its code.
pub(crate) fn encode(values: &[f64], present: usize, out: &mut Vec<u8>) -> u8 {
    if present == values.len() {
        return ALL;
    }
    let (count, runs_bytes) = measure_runs(values);
    if runs_bytes <= values.len().div_ceil(8) {
        put_varint(out, count as u64);
        for_each_run(values, |gap, length| {
            put_varint(out, gap as u64);
            put_varint(out, length as u64 - 1);
        });
        return RUNS;
    }
    for eight in values.chunks(8) {
        let byte = eight.iter().enumerate().fold(0u8, |byte, (bit, value)| {
            byte | u8::from(!value.is_nan()) << bit
        });
        out.push(byte);
    }
    BITMAP
}

fn measure_runs(values: &[f64]) -> (usize, usize) {
    let (mut count, mut size) = (0, 0);
    for_each_run(values, |gap, length| {
        count += 1;
        size += varint_bytes(bits(gap as u64)) + varint_bytes(bits(length as u64 - 1));
    });
    (count, size + varint_bytes(bits(count as u64)))
}

/// Calls `run(absent, present)` for each run of present slots and the gap before it.
fn for_each_run(values: &[f64], mut run: impl FnMut(usize, usize)) {
    let mut rest = values;
    while let Some(gap) = rest.iter().position(|value| !value.is_nan()) {
        rest = &rest[gap..];
        let length = rest.iter().position(|value| value.is_nan());
        let length = length.unwrap_or(rest.len());
        run(gap, length);
        rest = &rest[length..];
    }
}

impl<'a> Presence<'a> {
    /// Reads and checks presence of the form `code` for `slots` slots.
    pub(crate) fn parse(
        code: u8,
        slots: usize,
        cursor: &mut Cursor<'a>,
    ) -> Result<Self, FormatError> {
        let (form, present) = match code {
            ALL => (Form::All, slots),
            RUNS => parse_runs(slots, cursor)?,
            BITMAP => parse_bitmap(slots, cursor)?,
            other => return Err(cursor.invalid("a form of presence", u64::from(other))),
        };
        if present == 0 {
            return Err(cursor.invalid("at least one present slot", 0));
        }
        Ok(Self {
            form,
            slots,
            present,
        })
    }

    /// How many slots the block has.
    pub(crate) fn slots(&self) -> usize {
        self.slots
    }

    /// How many slots are present.
    pub(crate) fn present(&self) -> usize {
        self.present
    }

    /// How many present slots stand before `slot`.
    pub(crate) fn rank(&self, slot: usize) -> usize {
        match self.form {
            Form::All => slot,
            Form::Runs(_) => self
                .runs()
                .map(|run| run.end.min(slot).saturating_sub(run.start))
                .sum(),
            Form::Bitmap(bitmap) => {
                let whole = &bitmap[..slot / 8];
                let ones: u32 = whole.iter().map(|byte| byte.count_ones()).sum();
                let rest = match slot % 8 {
                    0 => 0,
                    extra => (bitmap[slot / 8] & ((1 << extra) - 1)).count_ones(),
                };
                (ones + rest) as usize
            }
        }
    }

    /// Moves the dense values at the end of `out` to their places in `window`, NaN between.
    ///
    /// The dense values lie at the end, so a forward walk never overwrites one that is still to be
    /// moved: as many places remain as values do, or more.
    pub(crate) fn expand(&self, window: Range<usize>, dense: usize, out: &mut [f64]) {
        match self.form {
            Form::All => {}
            Form::Runs(_) => self.expand_runs(window, dense, out),
            Form::Bitmap(bitmap) => expand_bitmap(bitmap, window, dense, out),
        }
    }

    fn expand_runs(&self, window: Range<usize>, dense: usize, out: &mut [f64]) {
        let mut source = out.len() - dense;
        let mut written = 0;
        for run in self.runs() {
            let start = run.start.clamp(window.start, window.end) - window.start;
            let end = run.end.clamp(window.start, window.end) - window.start;
            if start == end {
                continue;
            }
            // A run is copied before the gap in front of it is filled: they never overlap.
            out.copy_within(source..source + (end - start), start);
            out[written..start].fill(f64::NAN);
            source += end - start;
            written = end;
        }
        out[written..].fill(f64::NAN);
    }

    /// The runs of present slots, ascending; only of a form that was parsed as runs.
    fn runs(&self) -> impl Iterator<Item = Range<usize>> {
        let bytes = match self.form {
            Form::Runs(bytes) => bytes,
            Form::All | Form::Bitmap(_) => &[],
        };
        let mut cursor = Cursor::new("presence", bytes, 0);
        let mut end = 0;
        std::iter::from_fn(move || {
            if cursor.remaining() == 0 {
                return None;
            }
            let start = end + cursor.varint().ok()? as usize;
            end = start + cursor.varint().ok()? as usize + 1;
            Some(start..end)
        })
    }
}

fn parse_runs<'a>(slots: usize, cursor: &mut Cursor<'a>) -> Result<(Form<'a>, usize), FormatError> {
    let count = cursor.varint()?;
    let start = cursor.position();
    let (mut end, mut present) = (0u64, 0u64);
    for _ in 0..count {
        let gap = cursor.varint()?;
        let length = cursor.varint()?.saturating_add(1);
        end = end.saturating_add(gap).saturating_add(length);
        present = present.saturating_add(length);
        if end > slots as u64 {
            return Err(cursor.invalid("runs within the block's slots", end));
        }
    }
    Ok((Form::Runs(cursor.since(start)), present as usize))
}

fn parse_bitmap<'a>(
    slots: usize,
    cursor: &mut Cursor<'a>,
) -> Result<(Form<'a>, usize), FormatError> {
    let bitmap = cursor.take(slots.div_ceil(8))?;
    let spare = bitmap.len() * 8 - slots;
    let last = bitmap.last().copied().unwrap_or(0);
    if last.leading_zeros() < spare as u32 {
        return Err(cursor.invalid("a bitmap that ends with the slots", u64::from(last)));
    }
    let present: u32 = bitmap.iter().map(|byte| byte.count_ones()).sum();
    Ok((Form::Bitmap(bitmap), present as usize))
}

fn expand_bitmap(bitmap: &[u8], window: Range<usize>, dense: usize, out: &mut [f64]) {
    let length = out.len();
    let mut source = length - dense;
    for (place, slot) in window.enumerate() {
        let is_present = bitmap[slot / 8] >> (slot % 8) & 1 == 1;
        // Past the last value the source stands at the end; any value read there is not used.
        let value = out[source.min(length - 1)];
        out[place] = if is_present { value } else { f64::NAN };
        source += usize::from(is_present);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(values: &[f64], window: Range<usize>) -> Vec<f64> {
        let dense: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
        let mut bytes = Vec::new();
        let code = encode(values, dense.len(), &mut bytes);
        let mut cursor = Cursor::new("test", &bytes, 0);
        let presence = Presence::parse(code, values.len(), &mut cursor).unwrap();
        assert_eq!(cursor.remaining(), 0);
        assert_eq!(presence.present(), dense.len());
        let ranks = presence.rank(window.start)..presence.rank(window.end);
        let mut out = vec![0.0; window.len()];
        let at = out.len() - ranks.len();
        out[at..].copy_from_slice(&dense[ranks.clone()]);
        presence.expand(window, ranks.len(), &mut out);
        out
    }

    fn same(left: &[f64], right: &[f64]) -> bool {
        left.len() == right.len()
            && (left.iter().zip(right)).all(|(a, b)| a == b || (a.is_nan() && b.is_nan()))
    }

    proptest! {
        #[test]
        fn any_window_comes_back(
            runs in proptest::collection::vec((any::<bool>(), 1usize..20), 1..30),
            noise in any::<bool>(),
            cut in (0.0f64..1.0, 0.0f64..1.0),
        ) {
            let mut values = Vec::new();
            for (is_present, length) in runs {
                for index in 0..length {
                    let is_present = is_present ^ (noise && index % 2 == 0);
                    values.push(if is_present { values.len() as f64 } else { f64::NAN });
                }
            }
            prop_assume!(values.iter().any(|value| !value.is_nan()));
            let place = |share: f64| (share * (values.len() + 1) as f64) as usize;
            let window = place(cut.0.min(cut.1))..place(cut.0.max(cut.1));
            prop_assert!(same(&round_trip(&values, window.clone()), &values[window]));
        }
    }

    #[test]
    fn a_single_point_costs_three_bytes() {
        let mut values = vec![f64::NAN; 120];
        values[77] = 1.0;
        let mut bytes = Vec::new();
        assert_eq!(encode(&values, 1, &mut bytes), RUNS);
        assert_eq!(bytes, [1, 77, 0]);
    }

    #[test]
    fn hostile_presence_is_refused() {
        let parse = |code, bytes: &[u8]| {
            Presence::parse(code, 10, &mut Cursor::new("test", bytes, 0)).map(|p| p.present())
        };
        assert!(parse(RUNS, &[1, 5, 5]).is_err(), "past the slots");
        assert!(parse(RUNS, &[0]).is_err(), "nothing present");
        assert!(parse(RUNS, &[200, 1]).is_err(), "cut");
        assert!(parse(BITMAP, &[1, 4]).is_err(), "a bit past the slots");
        assert!(parse(BITMAP, &[0, 0]).is_err(), "nothing present");
        assert!(parse(3, &[]).is_err(), "unknown form");
        assert_eq!(parse(BITMAP, &[1, 2]).unwrap(), 2);
    }
}
