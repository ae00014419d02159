//! What a Whisper file holds after a sequence of updates, slot by slot: the model of the tests.

use crate::metric::{Retention, Rollup};

/// A Whisper file in memory.
#[derive(Clone)]
pub(super) struct WhisperModel {
    rollup: Rollup,
    archives: Vec<ModelArchive>,
}

#[derive(Clone)]
struct ModelArchive {
    step: i64,
    /// Per place in the file: the slot written there last, and its value.
    places: Vec<Option<(i64, f64)>>,
}

impl WhisperModel {
    pub(super) fn new(retention: &Retention, rollup: Rollup) -> Self {
        let archives = retention.archives().iter().map(|archive| ModelArchive {
            step: i64::from(archive.step),
            places: vec![None; archive.points as usize],
        });
        Self {
            rollup,
            archives: archives.collect(),
        }
    }

    /// The archive that takes a point, as the engine chooses; `None` for those that would spring one
    /// of Whisper's two traps, or are refused.
    fn archive_for(&self, timestamp: i64, now: i64) -> Option<usize> {
        let age = now - timestamp;
        let retention = |archive: &ModelArchive| archive.step * archive.places.len() as i64;
        if self
            .archives
            .iter()
            .any(|archive| age == retention(archive))
        {
            return None;
        }
        let holds = |archive: &ModelArchive| age < retention(archive);
        let archive = self.archives.iter().position(holds)?;
        let ModelArchive { step, places } = &self.archives[archive];
        let distance = now.div_euclid(*step) - timestamp.div_euclid(*step);
        (age >= 0 && distance < places.len() as i64).then_some(archive)
    }

    /// True when the point goes to an archive, past Whisper's two traps.
    pub(super) fn takes(&self, timestamp: i64, now: i64) -> bool {
        self.archive_for(timestamp, now)
            .is_some_and(|first| !self.hides_newer(first, timestamp))
    }

    /// The trap of the future from its other side, for a clock that was put back: an old slot
    /// takes the place of one that is a round of the archive newer.
    fn hides_newer(&self, first: usize, timestamp: i64) -> bool {
        self.archives[first..].iter().any(|archive| {
            let slot = timestamp.div_euclid(archive.step);
            archive.places[archive.place(slot)].is_some_and(|(written, _)| written > slot)
        })
    }

    /// `whisper.update`. False when the point must not be given to the engine either.
    pub(super) fn update(&mut self, timestamp: i64, value: f64, now: i64) -> bool {
        let Some(first) = self.archive_for(timestamp, now) else {
            return false;
        };
        if self.hides_newer(first, timestamp) {
            return false;
        }
        self.archives[first].put(timestamp, value);
        for coarse in first + 1..self.archives.len() {
            let step = self.archives[coarse].step;
            let start = timestamp - timestamp.rem_euclid(step);
            let finer = &self.archives[coarse - 1];
            let slots = step / finer.step;
            let known: Vec<f64> = (0..slots)
                .map(|slot| finer.get(start + slot * finer.step))
                .collect();
            let Rollup {
                method,
                x_files_factor,
            } = self.rollup;
            let Some(value) = method.roll_up(&known, x_files_factor) else {
                break;
            };
            self.archives[coarse].put(start, value);
        }
        true
    }

    /// The value at a time of one archive, NaN when there is none.
    pub(super) fn value(&self, archive: usize, time: i64) -> f64 {
        self.archives[archive].get(time)
    }
}

impl ModelArchive {
    fn place(&self, slot: i64) -> usize {
        slot.rem_euclid(self.places.len() as i64) as usize
    }

    fn put(&mut self, time: i64, value: f64) {
        let slot = time.div_euclid(self.step);
        let place = self.place(slot);
        self.places[place] = Some((slot, value));
    }

    fn get(&self, time: i64) -> f64 {
        let slot = time.div_euclid(self.step);
        match self.places[self.place(slot)] {
            Some((written, value)) if written == slot => value,
            _ => f64::NAN,
        }
    }
}
