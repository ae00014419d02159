//! The points of a series for a table: one for each time, oldest first.

use super::super::ToolError;
use super::super::folder::Named;
use super::Work;
use crate::storage::Selection;

/// The points of one archive, oldest first.
pub(super) fn of_archive(
    work: &Work<'_>,
    series: &Named,
    number: usize,
) -> Result<Vec<(i64, f64)>, ToolError> {
    let archive = series.retention.archives()[number];
    let (step, now) = (i64::from(archive.step), work.times.now);
    let oldest = now - archive.retention();
    let from = work.times.from.unwrap_or(oldest).max(oldest);
    let until = work.times.until.unwrap_or(now).min(now);
    let start = from - from.rem_euclid(step) + step;
    let end = until - until.rem_euclid(step) + step;
    if start >= end {
        return Ok(Vec::new());
    }
    let selection = Selection {
        archive: number,
        start,
        end,
        step: archive.step,
    };
    let fetched = work.folder.store.fetch_slots(series.id, &selection)?;
    let times = (start..).step_by(archive.step as usize);
    let points = times.zip(fetched.values);
    Ok(points.filter(|(_, value)| !value.is_nan()).collect())
}

/// The points of a series: of each time those of the finest archive that reaches back to it.
pub(super) fn of_series(work: &Work<'_>, series: &Named) -> Result<Vec<(i64, f64)>, ToolError> {
    let archives = series.retention.archives();
    if let Some(number) = work.archive {
        return match number < archives.len() {
            true => of_archive(work, series, number),
            false => Ok(Vec::new()),
        };
    }
    let mut parts = Vec::new();
    let mut limit = i64::MAX;
    for (number, archive) in archives.iter().enumerate() {
        let mut points = of_archive(work, series, number)?;
        points.retain(|(time, _)| *time < limit);
        parts.push(points);
        let step = i64::from(archive.step);
        let oldest = work.times.now - archive.retention();
        // A coarse value counts where it ends before the finer archive begins.
        let coarser = archives
            .get(number + 1)
            .map_or(step, |coarser| i64::from(coarser.step));
        limit = oldest - oldest.rem_euclid(coarser) + 1;
    }
    Ok(parts.into_iter().rev().flatten().collect())
}
