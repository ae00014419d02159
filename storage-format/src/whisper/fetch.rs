//! Reading a range of a file.
//!
//! Times may be any `i64`; they are brought within [`TIME_LIMIT_S`] of the epoch before anything is
//! computed with them, which no answer shows, since the format's own times have 32 bits.

use super::{Archive, Header, Slot, SlotFile, WhisperError};
use crate::error::FormatError;

/// Times beyond this are as good as it: 34,000 years.
const TIME_LIMIT_S: i64 = 1 << 40;

/// What a range of one archive holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Fetched {
    /// The first interval, in seconds since the epoch.
    pub start_s: i64,
    /// The interval after the last, in seconds since the epoch.
    pub end_s: i64,
    /// Seconds from value to value.
    pub step_s: u32,
    /// A value an interval from the first on; NaN for an empty slot, and for a stored NaN.
    pub values: Vec<f64>,
}

impl Fetched {
    /// The known values with their intervals, oldest first.
    pub fn known(&self) -> impl DoubleEndedIterator<Item = (i64, f64)> {
        let values = self.values.iter().enumerate();
        values
            .map(|(index, &value)| (self.start_s + index as i64 * i64::from(self.step_s), value))
            .filter(|(_, value)| !value.is_nan())
    }
}

impl Header {
    /// The values of `(from, until]` from the finest archive that covers `from` at `now`, as the
    /// reference's `fetch` has them: an empty range still gives one value, the range is cut to the
    /// retention and to the present. `None` if nothing is left of it.
    ///
    /// # Errors
    /// [`WhisperError::Range`] if the range begins after its end; a file that is too short.
    pub fn fetch(
        &self,
        bytes: &[u8],
        from: i64,
        until: i64,
        now: i64,
    ) -> Result<Option<Fetched>, WhisperError> {
        self.check_length(bytes)?;
        if from > until {
            let (from_s, until_s) = (from, until);
            return Err(WhisperError::Range { from_s, until_s });
        }
        let [from, until, now] = [from, until, now].map(limited);
        let oldest = now - self.max_retention_s() as i64;
        if from > now || until < oldest {
            return Ok(None);
        }
        let (from, until) = (from.max(oldest), until.min(now));
        let age = (now - from) as u64;
        let covers = |archive: &&Archive| archive.retention_s() >= age;
        // The longest archive covers every age that is left.
        let archive = self.archives().iter().find(covers);
        Ok(archive.map(|archive| archive.read(bytes, from, until)))
    }

    /// The values of `(from, until]` in one archive, without regard to the present; at most as many
    /// as it has slots, the newest of the range.
    ///
    /// # Errors
    /// As [`Header::fetch`].
    ///
    /// # Panics
    /// If there is no archive of this number.
    pub fn fetch_archive(
        &self,
        bytes: &[u8],
        archive: usize,
        from: i64,
        until: i64,
    ) -> Result<Fetched, WhisperError> {
        self.check_length(bytes)?;
        if from > until {
            let (from_s, until_s) = (from, until);
            return Err(WhisperError::Range { from_s, until_s });
        }
        Ok(self.archives()[archive].read(bytes, limited(from), limited(until)))
    }

    /// `count` values of one archive from the interval `start` on, which is a multiple of its step:
    /// [`Header::fetch_archive`] of a file that is not all in memory. Beyond as many as the archive
    /// has slots, nothing is known.
    ///
    /// # Errors
    /// When bytes cannot be read.
    ///
    /// # Panics
    /// If there is no archive of this number.
    pub fn read_slots<F: SlotFile + ?Sized>(
        &self,
        file: &mut F,
        archive: usize,
        (start, count): (i64, usize),
    ) -> Result<Vec<f64>, F::Error> {
        let archive = self.archives()[archive];
        let mut values = vec![f64::NAN; count];
        let held = count.min(archive.points as usize);
        let Some(base) = archive.base_of(file)? else {
            return Ok(values);
        };
        // Of more intervals than slots only the newest can be there.
        let first = start + (count - held) as i64 * i64::from(archive.step_s);
        let mut room = Vec::new();
        let turn = (archive.slot_number(base, first), held as u32);
        let slots = archive.turn_of(file, turn, &mut room)?;
        let intervals = (first..).step_by(archive.step_s as usize);
        for ((slot, interval), value) in slots.zip(intervals).zip(&mut values[count - held..]) {
            *value = slot.value_at(interval).unwrap_or(f64::NAN);
        }
        Ok(values)
    }

    /// The slot of an interval as it stands in the file, whichever turn of the archive wrote it; `None`
    /// for an archive that was never written.
    ///
    /// # Errors
    /// When bytes cannot be read.
    ///
    /// # Panics
    /// If there is no archive of this number.
    pub fn slot_at<F: SlotFile + ?Sized>(
        &self,
        file: &mut F,
        archive: usize,
        interval: i64,
    ) -> Result<Option<Slot>, F::Error> {
        let archive = self.archives()[archive];
        let Some(base) = archive.base_of(file)? else {
            return Ok(None);
        };
        let mut room = Vec::new();
        let mut slots =
            archive.turn_of(file, (archive.slot_number(base, interval), 1), &mut room)?;
        Ok(slots.next())
    }

    /// The points that one archive holds at `now`, oldest first: what an import takes.
    ///
    /// # Errors
    /// A file that is too short.
    ///
    /// # Panics
    /// If there is no archive of this number.
    pub fn points(
        &self,
        bytes: &[u8],
        archive: usize,
        now: i64,
    ) -> Result<Vec<(i64, f64)>, FormatError> {
        self.check_length(bytes)?;
        let now = limited(now);
        let archive = self.archives()[archive];
        let all = archive.read(bytes, now - archive.retention_s() as i64, now);
        Ok(all.known().collect())
    }
}

impl Archive {
    /// The reference's `__archive_fetch`.
    fn read(&self, bytes: &[u8], from: i64, until: i64) -> Fetched {
        let step = i64::from(self.step_s);
        let end = self.interval(until) + step;
        let start = self.interval(from) + step;
        // Of an empty range the next interval is read.
        let end = if start == end { end + step } else { end };
        let start = start.max(end - self.retention_s() as i64);
        let count = ((end - start) / step) as u32;
        let values = match self.base(bytes) {
            None => vec![f64::NAN; count as usize],
            Some(base) => {
                let slots = self.turn(bytes, self.slot_number(base, start), count);
                let intervals = (start..).step_by(self.step_s as usize);
                let values = slots.zip(intervals);
                let values = values.map(|(slot, interval)| slot.value_at(interval));
                values.map(|value| value.unwrap_or(f64::NAN)).collect()
            }
        };
        Fetched {
            start_s: start,
            end_s: end,
            step_s: self.step_s,
            values,
        }
    }
}

pub(super) fn limited(time: i64) -> i64 {
    time.clamp(-TIME_LIMIT_S, TIME_LIMIT_S)
}
