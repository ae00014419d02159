//! Which series no longer match the rules, and what it would mean to follow them.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;

use super::{Lifecycle, LifecycleError, Selection};
use crate::metric::{AggregationMethod, Retention, Rollup, SeriesId};
use crate::storage::ArchiveUsage;

/// Names that stand for a move in an answer.
const EXAMPLES: usize = 5;

/// All moves that the rules ask for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// Series that were looked at.
    pub examined: usize,
    /// Series that do not match their rule.
    pub matched: usize,
    /// By what changes, the largest first.
    pub moves: Vec<Move>,
}

/// Series with the same change.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Move {
    /// What they have.
    pub from: Terms,
    /// What their rule says.
    pub to: Terms,
    /// True when only method or xFilesFactor change: history stays as it is.
    pub redefine_only: bool,
    /// How many there are.
    pub series: usize,
    /// Bytes in blocks that they take now.
    pub bytes_before: u64,
    /// Bytes that their history would take, by what a slot takes now.
    pub bytes_after: u64,
    /// A few of them.
    pub examples: Vec<Arc<str>>,
}

/// What a series keeps, as an operator writes it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Terms {
    /// The archives, as in `10s:6h`.
    pub retention: String,
    /// The aggregation method.
    pub method: String,
    /// The xFilesFactor.
    pub x_files_factor: f32,
}

/// A retention and a rollup.
pub(super) type Definition = (Arc<Retention>, Rollup);

/// Series with the same change, by number.
pub(super) struct MoveGroup {
    pub(super) from: Definition,
    pub(super) to: Definition,
    /// Ascending.
    pub(super) ids: Vec<SeriesId>,
}

type Key = (Arc<Retention>, AggregationMethod, u32);

fn key((retention, rollup): &Definition) -> Key {
    let factor = rollup.x_files_factor.to_bits();
    (Arc::clone(retention), rollup.method, factor)
}

impl Lifecycle {
    /// Says which series do not match their rule: those of the selection, or all when it is empty.
    ///
    /// # Errors
    /// A bad pattern, a file that cannot be read.
    pub fn retention_plan(&self, selection: &Selection) -> Result<Plan, LifecycleError> {
        let (examined, groups) = self.move_groups(selection)?;
        self.describe(examined, &groups)
    }

    /// The moves that the rules of the moment ask for, and how many series were looked at.
    pub(super) fn move_groups(
        &self,
        selection: &Selection,
    ) -> Result<(usize, Vec<MoveGroup>), LifecycleError> {
        let schemas = self.schemas.load_full();
        let mut groups: HashMap<(Key, Key), MoveGroup> = HashMap::new();
        let mut examined = 0;
        let mut look = |id: SeriesId, name: &str, from: Definition| {
            examined += 1;
            let to = schemas.definition_for(name);
            if from != to {
                let new_group = || MoveGroup {
                    from: from.clone(),
                    to: to.clone(),
                    ids: Vec::new(),
                };
                let group = groups.entry((key(&from), key(&to)));
                group.or_insert_with(new_group).ids.push(id);
            }
        };
        if selection.is_empty() {
            for series in self.catalog.definitions() {
                look(series.id, &series.name, (series.retention, series.rollup));
            }
        } else {
            for id in selection.find(&self.catalog)? {
                if let (Some(name), Some(from)) =
                    (self.catalog.name(id), self.catalog.definition(id))
                {
                    look(id, &name, from);
                }
            }
        }
        let mut groups: Vec<MoveGroup> = groups.into_values().collect();
        groups.sort_by_key(|group| (std::cmp::Reverse(group.ids.len()), group.ids[0]));
        Ok((examined, groups))
    }

    pub(super) fn describe(
        &self,
        examined: usize,
        groups: &[MoveGroup],
    ) -> Result<Plan, LifecycleError> {
        let moves = groups.iter().map(|group| self.describe_one(group));
        Ok(Plan {
            examined,
            matched: groups.iter().map(|group| group.ids.len()).sum(),
            moves: moves.collect::<Result<_, _>>()?,
        })
    }

    fn describe_one(&self, group: &MoveGroup) -> Result<Move, LifecycleError> {
        let usage = self.store.usage(&group.ids)?;
        let redefine_only = group.from.0 == group.to.0;
        let bytes_before = usage.iter().map(|usage| usage.bytes).sum();
        Ok(Move {
            from: Terms::of(&group.from),
            to: Terms::of(&group.to),
            redefine_only,
            series: group.ids.len(),
            bytes_before,
            bytes_after: match redefine_only {
                true => bytes_before,
                false => bytes_after(&usage, &group.to.0, group.ids.len()),
            },
            examples: self.names_of(&group.ids, EXAMPLES),
        })
    }
}

/// What the history that is there would take in other archives: as many slots as they have of it, at
/// what a slot of the nearest finer step takes.
fn bytes_after(usage: &[ArchiveUsage], to: &Retention, series: usize) -> u64 {
    let history_s = |usage: &ArchiveUsage| usage.slots * u64::from(usage.step);
    let longest_s = usage.iter().map(history_s).max().unwrap_or(0) / series.max(1) as u64;
    let archives = to.archives().iter().map(|archive| {
        let measured = usage.iter().filter(|usage| usage.slots > 0);
        let mut finer = measured.clone().filter(|usage| usage.step <= archive.step);
        let Some(nearest) = finer.next_back().or_else(|| measured.clone().next()) else {
            return 0.0;
        };
        let slots = u64::from(archive.points).min(longest_s / u64::from(archive.step));
        // A coarse value in finer slots leaves those between empty, which takes next to nothing.
        let filled = slots.min(longest_s / u64::from(nearest.step));
        filled as f64 * series as f64 * nearest.bytes as f64 / nearest.slots as f64
    });
    archives.sum::<f64>() as u64
}

impl Terms {
    fn of((retention, rollup): &Definition) -> Self {
        let archives = retention.archives().iter().map(|archive| {
            let (step, reach) = (i64::from(archive.step), archive.retention());
            format!("{}:{}", in_units(step), in_units(reach))
        });
        Self {
            retention: archives.collect::<Vec<_>>().join(","),
            method: rollup.method.to_string(),
            x_files_factor: rollup.x_files_factor,
        }
    }
}

/// Seconds in the coarsest unit that leaves a whole number, as a schema has them.
fn in_units(seconds: i64) -> String {
    const UNITS: [(&str, i64); 6] = [
        ("y", 31_536_000),
        ("w", 604_800),
        ("d", 86_400),
        ("h", 3_600),
        ("m", 60),
        ("s", 1),
    ];
    let fits = |unit: &&(&str, i64)| seconds >= unit.1 && seconds % unit.1 == 0;
    let unit = UNITS.iter().find(fits).unwrap_or(&UNITS[5]);
    format!("{}{}", seconds / unit.1, unit.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_are_written_as_in_a_schema() {
        let retention = Arc::new(Retention::parse("10s:6h,1m:7d,10m:1y,1h:10000").unwrap());
        let terms = Terms::of(&(Arc::clone(&retention), Rollup::default()));
        assert_eq!(terms.retention, "10s:6h,1m:1w,10m:1y,1h:10000h");
        assert_eq!(*retention, Retention::parse(&terms.retention).unwrap());
        assert_eq!(terms.method, "average");
    }

    #[test]
    fn estimate_follows_the_history_that_is_there() {
        let usage = [ArchiveUsage {
            step: 10,
            slots: 10 * 2160,
            bytes: 43_200,
        }];
        let after = |text: &str| bytes_after(&usage, &Retention::parse(text).unwrap(), 10);
        assert_eq!(after("10s:6h"), 43_200);
        assert_eq!(after("10s:3h"), 21_600);
        assert_eq!(after("10s:30d"), 43_200, "there are six hours and no more");
        assert_eq!(after("1m:30d"), 7_200);
        assert_eq!(bytes_after(&[], &Retention::parse("1m:1d").unwrap(), 3), 0);
    }
}
