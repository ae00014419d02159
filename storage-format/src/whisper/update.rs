//! Writing points, and rolling them up into the coarser archives.
//!
//! The bytes are those of the reference's `update` and `update_many`, but for points whose slot
//! belongs to a live interval of another turn: `whisper.md` ("What is refused") says which.

use std::borrow::Cow;

use super::fetch::limited;
use super::{Archive, Header, SlotFile, WhisperError};

/// What became of the points of one [`Header::update_many`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Points that were stored, or covered by another point of the same call and interval.
    pub stored: usize,
    /// Points that no archive holds any more.
    pub too_old: usize,
    /// Points of intervals that have not begun.
    pub future: usize,
}

/// Where a point belongs at a given time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// In the archive of this number, and rolled up into the coarser ones.
    Archive(usize),
    /// Nowhere any more.
    TooOld,
    /// Nowhere yet: its interval has not begun.
    Future,
}

impl Header {
    /// Where [`Header::update_many`] stores a point of `timestamp` at `now`.
    pub fn place(&self, timestamp: i64, now: i64) -> Placement {
        if self.is_future(timestamp, now) {
            return Placement::Future;
        }
        let holds = |archive: &Archive| archive.holds(timestamp, now);
        let archive = self.archives().iter().position(holds);
        archive.map_or(Placement::TooOld, Placement::Archive)
    }

    /// Stores values in the slots of one archive as they are, and rolls nothing up: for a file whose
    /// archives are all known. Times are rounded down to the step.
    ///
    /// # Errors
    /// A time that the format's 32 bits cannot hold; a file that is too short.
    ///
    /// # Panics
    /// If there is no archive of this number.
    pub fn store_slots(
        &self,
        bytes: &mut [u8],
        archive: usize,
        points: &[(i64, f64)],
    ) -> Result<(), WhisperError> {
        self.check_length(bytes)?;
        let archive = self.archives()[archive];
        for &(timestamp_s, value) in points {
            let interval = u32::try_from(archive.interval(limited(timestamp_s)));
            let interval = interval.ok().filter(|interval| *interval > 0);
            let interval = interval.ok_or(WhisperError::TooOld {
                timestamp_s,
                now_s: i64::from(u32::MAX),
            })?;
            let Ok(()) = archive.store(bytes, interval, value);
        }
        Ok(())
    }

    fn is_future(&self, timestamp: i64, now: i64) -> bool {
        let step = i64::from(self.archives()[0].step_s);
        let number = timestamp.div_euclid(step);
        number > now.div_euclid(step) || number > i64::from(u32::MAX) / step
    }

    /// Stores one point in the finest archive that holds it and rolls it up.
    ///
    /// # Errors
    /// [`WhisperError::Future`] after `now`, [`WhisperError::TooOld`] if no archive holds it; a
    /// method by which nothing can be rolled up; a file that is too short.
    pub fn update(
        &self,
        bytes: &mut [u8],
        timestamp: i64,
        value: f64,
        now: i64,
    ) -> Result<(), WhisperError> {
        self.check_writable(bytes)?;
        let (timestamp_s, now_s) = (timestamp, now);
        if timestamp > now {
            return Err(WhisperError::Future { timestamp_s, now_s });
        }
        match self.place(timestamp, now) {
            Placement::Archive(archive) => {
                let Ok(()) = self.write(bytes, archive, &[(timestamp, value)], now);
                Ok(())
            }
            Placement::TooOld => Err(WhisperError::TooOld { timestamp_s, now_s }),
            Placement::Future => Err(WhisperError::Future { timestamp_s, now_s }),
        }
    }

    /// Stores points, each in the finest archive that holds it, and rolls them up. Of points of one
    /// interval the one with the latest timestamp stays, of points of one timestamp the *first*, as
    /// in the reference. Points in order of time are not copied.
    ///
    /// # Errors
    /// A method by which nothing can be rolled up; a file that is too short. Points that no archive
    /// holds are no error: they are counted in [`Written`].
    pub fn update_many(
        &self,
        bytes: &mut [u8],
        points: &[(i64, f64)],
        now: i64,
    ) -> Result<Written, WhisperError> {
        self.check_writable(bytes)?;
        let Ok(written) = self.update_slots(bytes, points, now);
        Ok(written)
    }

    /// [`Header::update_many`] of a file that is not all in memory. The caller has checked that it
    /// is as long as this header says and that the method rolls up.
    ///
    /// # Errors
    /// When bytes cannot be read or written; some points may have been stored by then.
    pub fn update_slots<F: SlotFile + ?Sized>(
        &self,
        file: &mut F,
        points: &[(i64, f64)],
        now: i64,
    ) -> Result<Written, F::Error> {
        let points = chronological(points);
        let future = points.partition_point(|point| !self.is_future(point.0, now));
        let mut end = future;
        for (number, archive) in self.archives().iter().enumerate() {
            let held = points[..end].partition_point(|point| !archive.holds(point.0, now));
            self.write(file, number, &points[held..end], now)?;
            end = held;
        }
        Ok(Written {
            stored: future - end,
            too_old: end,
            future: points.len() - future,
        })
    }

    fn check_writable(&self, bytes: &[u8]) -> Result<(), WhisperError> {
        self.check_length(bytes)?;
        if !self.method().rolls_up() {
            return Err(WhisperError::Method(self.method()));
        }
        Ok(())
    }

    /// Stores points, oldest first, that the archive holds, and rolls them up: the reference's
    /// `__archive_update_many`. The caller has checked the length of the file.
    pub(super) fn write<F: SlotFile + ?Sized>(
        &self,
        file: &mut F,
        archive: usize,
        points: &[(i64, f64)],
        now: i64,
    ) -> Result<(), F::Error> {
        let (archive, coarser) = (self.archives()[archive], &self.archives()[archive + 1..]);
        for run in points.chunk_by(|a, b| archive.interval(a.0) == archive.interval(b.0)) {
            if let Some(&(timestamp, value)) = run.last() {
                archive.store(file, archive.interval(timestamp) as u32, value)?;
            }
        }
        let mut room = Vec::new();
        let mut finer = archive;
        for &coarse in coarser {
            let mut has_written = false;
            for run in points.chunk_by(|a, b| coarse.interval(a.0) == coarse.interval(b.0)) {
                let interval = coarse.interval(run[0].0);
                has_written |= self.roll_up(file, (finer, coarse), (interval, now), &mut room)?;
            }
            if !has_written {
                break;
            }
            finer = coarse;
        }
        Ok(())
    }

    /// Rolls points of an archive up into the coarser ones, but only by windows that lie wholly
    /// within what the finer archive covers at `now`.
    pub(super) fn roll_up_whole(
        &self,
        file: &mut [u8],
        archive: usize,
        points: &[(i64, f64)],
        now: i64,
    ) {
        let mut room = Vec::new();
        for pair in self.archives()[archive..].windows(2) {
            let (finer, coarse) = (pair[0], pair[1]);
            let mut has_written = false;
            for run in points.chunk_by(|a, b| coarse.interval(a.0) == coarse.interval(b.0)) {
                let interval = coarse.interval(run[0].0);
                if finer.holds(interval, now) {
                    let Ok(written) =
                        self.roll_up(file, (finer, coarse), (interval, now), &mut room);
                    has_written |= written;
                }
            }
            if !has_written {
                break;
            }
        }
    }

    /// Computes and stores one coarse interval by the finer archive: the reference's `__propagate`.
    /// True when there was enough to store.
    fn roll_up<F: SlotFile + ?Sized>(
        &self,
        file: &mut F,
        (finer, coarse): (Archive, Archive),
        (interval, now): (i64, i64),
        room: &mut Vec<u8>,
    ) -> Result<bool, F::Error> {
        if !coarse.holds(interval, now) {
            return Ok(false);
        }
        let first = match finer.base_of(file)? {
            Some(base) => finer.slot_number(base, interval),
            None => 0,
        };
        let intervals = (interval..).step_by(finer.step_s as usize);
        let window = finer.turn_of(file, (first, window_slots(finer, coarse)), room)?;
        let window = window.zip(intervals);
        let window = window.map(|(slot, expected)| slot.value_at(expected));
        let Some(value) = self.method().roll_up(window, self.x_files_factor()) else {
            return Ok(false);
        };
        coarse.store(file, interval as u32, value)?;
        Ok(true)
    }
}

/// How many fine slots make a coarse one. Files that break the rules may not have as many: there
/// the reference reads what is left after whole turns, and so does this.
fn window_slots(finer: Archive, coarse: Archive) -> u32 {
    match (coarse.step_s / finer.step_s) % finer.points {
        0 => finer.points,
        slots => slots,
    }
}

/// The points oldest first, the first given of equal timestamps last, so that it covers the others;
/// times brought within limits.
fn chronological(points: &[(i64, f64)]) -> Cow<'_, [(i64, f64)]> {
    let is_plain = |time: i64| limited(time) == time;
    if points.is_sorted_by(|a, b| a.0 < b.0)
        && points.first().is_none_or(|point| is_plain(point.0))
        && points.last().is_none_or(|point| is_plain(point.0))
    {
        return Cow::Borrowed(points);
    }
    let newest_first = points.iter().rev();
    let mut sorted: Vec<(i64, f64)> = newest_first
        .map(|&(time, value)| (limited(time), value))
        .collect();
    sorted.sort_by_key(|point| point.0);
    Cow::Owned(sorted)
}
