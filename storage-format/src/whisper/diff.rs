//! Where two files of the same archives differ.

use super::{Header, WhisperError};

/// The differences of one archive.
#[derive(Clone, Debug, PartialEq)]
pub struct ArchiveDiff {
    /// The archive's number, 0 = shortest retention.
    pub archive: usize,
    /// The slots that differ, oldest first.
    pub differences: Vec<Difference>,
    /// How many slots were compared: those that are known in one file, or in both where empty ones are
    /// ignored.
    pub compared: usize,
}

/// One slot that differs; `None` where a file has no value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Difference {
    /// The interval, in seconds since the epoch.
    pub timestamp_s: i64,
    /// The value of the first file.
    pub a: Option<f64>,
    /// The value of the second file.
    pub b: Option<f64>,
}

/// What a comparison looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// The present: what is older than an archive's retention is not compared.
    pub now: i64,
    /// The end of the range, `now` for all.
    pub until: i64,
    /// Slots are compared only where both files have a value.
    pub ignores_empty: bool,
}

impl Header {
    /// Compares the values of two files as the reference's `diff` does: from the archive of the
    /// shortest retention on, each over the time that those before it do not reach back to.
    ///
    /// # Errors
    /// [`WhisperError::UnlikeArchives`]; a file that is too short.
    pub fn diff(
        &self,
        bytes: &[u8],
        (other_header, other): (&Self, &[u8]),
        comparison: Comparison,
    ) -> Result<Vec<ArchiveDiff>, WhisperError> {
        self.check_length(bytes)?;
        other_header.check_length(other)?;
        if self.archives() != other_header.archives() {
            return Err(WhisperError::UnlikeArchives);
        }
        let mut until = comparison.until;
        let mut diffs = Vec::with_capacity(self.archives().len());
        for (position, number) in self.by_retention().into_iter().enumerate() {
            let oldest = self.oldest(number, comparison.now);
            let mut diff = ArchiveDiff {
                archive: position,
                differences: Vec::new(),
                compared: 0,
            };
            if oldest <= until {
                let a = self.fetch_archive(bytes, number, oldest, until)?;
                let b = other_header.fetch_archive(other, number, oldest, until)?;
                let times = (a.start_s..).step_by(a.step_s as usize);
                let slots = times.zip(a.values.into_iter().zip(b.values));
                slots.for_each(|(time, (a, b))| diff.compare(time, a, b, comparison));
            }
            until = until.min(oldest);
            diffs.push(diff);
        }
        Ok(diffs)
    }
}

impl ArchiveDiff {
    fn compare(&mut self, timestamp_s: i64, a: f64, b: f64, comparison: Comparison) {
        let [a, b] = [a, b].map(|value| (!value.is_nan()).then_some(value));
        let is_compared = match comparison.ignores_empty {
            true => a.is_some() && b.is_some(),
            false => a.is_some() || b.is_some(),
        };
        self.compared += usize::from(is_compared);
        if is_compared && a != b {
            let difference = Difference { timestamp_s, a, b };
            self.differences.push(difference);
        }
    }
}
