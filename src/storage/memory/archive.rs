//! One archive in memory: a ring of slots, each with the time it was written for.

use crate::metric::{Archive, Rollup};

/// A ring of as many slots as the archive keeps points. A slot that was written in an earlier round
/// of the ring reads as unknown, because its time is not the one asked for.
pub(super) struct SlotRing {
    step: i64,
    slots: Vec<Slot>,
}

#[derive(Clone, Copy)]
struct Slot {
    time: i64,
    value: f64,
}

/// Slots that may be written beyond the one of the present, for clocks that run ahead.
pub(super) const SLOTS_AHEAD: i64 = 1;

/// A time that no slot is ever asked for.
const NEVER: i64 = i64::MIN;

impl SlotRing {
    pub(super) fn new(archive: Archive) -> Self {
        let empty = Slot {
            time: NEVER,
            value: f64::NAN,
        };
        let slots = archive.points as usize + SLOTS_AHEAD as usize;
        Self {
            step: i64::from(archive.step),
            slots: vec![empty; slots],
        }
    }

    /// Stores a value in the slot of a time; the last value wins.
    pub(super) fn put(&mut self, timestamp: i64, value: f64) {
        let time = timestamp - timestamp.rem_euclid(self.step);
        let place = self.place(time);
        self.slots[place] = Slot { time, value };
    }

    /// `count` values from the slot at `start` on, which is a multiple of the step.
    pub(super) fn read(&self, start: i64, count: usize) -> Vec<f64> {
        let (before, from) = self.slots.split_at(self.place(start));
        let round = from.iter().chain(before).cycle();
        let times = (0..count as i64).map(|slot| start + slot * self.step);
        let value = |(slot, time): (&Slot, i64)| {
            if slot.time == time {
                slot.value
            } else {
                f64::NAN
            }
        };
        round.zip(times).map(value).collect()
    }

    /// Makes the slot of a time from the finer archive. False when too few of its slots are known;
    /// what the slot held then stays.
    pub(super) fn roll_up(&mut self, finer: &Self, timestamp: i64, rollup: Rollup) -> bool {
        let start = timestamp - timestamp.rem_euclid(self.step);
        let fine = finer.read(start, usize::try_from(self.step / finer.step).unwrap_or(0));
        let value = rollup.method.roll_up(&fine, rollup.x_files_factor);
        if let Some(value) = value {
            self.put(start, value);
        }
        value.is_some()
    }

    fn place(&self, time: i64) -> usize {
        (time / self.step).rem_euclid(self.slots.len() as i64) as usize
    }
}
