//! Flushing: a frozen table of late points becomes patches, and the coarse windows that it touched
//! are rolled up anew.
//!
//! Steps, each durable before the next: patch files, manifest that names them and gives up the late
//! segments, removal of the segments. A crash before the manifest leaves files that nothing names;
//! after it, segments that are not replayed.
//!
//! Threads: under the group's `work` lock, as `seal`.

use std::collections::BTreeMap;
use std::sync::Arc;

use plumbago_storage_format::manifest::Manifest;

use super::block::Block;
use super::group::{Group, Work};
use super::late::{LatePoint, LateTable};
use super::read::SeriesReader;
use super::seal::BlockOutput;
use crate::metric::SeriesId;
use crate::storage::StoreError;

/// What a flush writes: by archive and window (see `merge`), an open patch, narrowed to its slots.
struct Patches {
    outputs: BTreeMap<(usize, i64), Patch>,
}

struct Patch {
    first: i64,
    values: Vec<f64>,
    output: BlockOutput,
    blocks: Vec<Arc<Block>>,
}

impl Group {
    /// Flushes the frozen late table. False when there is none.
    ///
    /// # Errors
    /// When a file cannot be written; the table then stays.
    pub(super) fn flush(&self, work: &mut Work) -> Result<bool, StoreError> {
        let Some(table) = self.late.frozen() else {
            return Ok(false);
        };
        let Some(mut next) = work.manifest.clone() else {
            return Ok(false);
        };
        let mut patches = self.plan(&table, work);
        for series in self.known(&table) {
            let points = self.with_rolled(series, table.of(series), work);
            patches.push(self, &mut work.next_generation, series, &points)?;
        }
        let mut fresh = Vec::new();
        for ((archive, _), patch) in patches.outputs {
            let blocks = patch.finish(self)?;
            let entries = blocks.iter().map(|block| *block.entry());
            next.archives[archive].blocks.extend(entries);
            fresh.extend(blocks);
        }
        self.carry_over(&table, &next)?;
        next.late_from = table.segment() + 1;
        self.commit(work, next, fresh)?;
        for path in self.late.thaw() {
            // What cannot be removed now is swept at the next opening.
            let _ = self.disk().remove(&path);
        }
        Ok(true)
    }

    /// The series of a table that are still there.
    fn known(&self, table: &LateTable) -> Vec<u32> {
        let mut series = table.series();
        series.retain(|&series| self.common.is_known(series));
        series
    }

    /// A patch cannot say that a window has no value; such points wait on until it is rolled up.
    fn carry_over(&self, table: &LateTable, manifest: &Manifest) -> Result<(), StoreError> {
        for series in self.known(table) {
            let mut absent = table.absent(series);
            absent.retain(|point| point.slot() >= manifest.archives[point.archive()].rolled);
            if !absent.is_empty() {
                let carried = (self.late).carry_over(self.log(), series, &absent, table.since());
                carried.map_err(|error| self.common.health.judge(error))?;
            }
        }
        Ok(())
    }

    /// A series' late points and the coarse values that change with them.
    fn with_rolled(&self, series: u32, late: &[LatePoint], work: &Work) -> Vec<(usize, i64, f64)> {
        let mut points: Vec<_> = late
            .iter()
            .map(|point| (point.archive(), point.slot(), point.value))
            .collect();
        let archives = self.layout.archives().len();
        let (Some(rollup), Some(manifest)) = (
            self.common.rollup_of(SeriesId(series)),
            work.manifest.as_ref(),
        ) else {
            return points;
        };
        if archives == 1 {
            return points;
        }
        let view = self.view.load_full();
        let mut reader = SeriesReader {
            group: self,
            view: &view,
            series: SeriesId(series),
            column: self.common.table.get(SeriesId(series)).column,
            rollup,
            late,
            scratch: Vec::new(),
            failure: None,
            is_stale: false,
        };
        for archive in 1..archives {
            let rolled = manifest.archives[archive].rolled;
            let windows = reader.pending_windows(archive, i64::MIN, rolled);
            for run in windows.chunk_by(|one, next| one + 1 == *next) {
                let values = reader.roll_up(archive, run[0], run.len());
                let known = run.iter().zip(values).filter(|(_, value)| !value.is_nan());
                points.extend(known.map(|(window, value)| (archive, *window, value)));
            }
        }
        points
    }

    /// Opens a patch for every chunk that the table's points, or the windows around them, fall in.
    fn plan(&self, table: &LateTable, work: &Work) -> Patches {
        let mut ranges: BTreeMap<(usize, i64), (i64, i64)> = BTreeMap::new();
        let layouts = self.layout.archives();
        let mut widen = |archive: usize, slot: i64| {
            let range = ranges
                .entry((archive, slot.div_euclid(layouts[archive].width)))
                .or_insert((slot, slot));
            *range = (range.0.min(slot), range.1.max(slot));
        };
        let rolled = |archive: usize| {
            let manifest = work.manifest.as_ref();
            manifest.map_or(i64::MIN, |manifest| manifest.archives[archive].rolled)
        };
        for point in table.all() {
            widen(point.archive(), point.slot());
            let time = point.slot() * layouts[point.archive()].step;
            for (archive, layout) in layouts.iter().enumerate().skip(point.archive() + 1) {
                let window = time.div_euclid(layout.step);
                if window < rolled(archive) {
                    widen(archive, window);
                }
            }
        }
        let outputs = ranges.into_iter().map(|((archive, chunk), (first, last))| {
            let slots = (last - first + 1) as u32;
            let patch = Patch {
                first,
                values: vec![f64::NAN; slots as usize],
                output: BlockOutput::patch(archive, first, slots),
                blocks: Vec::new(),
            };
            ((archive, chunk), patch)
        });
        Patches {
            outputs: outputs.collect(),
        }
    }
}

impl Patches {
    /// Lays out a series' points, the last for a slot winning, and adds it to each patch it is in.
    fn push(
        &mut self,
        group: &Group,
        next_generation: &mut u64,
        series: u32,
        points: &[(usize, i64, f64)],
    ) -> Result<(), StoreError> {
        let mut touched: Vec<(usize, i64)> = Vec::new();
        for &(archive, slot, value) in points {
            let key = (
                archive,
                slot.div_euclid(group.layout.archives()[archive].width),
            );
            let Some(patch) = self.outputs.get_mut(&key) else {
                debug_assert!(false, "every point was planned for");
                continue;
            };
            patch.values[(slot - patch.first) as usize] = value;
            if touched.last() != Some(&key) {
                touched.push(key);
            }
        }
        touched.sort_unstable();
        touched.dedup();
        for key in touched {
            let Some(patch) = self.outputs.get_mut(&key) else {
                continue;
            };
            patch.output.push(
                group,
                next_generation,
                series,
                &patch.values,
                &mut patch.blocks,
            )?;
            patch.values.fill(f64::NAN);
        }
        Ok(())
    }
}

impl Patch {
    fn finish(mut self, group: &Group) -> Result<Vec<Arc<Block>>, StoreError> {
        self.output.finish(group, &mut self.blocks)?;
        Ok(self.blocks)
    }
}
