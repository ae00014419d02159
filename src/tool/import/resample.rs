//! A series' history in other archives than it was kept in.

use crate::metric::{Retention, Rollup};
use crate::storage::strata::ImportedArchive;

/// One value of a history: its time, the seconds that it stands for, and itself, NaN where unknown.
type Slot = (i64, i64, f64);

/// The archives of `target` at `now`, of what `archives` of `source` hold. An archive of a step that
/// is there already keeps its values; the others, and what lies further back, are rolled up from the
/// finest that reaches there. A value that stands for more time than a new slot goes to the slot at
/// its beginning.
pub(super) fn resample(
    source: &Retention,
    archives: &[ImportedArchive],
    target: &Retention,
    rollup: Rollup,
    now: i64,
) -> Vec<ImportedArchive> {
    let history = history(source, archives, now);
    let resampled = target.archives().iter().map(|archive| {
        let step = i64::from(archive.step);
        let newest = now - now.rem_euclid(step);
        let start = newest - (i64::from(archive.points) - 1) * step;
        let mut values = rolled_up(&history, start, step, archive.points as usize, rollup);
        let same = source
            .archives()
            .iter()
            .position(|known| known.step == archive.step);
        if let Some(known) = same.and_then(|position| archives.get(position)) {
            let offset = (known.start - start) / step;
            for (at, value) in known.values.iter().enumerate() {
                let at = usize::try_from(at as i64 + offset);
                if let Some(slot) = at.ok().and_then(|at| values.get_mut(at)) {
                    *slot = *value;
                }
            }
        }
        ImportedArchive { start, values }
    });
    resampled.collect()
}

/// All slots in one line, oldest first: of each time the finest archive that reaches back to it.
fn history(source: &Retention, archives: &[ImportedArchive], now: i64) -> Vec<Slot> {
    let mut newest_first: Vec<Slot> = Vec::new();
    for (spec, archive) in source.archives().iter().zip(archives) {
        let step = i64::from(spec.step);
        let limit = newest_first.last().map_or(now + 1, |slot| slot.0);
        let slots = archive.values.iter().enumerate().rev();
        let slots = slots.map(|(at, value)| (archive.start + at as i64 * step, step, *value));
        newest_first.extend(slots.filter(|(time, ..)| *time < limit));
    }
    newest_first.reverse();
    newest_first
}

fn rolled_up(history: &[Slot], start: i64, step: i64, points: usize, rollup: Rollup) -> Vec<f64> {
    let mut values = vec![f64::NAN; points];
    let first = history.partition_point(|(time, ..)| *time < start);
    let windows = history[first..].chunk_by(|one, other| {
        (one.0 - start).div_euclid(step) == (other.0 - start).div_euclid(step)
    });
    let mut window_values = Vec::new();
    for window in windows {
        let Ok(at) = usize::try_from((window[0].0 - start).div_euclid(step)) else {
            continue;
        };
        window_values.clear();
        window_values.extend(window.iter().map(|slot| slot.2));
        // What no slot stands for counts as unknown, as in the window that the present lies in.
        let finest = window.iter().map(|slot| slot.1).min().unwrap_or(step);
        let missing_s = step - window.iter().map(|slot| slot.1).sum::<i64>();
        let missing = usize::try_from(missing_s / finest).unwrap_or(0);
        window_values.resize(window.len() + missing, f64::NAN);
        let value = match finest < step {
            true => rollup.method.roll_up(&window_values, rollup.x_files_factor),
            false => window_values.last().copied(),
        };
        if let (Some(slot), Some(value)) = (values.get_mut(at), value) {
            *slot = value;
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_200_000;

    fn archives(retention: &Retention) -> Vec<ImportedArchive> {
        let archives = retention.archives().iter().map(|archive| {
            let step = i64::from(archive.step);
            let start = NOW - NOW % step - (i64::from(archive.points) - 1) * step;
            let values = (0..archive.points).map(|at| (start + i64::from(at) * step) as f64);
            ImportedArchive {
                start,
                values: values.collect(),
            }
        });
        archives.collect()
    }

    fn resampled(from: &str, to: &str) -> Vec<ImportedArchive> {
        let (source, target) = (
            Retention::parse(from).unwrap(),
            Retention::parse(to).unwrap(),
        );
        let rollup = Rollup::default();
        resample(&source, &archives(&source), &target, rollup, NOW)
    }

    #[test]
    fn equal_archives_stay_as_they_are() {
        let retention = Retention::parse("10s:10m,1m:2h").unwrap();
        assert_eq!(
            resampled("10s:10m,1m:2h", "10s:10m,1m:2h"),
            archives(&retention)
        );
    }

    #[test]
    fn a_coarser_archive_is_rolled_up_from_the_finest_that_reaches() {
        let coarse = &resampled("10s:10m,1m:2h", "2m:2h")[0];
        assert_eq!((coarse.start, coarse.values.len()), (NOW - 59 * 120, 60));
        // The present window has one slot of twelve and misses the factor of a half.
        assert!(coarse.values[59].is_nan());
        let window = NOW - 120;
        assert_eq!(coarse.values[58], window as f64 + 55.0);
        // Further back than ten minutes there are two values of a minute each.
        assert_eq!(coarse.values[40], (NOW - 19 * 120) as f64 + 30.0);
    }

    #[test]
    fn a_longer_archive_keeps_what_there_is_and_a_finer_one_gets_it_at_its_time() {
        let longer = &resampled("1m:1h", "1m:2h")[0];
        assert_eq!(
            longer.values.iter().filter(|value| !value.is_nan()).count(),
            60
        );
        let finer = &resampled("1m:1h", "30s:1h")[0];
        let known: Vec<f64> = finer
            .values
            .iter()
            .copied()
            .filter(|v| !v.is_nan())
            .collect();
        assert_eq!(known.len(), 60);
        assert_eq!(known[59], NOW as f64);
    }
}
