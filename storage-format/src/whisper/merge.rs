//! Bringing the points of one file into another of the same archives.

use super::{Archive, Fetched, Header, WhisperError};

impl Header {
    /// Writes the points of `source` in `(from, until]` over those of `target`, archive by archive,
    /// and rolls each archive's up: the reference's `merge`. `self` is the header of the target.
    /// The range is cut to the present; nothing is cut out of a range that begins after it.
    ///
    /// # Errors
    /// [`WhisperError::UnlikeArchives`], [`WhisperError::Range`], a method by which nothing can be
    /// rolled up, a file that is too short.
    pub fn merge(
        &self,
        target: &mut [u8],
        (source_header, source): (&Self, &[u8]),
        (from, until): (i64, i64),
        now: i64,
    ) -> Result<(), WhisperError> {
        self.check_like(target, source_header, source)?;
        if from > until {
            let (from_s, until_s) = (from, until);
            return Err(WhisperError::Range { from_s, until_s });
        }
        let until = until.min(now);
        for number in self.by_retention() {
            let oldest = self.oldest(number, now);
            if until < oldest || from > until {
                continue;
            }
            let read = source_header.fetch_archive(source, number, from.max(oldest), until)?;
            let Ok(()) = self.write(target, number, &self.held(number, &read, now), now);
        }
        Ok(())
    }

    /// Writes points of `source` only where `target` has none, each archive from the source's own of
    /// that step, and rolls up every coarse interval of which the finer archive holds all slots. So no
    /// value changes but coarse ones that are computed anew from what is there now. The reference's
    /// `whisper-fill` also writes over zeros and over the point after a gap, leaves gaps of one slot,
    /// and rolls up windows of which the finer archive has lost a part. `self` is the header of the
    /// target. Answers how many points were written, those rolled up not counted.
    ///
    /// # Errors
    /// As [`Header::merge`].
    pub fn fill(
        &self,
        target: &mut [u8],
        (source_header, source): (&Self, &[u8]),
        now: i64,
    ) -> Result<usize, WhisperError> {
        self.check_like(target, source_header, source)?;
        let mut written = 0;
        for (number, archive) in self.archives().iter().enumerate() {
            let oldest = self.oldest(number, now);
            let present = self.fetch_archive(target, number, oldest, now)?;
            let mut missing = source_header.fetch_archive(source, number, oldest, now)?;
            for (value, held) in missing.values.iter_mut().zip(&present.values) {
                if !held.is_nan() {
                    *value = f64::NAN;
                }
            }
            let points = self.held(number, &missing, now);
            for &(interval, value) in &points {
                let Ok(()) = archive.store(target, interval as u32, value);
            }
            written += points.len();
            self.roll_up_whole(target, number, &points, now);
        }
        Ok(written)
    }

    fn check_like(&self, target: &[u8], other: &Self, source: &[u8]) -> Result<(), WhisperError> {
        self.check_length(target)?;
        other.check_length(source)?;
        if self.archives() != other.archives() {
            return Err(WhisperError::UnlikeArchives);
        }
        if !self.method().rolls_up() {
            return Err(WhisperError::Method(self.method()));
        }
        Ok(())
    }

    pub(super) fn by_retention(&self) -> Vec<usize> {
        let mut numbers: Vec<usize> = (0..self.archives().len()).collect();
        numbers.sort_by_key(|&number| self.archives()[number].retention_s());
        numbers
    }

    pub(super) fn oldest(&self, archive: usize, now: i64) -> i64 {
        now.saturating_sub(self.archives()[archive].retention_s() as i64)
    }

    fn held(&self, archive: usize, read: &Fetched, now: i64) -> Vec<(i64, f64)> {
        let archive: &Archive = &self.archives()[archive];
        let held = |point: &(i64, f64)| archive.holds(point.0, now);
        read.known().filter(held).collect()
    }
}
