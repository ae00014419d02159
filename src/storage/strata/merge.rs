//! Merging: many small block files of one window become few, so that a read opens few and old points
//! compress better.
//!
//! A *window* is what one merged base covers (`ArchiveLayout::width` slots). Once all its spans are
//! there, bases and patches become one base; patches that pile up before or after that are merged
//! among themselves first, those of like size together, so that a point is rewritten a few times
//! in its life and not at every flush.
//!
//! Threads: inputs are chosen and results committed under the group's `work` lock, but the merging
//! itself runs outside of it, so that sealing is never kept waiting. One merge a group at a time.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::sync::Arc;

use plumbago_storage_format::block::Series;
use plumbago_storage_format::error::FormatError;
use plumbago_storage_format::manifest::BlockEntry;

use super::block::Block;
use super::group::Group;
use super::seal::BlockOutput;
use super::view::ArchiveView;
use crate::storage::StoreError;

/// Patches of one window that are let be.
const PATCHES_MAX: usize = 4;
/// A merge, and a batch of an import, numbers its files from a range of this length, reserved when
/// it begins: patches that come meanwhile must cover its result.
pub(super) const GENERATIONS: u64 = 1 << 16;

/// What one merge reads and writes.
pub(super) struct Plan {
    pub(super) archive: usize,
    /// In the order in which they cover one another.
    pub(super) inputs: Vec<Arc<Block>>,
    pub(super) first: i64,
    pub(super) slots: u32,
    pub(super) is_patch: bool,
    /// Set when the plan is taken.
    pub(super) next_generation: u64,
}

impl Group {
    /// Merges one window that has too many files. False when there is none.
    ///
    /// # Errors
    /// When a file cannot be written; all is then as before.
    pub(super) fn merge(&self) -> Result<bool, StoreError> {
        let _one_at_a_time = self.merging.lock();
        let Some(plan) = self.plan_merge() else {
            return Ok(false);
        };
        let Some(fresh) = self.run_merge(&plan)? else {
            return Ok(true);
        };
        self.commit_merge(&plan, fresh)?;
        Ok(true)
    }

    fn plan_merge(&self) -> Option<Plan> {
        let mut work = self.work.lock();
        let view = self.view.load_full();
        let finest_end = view.low;
        let mut archives = view.archives.iter().enumerate();
        let due = archives.find_map(|(archive, state)| {
            let end = if archive == 0 {
                finest_end
            } else {
                state.rolled
            };
            self.plan_archive(archive, state, end)
        });
        let mut plan = due.or_else(|| self.plan_reclaim(&view))?;
        plan.next_generation = work.next_generation;
        work.next_generation += GENERATIONS;
        Some(plan)
    }

    fn plan_archive(&self, archive: usize, state: &ArchiveView, end: i64) -> Option<Plan> {
        let width = self.layout.archives()[archive].width;
        let mut windows: BTreeMap<i64, Vec<&Arc<Block>>> = BTreeMap::new();
        for block in &state.blocks {
            let window = block.entry().first_slot.div_euclid(width);
            windows.entry(window).or_default().push(block);
        }
        windows.into_iter().find_map(|(window, blocks)| {
            let first = window * width;
            let fits =
                |block: &&Arc<Block>| block.end_slot() <= first + width && !block.is_damaged();
            if !blocks.iter().all(fits) {
                return None;
            }
            let is_complete = first + width <= end;
            let (inputs, is_patch) = choose(&blocks, is_complete)?;
            let first_of = |block: &Arc<Block>| block.entry().first_slot;
            let (first, end) = if is_patch {
                let first = inputs.iter().map(first_of).min()?;
                (first, inputs.iter().map(|block| block.end_slot()).max()?)
            } else {
                (first, first + width)
            };
            Some(Plan {
                archive,
                inputs,
                first,
                slots: (end - first) as u32,
                is_patch,
                next_generation: 0,
            })
        })
    }

    /// Writes the merged files. `None` when an input turned out to be damaged: it is remembered, and
    /// its window left alone.
    fn run_merge(&self, plan: &Plan) -> Result<Option<Vec<Arc<Block>>>, StoreError> {
        for block in &plan.inputs {
            if let Err(error) = block.check_all() {
                self.common.health.note_unreadable(&error);
                return Ok(None);
            }
        }
        let mut maps = Vec::new();
        for block in &plan.inputs {
            maps.push((block, block.mapped()?));
        }
        let readers: Vec<_> = maps
            .iter()
            .map(|(block, map)| (block, map.reader()))
            .collect();
        let mut sources = Vec::new();
        for (block, reader) in &readers {
            sources.push(Source {
                block,
                series: reader.iter().peekable(),
            });
        }
        let mut output = match plan.is_patch {
            true => BlockOutput::patch(plan.archive, plan.first, plan.slots),
            false => BlockOutput::base(plan.archive, plan.first, plan.slots),
        };
        let mut generation = plan.next_generation;
        let mut fresh = Vec::new();
        let mut values = vec![f64::NAN; plan.slots as usize];
        let mut scratch = Vec::new();
        while let Some(id) = sources.iter_mut().filter_map(Source::next_id).min() {
            values.fill(f64::NAN);
            for source in &mut sources {
                source.overlay(id, plan.first, &mut values, &mut scratch)?;
            }
            if self.common.is_known(id) {
                output.push(self, &mut generation, id, &values, &mut fresh)?;
            }
        }
        output.finish(self, &mut fresh)?;
        debug_assert!(generation <= plan.next_generation + GENERATIONS);
        Ok(Some(fresh))
    }

    /// Puts the result in the place of the inputs, if all of them are still there: retention may have
    /// removed one meanwhile, and then the result is of no use.
    fn commit_merge(&self, plan: &Plan, fresh: Vec<Arc<Block>>) -> Result<(), StoreError> {
        let mut work = self.work.lock();
        let Some(mut next) = work.manifest.clone() else {
            return Ok(());
        };
        let inputs: Vec<BlockEntry> = plan.inputs.iter().map(|block| *block.entry()).collect();
        let blocks = &mut next.archives[plan.archive].blocks;
        let before = blocks.len();
        blocks.retain(|block| !inputs.contains(block));
        if before - blocks.len() != inputs.len() {
            for block in fresh {
                self.remove_block(plan.archive, block.entry());
            }
            return Ok(());
        }
        blocks.extend(fresh.iter().map(|block| *block.entry()));
        self.commit(&mut work, next, fresh)?;
        for entry in inputs {
            self.remove_block(plan.archive, &entry);
        }
        Ok(())
    }
}

/// Which of a window's files are merged now, and whether the result is a patch.
fn choose(blocks: &[&Arc<Block>], is_complete: bool) -> Option<(Vec<Arc<Block>>, bool)> {
    let (patches, bases): (Vec<&Arc<Block>>, Vec<&Arc<Block>>) =
        blocks.iter().partition(|block| block.entry().is_patch);
    let bytes =
        |blocks: &[&Arc<Block>]| -> u64 { blocks.iter().map(|block| block.entry().bytes).sum() };
    let has_many_spans = bases
        .windows(2)
        .any(|pair| pair[0].entry().first_slot != pair[1].entry().first_slot);
    let has_weight = patches.len() > PATCHES_MAX && bytes(&patches) * 2 >= bytes(&bases);
    if is_complete && (has_many_spans || has_weight) {
        return Some((blocks.iter().copied().map(Arc::clone).collect(), false));
    }
    if patches.len() <= PATCHES_MAX {
        return None;
    }
    // From the newest back, as long as the next older one is not much larger than all before it.
    let mut sum = 0;
    let mut count = 0;
    for patch in patches.iter().rev() {
        let size = patch.entry().bytes;
        if count > PATCHES_MAX / 2 && size > sum * 2 {
            break;
        }
        sum += size;
        count += 1;
    }
    let newest = patches[patches.len() - count..].iter();
    Some((newest.copied().map(Arc::clone).collect(), true))
}

/// One input, walked in the order of ids.
struct Source<'a, I: Iterator<Item = Result<Series<'a>, FormatError>>> {
    block: &'a Block,
    series: Peekable<I>,
}

impl<'a, I: Iterator<Item = Result<Series<'a>, FormatError>>> Source<'a, I> {
    /// The id of the next series; errors surface in `overlay`.
    fn next_id(&mut self) -> Option<u32> {
        self.series.peek().map(|next| match next {
            Ok(series) => series.id,
            Err(_) => 0,
        })
    }

    /// Lays the series over `out` if the next one is it.
    fn overlay(
        &mut self,
        id: u32,
        first: i64,
        out: &mut [f64],
        scratch: &mut Vec<f64>,
    ) -> Result<(), StoreError> {
        let is_mine = |next: &Result<Series<'_>, FormatError>| match next {
            Ok(series) => series.id == id,
            Err(_) => true,
        };
        match self.series.next_if(is_mine) {
            None => Ok(()),
            Some(Err(error)) => Err(self.block.damaged(&error)),
            Some(Ok(series)) => {
                let slots = 0..self.block.entry().slots as usize;
                let at = (self.block.entry().first_slot - first) as usize;
                super::block::overlay(
                    &series.encoded,
                    slots.clone(),
                    &mut out[at..][..slots.len()],
                    scratch,
                );
                Ok(())
            }
        }
    }
}
