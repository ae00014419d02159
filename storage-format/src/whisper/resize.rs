//! A file's points in other archives.

use super::{Archive, Header, WhisperError};

/// How [`Header::resize`] brings values into archives of other steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resize {
    /// Every old value is written as a point of its time, the coarse ones first.
    Points,
    /// Every new slot gets what the method makes of the old values in it.
    Aggregate,
}

impl Header {
    /// A file of the header `target` with the points that this one holds at `now`.
    ///
    /// [`Resize::Points`] is `whisper-resize` byte for byte, its bounds included: of each
    /// archive all slots but the oldest, which is over within a step, are taken.
    /// [`Resize::Aggregate`] is what `whisper-resize --aggregate` is meant to do; `whisper.md` says
    /// how its outcome differs.
    ///
    /// # Errors
    /// A method of the target by which nothing can be rolled up; a file that is too short.
    pub fn resize(
        &self,
        bytes: &[u8],
        target: &Self,
        how: Resize,
        now: i64,
    ) -> Result<Vec<u8>, WhisperError> {
        self.check_length(bytes)?;
        if !target.method().rolls_up() {
            return Err(WhisperError::Method(target.method()));
        }
        let mut image = target.image();
        match how {
            Resize::Points => {
                for archive in (0..self.archives().len()).rev() {
                    let points = known(self.living(bytes, archive, now)?);
                    target.update_many(&mut image, &points, now)?;
                }
            }
            Resize::Aggregate => {
                let history = self.history(bytes, now)?;
                for archive in target.archives() {
                    target.aggregate(&mut image, *archive, &history, now);
                }
            }
        }
        Ok(image)
    }

    /// The slots of an archive at `now` but for the oldest, unknown ones too, oldest first.
    fn living(
        &self,
        bytes: &[u8],
        archive: usize,
        now: i64,
    ) -> Result<Vec<(i64, f64)>, WhisperError> {
        let spec = self.archives()[archive].spec();
        let step = i64::from(spec.step_s);
        let oldest = now.saturating_sub(spec.retention_s() as i64) + step;
        if oldest > now {
            return Ok(Vec::new());
        }
        let read = self.fetch_archive(bytes, archive, oldest, now)?;
        // An empty range is read as one slot, which may lie ahead.
        let slots = (read.start_s..).step_by(spec.step_s as usize);
        let slots = slots.zip(read.values);
        Ok(slots.take_while(|slot| slot.0 <= now).collect())
    }

    /// All slots of the file in one line, oldest first: of each time the finest archive that reaches
    /// back to it.
    fn history(&self, bytes: &[u8], now: i64) -> Result<Vec<(i64, f64)>, WhisperError> {
        let mut history: Vec<(i64, f64)> = Vec::new();
        for archive in 0..self.archives().len() {
            let oldest = history.last().map_or(i64::MAX, |slot| slot.0);
            let older = self.living(bytes, archive, now)?;
            history.extend(older.into_iter().rev().filter(|slot| slot.0 < oldest));
        }
        history.reverse();
        Ok(history)
    }

    /// Fills the slots of one archive that are live at `now` from `history`.
    fn aggregate(&self, bytes: &mut [u8], archive: Archive, history: &[(i64, f64)], now: i64) {
        for window in history.chunk_by(|a, b| archive.interval(a.0) == archive.interval(b.0)) {
            let interval = archive.interval(window[0].0);
            if !archive.holds(interval, now) {
                continue;
            }
            let values = window.iter();
            let values = values.map(|slot| (!slot.1.is_nan()).then_some(slot.1));
            if let Some(value) = self.method().roll_up(values, self.x_files_factor()) {
                let Ok(()) = archive.store(bytes, interval as u32, value);
            }
        }
    }
}

fn known(mut slots: Vec<(i64, f64)>) -> Vec<(i64, f64)> {
    slots.retain(|slot| !slot.1.is_nan());
    slots
}
