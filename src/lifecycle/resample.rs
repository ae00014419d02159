//! A series' history in other archives.
//!
//! Where an archive of the new retention has the step of an old one, its values are taken over as
//! they are. Where it is coarser than all that reach so far, they are aggregated by the series' method
//! and xFilesFactor, from the nearest finer archive that has enough of them. Where it is finer than
//! what is left of that time, each coarse value stands in the slot of its own time and the slots
//! between stay empty: as in `whisper-resize` without `--aggregate`, nothing is invented, and a
//! graph that connects or consolidates shows the same as before.
//!
//! Pure arithmetic.

use crate::metric::{Archive, Retention, Rollup};
use crate::storage::strata::ImportedArchive;

/// What one archive of the old retention holds: a value a slot, NaN where there is none.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct History {
    /// Seconds a slot.
    pub(super) step: i64,
    /// The time of the first slot.
    pub(super) start: i64,
    /// The values.
    pub(super) values: Vec<f64>,
}

/// Fills the archives of `retention`; `histories` are the old archives, finest first.
pub(super) fn resample(
    histories: &[History],
    retention: &Retention,
    rollup: Rollup,
    now: i64,
) -> Vec<ImportedArchive> {
    let archives = retention.archives().iter();
    archives
        .map(|&archive| {
            let mut target = Target::new(archive, now);
            let step = target.step;
            let finer = histories.iter().rev().filter(|history| history.step < step);
            finer.for_each(|history| target.aggregate(history, rollup));
            let equal = histories.iter().filter(|history| history.step == step);
            equal.for_each(|history| target.copy(history));
            for (place, history) in histories.iter().enumerate() {
                if history.step > step {
                    let finer = histories[..place].iter();
                    let covered_from = finer.map(|history| history.start).min();
                    target.place(history, covered_from.unwrap_or(i64::MAX));
                }
            }
            ImportedArchive {
                start: target.start,
                values: target.values,
            }
        })
        .collect()
}

/// An archive of the new retention.
struct Target {
    step: i64,
    start: i64,
    values: Vec<f64>,
}

impl Target {
    /// The slots that can be read at `now`, empty.
    fn new(archive: Archive, now: i64) -> Self {
        let step = i64::from(archive.step);
        let align = |time: i64| time - time.rem_euclid(step);
        let start = align(now - archive.retention()) + step;
        let count = (align(now) + step - start) / step;
        Self {
            step,
            start,
            values: vec![f64::NAN; count as usize],
        }
    }

    fn slot(&mut self, time: i64) -> Option<&mut f64> {
        let place = (time - self.start).div_euclid(self.step);
        self.values.get_mut(usize::try_from(place).ok()?)
    }

    /// Rolls finer values up into slots that are empty.
    fn aggregate(&mut self, finer: &History, rollup: Rollup) {
        for (place, value) in self.values.iter_mut().enumerate() {
            if !value.is_nan() {
                continue;
            }
            let from = self.start + place as i64 * self.step;
            let window = finer.window(from, from + self.step);
            let rolled = rollup.method.roll_up(window, rollup.x_files_factor);
            *value = rolled.unwrap_or(f64::NAN);
        }
    }

    /// Takes values of the same step over; what is unknown there leaves what was rolled up.
    fn copy(&mut self, equal: &History) {
        for (place, value) in equal.values.iter().enumerate() {
            if !value.is_nan()
                && let Some(slot) = self.slot(equal.start + place as i64 * equal.step)
            {
                *slot = *value;
            }
        }
    }

    /// Puts coarse values from before `covered_from` into the slots of their times.
    fn place(&mut self, coarser: &History, covered_from: i64) {
        for (place, value) in coarser.values.iter().enumerate() {
            let time = coarser.start + place as i64 * coarser.step;
            if time >= covered_from || value.is_nan() {
                continue;
            }
            if let Some(slot) = self.slot(time)
                && slot.is_nan()
            {
                *slot = *value;
            }
        }
    }
}

impl History {
    /// The values of slots that begin in `from .. until`.
    fn window(&self, from: i64, until: i64) -> &[f64] {
        let place = |time: i64| {
            let place = (time - self.start + self.step - 1).div_euclid(self.step);
            place.clamp(0, self.values.len() as i64) as usize
        };
        &self.values[place(from)..place(until)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000 / 3600 * 3600;

    fn history(step: i64, ago: i64, values: &[f64]) -> History {
        History {
            step,
            start: NOW - ago,
            values: values.to_vec(),
        }
    }

    /// The known values of one archive, with how long ago they were.
    fn known(histories: &[History], retention: &str, archive: usize) -> Vec<(i64, f64)> {
        let retention = Retention::parse(retention).unwrap();
        let archives = resample(histories, &retention, Rollup::default(), NOW);
        let (archive, step) = (&archives[archive], retention.archives()[archive].step);
        let times = (0..).map(|slot| NOW - (archive.start + slot * i64::from(step)));
        let pairs = times.zip(archive.values.iter().copied());
        pairs.filter(|(_, value)| !value.is_nan()).collect()
    }

    #[test]
    fn equal_steps_are_copied_value_for_value_and_cut_at_the_retention() {
        let old = history(10, 50, &[1.0, f64::NAN, 3.0, 4.0, 5.0, 6.0]);
        let all = [(50, 1.0), (30, 3.0), (20, 4.0), (10, 5.0), (0, 6.0)];
        assert_eq!(known(std::slice::from_ref(&old), "10s:1h", 0), all);
        assert_eq!(known(&[old], "10s:30s", 0), all[2..]);
    }

    #[test]
    fn finer_values_are_rolled_up_where_enough_are_known() {
        let nan = f64::NAN;
        let minutes = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, nan, nan, nan, nan, 5.0, 6.0];
        let old = history(10, 120, &minutes);
        assert_eq!(known(&[old], "1m:1h", 0), [(120, 3.5)]);
    }

    #[test]
    fn step_that_divides_nothing_gathers_what_begins_in_its_slots() {
        let start = NOW - NOW.rem_euclid(70) - 7 * 20;
        let values: Vec<f64> = (0..20).map(f64::from).collect();
        let old = [History {
            step: 7,
            start,
            values,
        }];
        let retention = Retention::parse("10s:1h").unwrap();
        let new = resample(&old, &retention, Rollup::default(), NOW);
        let sum: f64 = new[0].values.iter().filter(|value| !value.is_nan()).sum();
        // Each value is in one slot, and of a slot's two values the mean is taken.
        assert!(sum > 100.0 && sum <= 190.0, "{sum}");
        assert!(
            new[0]
                .values
                .iter()
                .all(|value| value.is_nan() || *value < 20.0)
        );
    }

    #[test]
    fn coarse_values_stand_at_their_own_times_and_never_where_finer_ones_were_kept() {
        let nan = f64::NAN;
        let fine = history(10, 50, &[nan, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let coarse = history(60, 180, &[10.0, 20.0, 30.0]);
        let both = [fine, coarse];
        let expected = [(180, 10.0), (120, 20.0), (60, 30.0)];
        let fine = [(40, 2.0), (30, 3.0), (20, 4.0), (10, 5.0), (0, 6.0)];
        assert_eq!(known(&both, "10s:1h", 0), [&expected[..], &fine].concat());
        // The coarse archive that stays is what it was, though its windows now hold one point of six.
        let minutes = known(&both, "10s:1h,1m:1d", 1);
        assert_eq!(minutes[..3], expected);
    }

    #[test]
    fn nearest_finer_archive_that_reaches_back_is_taken() {
        let fine = history(10, 50, &[9.0; 6]);
        let middle = history(60, 600, &[1.0; 11]);
        let hours = known(&[fine, middle], "5m:1h", 0);
        assert_eq!(hours, [(600, 1.0), (300, 1.0), (0, 1.0)]);
    }
}
