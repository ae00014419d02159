//! The writing half of a shard: checks a point's time and hands it to journal and cache.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::flush::Flusher;
use super::open_file::FileError;
use super::series::Presence;
use super::shard::Shared;
use super::store::define;
use crate::metric::{Archive, Refusal, SeriesId};
use crate::storage::{Maintenance, SeriesDefinition, ShardWriter, StoreError};

/// Owned by the shard's worker.
pub(super) struct WhisperWriter {
    pub(super) shared: Arc<Shared>,
    pub(super) shard: usize,
}

impl ShardWriter for WhisperWriter {
    /// A series that was not there when the store was opened may have a file all the same; what
    /// that says goes before the rules.
    fn define(&mut self, series: &SeriesDefinition) -> Result<(), StoreError> {
        let (series, is_new) = define(&self.shared, series);
        if is_new && let Some(path) = self.shared.path_of(&series) {
            match self.shared.shards[series.shard].files.get(series.id, &path) {
                Ok(file) => {
                    if let Err(error) = self.shared.adopt(&series, &file) {
                        self.shared.set_aside(&series, &error.into());
                    }
                }
                Err(FileError::Missing) => {
                    series.set_presence(Presence::Absent);
                }
                // The write thread tries again and says what is wrong.
                Err(FileError::Failed(_)) => {}
            }
        }
        Ok(())
    }

    fn store(
        &mut self,
        series: SeriesId,
        timestamp: i64,
        value: f64,
        now: i64,
    ) -> Result<(), Refusal> {
        let shared = &self.shared;
        let series = shared.series.get(series).ok_or(Refusal::StoreRefused)?;
        if value.is_nan() {
            return Err(Refusal::Nan);
        }
        if shared.poison.get().is_some() || series.presence() == Presence::Gone {
            return Err(Refusal::StoreRefused);
        }
        let window = i64::from(shared.config.future_window_s);
        let place = series
            .with_definition(|known| place(known.retention.archives(), timestamp, now, window))?;
        if series.has_failed.load(Relaxed) && shared.shards[series.shard].is_pressed() {
            return Err(Refusal::FileUnusable);
        }
        shared.accept(&series, (timestamp, place.interval), value, now)?;
        let shard = &shared.shards[series.shard];
        shard.stored.fetch_add(1, Relaxed);
        shard.late.fetch_add(u64::from(place.is_late), Relaxed);
        Ok(())
    }

    fn forget(&mut self, series: &[SeriesId]) {
        for &id in series {
            self.shared.remove(id);
        }
    }

    fn maintain(&mut self, now: i64, budget: Duration) -> Result<Maintenance, StoreError> {
        if self.shared.config.background {
            return Ok(Maintenance::Idle);
        }
        let mut flusher = Flusher::new(&self.shared, self.shard);
        match flusher.work(now, Instant::now() + budget) {
            true => Ok(Maintenance::Pending),
            false => Ok(Maintenance::Idle),
        }
    }
}

/// Where a point belongs.
#[derive(Debug, PartialEq)]
struct Placed {
    interval: u32,
    is_late: bool,
}

/// The interval of a point in the finest archive, if any archive holds it.
fn place(archives: &[Archive], timestamp: i64, now: i64, window: i64) -> Result<Placed, Refusal> {
    if timestamp <= 0 || timestamp > i64::from(u32::MAX) {
        return Err(Refusal::BadTimestamp);
    }
    if timestamp - now > window {
        return Err(Refusal::TooFarInFuture);
    }
    // Not of an age equal to the retention: that slot is already the newest one's again.
    let holds = |archive: &Archive| {
        let step = i64::from(archive.step);
        now.div_euclid(step) - timestamp.div_euclid(step) < i64::from(archive.points)
    };
    let Some(archive) = archives.iter().position(holds) else {
        return Err(Refusal::TooOld);
    };
    let interval = timestamp - timestamp.rem_euclid(i64::from(archives[0].step));
    // The interval 0 is how an empty slot is written.
    match u32::try_from(interval) {
        Ok(interval) if interval > 0 => Ok(Placed {
            interval,
            is_late: archive > 0,
        }),
        _ => Err(Refusal::BadTimestamp),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Retention;

    #[test]
    fn a_points_time_is_checked_by_slots() {
        let retention = Retention::parse("10s:1m,1m:1h").unwrap();
        let place = |timestamp, now| place(retention.archives(), timestamp, now, 30);
        let at = |interval, is_late| Ok(Placed { interval, is_late });
        assert_eq!(place(10_007, 10_009), at(10_000, false));
        assert_eq!(place(10_039, 10_009), at(10_030, false));
        assert_eq!(place(10_040, 10_009), Err(Refusal::TooFarInFuture));
        assert_eq!(place(9_950, 10_009), at(9_950, false));
        assert_eq!(place(9_949, 10_009), at(9_940, true));
        assert_eq!(place(10_020 - 3_600, 10_009), at(6_420, true));
        assert_eq!(place(10_019 - 3_600, 10_009), Err(Refusal::TooOld));
        for timestamp in [0, -1, i64::MIN, i64::from(u32::MAX) + 1, i64::MAX] {
            assert_eq!(place(timestamp, 10_009), Err(Refusal::BadTimestamp));
        }
        assert_eq!(place(9, 15), Err(Refusal::BadTimestamp));
    }
}
