//! One archive of a file: where its slots are, which slot an interval has, and which intervals it
//! holds at a given time.
//!
//! An *interval* is a timestamp rounded down to the step; it is what a slot stores. The interval in
//! slot 0 is the *base*, from which all slots are counted; 0 there means that the archive is empty.
//! [`Archive`] has private fields, because a [`Header`](super::Header) has checked them: callers
//! below may index the bytes of a file as long as that header demands.

use std::ops::Range;

use super::{SLOT_BYTES, SlotFile, WhisperError};

/// What a user asks of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArchiveSpec {
    /// Seconds from slot to slot.
    pub step_s: u32,
    /// How many slots.
    pub points: u32,
}

impl ArchiveSpec {
    /// The seconds that the archive covers.
    pub fn retention_s(self) -> u64 {
        u64::from(self.step_s) * u64::from(self.points)
    }

    /// The rules that every file of the reference keeps, on archives from fine to coarse.
    pub(super) fn check_rules(archives: &[Self]) -> Result<(), WhisperError> {
        for archive in archives {
            let Self { step_s, points } = *archive;
            if step_s == 0 || points == 0 {
                return Err(WhisperError::EmptyArchive { step_s, points });
            }
        }
        for pair in archives.windows(2) {
            pair[0].check_before(pair[1])?;
        }
        Ok(())
    }

    fn check_before(self, coarser: Self) -> Result<(), WhisperError> {
        if self.step_s == coarser.step_s {
            return Err(WhisperError::SameStep(self.step_s));
        }
        if !coarser.step_s.is_multiple_of(self.step_s) {
            return Err(WhisperError::UnevenSteps {
                finer_s: self.step_s,
                coarser_s: coarser.step_s,
            });
        }
        if coarser.retention_s() <= self.retention_s() {
            return Err(WhisperError::ShortRetention {
                step_s: coarser.step_s,
                retention_s: coarser.retention_s(),
                finer_s: self.retention_s(),
            });
        }
        let needed = coarser.step_s / self.step_s;
        if self.points < needed {
            return Err(WhisperError::TooFewPoints {
                step_s: self.step_s,
                points: self.points,
                needed,
            });
        }
        Ok(())
    }
}

/// An archive of a checked header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Archive {
    pub(super) offset_bytes: u32,
    pub(super) step_s: u32,
    pub(super) points: u32,
}

/// A slot as it stands in the file; a timestamp of 0 is an empty one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slot {
    /// The interval that was stored, in seconds since the epoch.
    pub timestamp_s: u32,
    /// The value that was stored.
    pub value: f64,
}

impl Slot {
    pub(super) fn read(bytes: &[u8; SLOT_BYTES]) -> Self {
        let [a, b, c, d, value @ ..] = *bytes;
        Self {
            timestamp_s: u32::from_be_bytes([a, b, c, d]),
            value: f64::from_be_bytes(value),
        }
    }

    /// The value, if the slot is that of `interval` and not of another turn of the ring.
    pub(super) fn value_at(self, interval: i64) -> Option<f64> {
        (i64::from(self.timestamp_s) == interval).then_some(self.value)
    }
}

impl Archive {
    /// Where its slots begin in the file.
    pub fn offset_bytes(&self) -> u32 {
        self.offset_bytes
    }

    /// Step and points.
    pub fn spec(&self) -> ArchiveSpec {
        ArchiveSpec {
            step_s: self.step_s,
            points: self.points,
        }
    }

    /// Seconds from slot to slot.
    pub fn step_s(&self) -> u32 {
        self.step_s
    }

    /// How many slots.
    pub fn points(&self) -> u32 {
        self.points
    }

    /// The seconds that it covers.
    pub fn retention_s(&self) -> u64 {
        self.spec().retention_s()
    }

    /// Where its slots are in the file.
    pub(super) fn range(&self) -> Range<usize> {
        let start = self.offset_bytes as usize;
        start..start + self.points as usize * SLOT_BYTES
    }

    /// The first byte after its slots.
    pub(super) fn end_bytes(&self) -> u64 {
        u64::from(self.offset_bytes) + u64::from(self.points) * SLOT_BYTES as u64
    }

    /// The interval of `timestamp`, which must be far from the ends of `i64`.
    pub(super) fn interval(&self, timestamp: i64) -> i64 {
        timestamp - timestamp.rem_euclid(i64::from(self.step_s))
    }

    /// True if the archive has a slot for the interval of `timestamp` at `now`: not of the future,
    /// not as old as the slot's next turn, and a number that the format can store.
    pub fn holds(&self, timestamp: i64, now: i64) -> bool {
        let step = i64::from(self.step_s);
        let (number, newest) = (timestamp.div_euclid(step), now.div_euclid(step));
        number >= 1
            && number <= i64::from(u32::MAX) / step
            && (0..i64::from(self.points)).contains(&newest.saturating_sub(number))
    }

    /// The slots in the order of the file, from byte 0 of a file on.
    pub(super) fn slots<'a>(
        &self,
        bytes: &'a [u8],
    ) -> impl DoubleEndedIterator<Item = Slot> + use<'a> {
        let (slots, _) = bytes[self.range()].as_chunks::<SLOT_BYTES>();
        slots.iter().map(Slot::read)
    }

    /// `count` slots from slot `first` on, around the end of the archive.
    pub(super) fn turn<'a>(
        &self,
        bytes: &'a [u8],
        first: u32,
        count: u32,
    ) -> impl Iterator<Item = Slot> + use<'a> {
        let (slots, _) = bytes[self.range()].as_chunks::<SLOT_BYTES>();
        let (before, after) = slots.split_at(first as usize);
        let turn = after.iter().chain(before);
        turn.take(count as usize).map(Slot::read)
    }

    /// The interval in slot 0; `None` for an archive that was never written.
    pub(super) fn base(&self, bytes: &[u8]) -> Option<i64> {
        let base = self.slots(bytes).next()?.timestamp_s;
        (base != 0).then_some(i64::from(base))
    }

    /// The slot of an interval, counted from `base`.
    pub(super) fn slot_number(&self, base: i64, interval: i64) -> u32 {
        let distance = (interval - base).div_euclid(i64::from(self.step_s));
        distance.rem_euclid(i64::from(self.points)) as u32
    }

    /// `count` slots from slot `first` on, around the end of the archive, read into `room`.
    pub(super) fn turn_of<'a, F: SlotFile + ?Sized>(
        &self,
        file: &mut F,
        (first, count): (u32, u32),
        room: &'a mut Vec<u8>,
    ) -> Result<impl Iterator<Item = Slot> + use<'a, F>, F::Error> {
        let bytes = |slots: u32| slots as usize * SLOT_BYTES;
        room.resize(bytes(count), 0);
        let before_end = count.min(self.points - first);
        let (head, tail) = room.split_at_mut(bytes(before_end));
        file.read(self.slot_offset(first), head)?;
        if !tail.is_empty() {
            file.read(self.slot_offset(0), tail)?;
        }
        let (slots, _) = room.as_chunks::<SLOT_BYTES>();
        Ok(slots.iter().map(Slot::read))
    }

    /// [`Archive::base`] of a file that is not all in memory.
    pub(super) fn base_of<F: SlotFile + ?Sized>(
        &self,
        file: &mut F,
    ) -> Result<Option<i64>, F::Error> {
        let mut base = [0; 4];
        file.read(self.slot_offset(0), &mut base)?;
        let base = u32::from_be_bytes(base);
        Ok((base != 0).then_some(i64::from(base)))
    }

    /// Stores a value; slot 0 of an empty archive becomes its base.
    pub(super) fn store<F: SlotFile + ?Sized>(
        &self,
        file: &mut F,
        interval: u32,
        value: f64,
    ) -> Result<(), F::Error> {
        let number = match self.base_of(file)? {
            Some(base) => self.slot_number(base, i64::from(interval)),
            None => 0,
        };
        let mut slot = [0; SLOT_BYTES];
        slot[..4].copy_from_slice(&interval.to_be_bytes());
        slot[4..].copy_from_slice(&value.to_be_bytes());
        file.write(self.slot_offset(number), &slot)
    }

    fn slot_offset(&self, number: u32) -> usize {
        self.offset_bytes as usize + number as usize * SLOT_BYTES
    }
}
