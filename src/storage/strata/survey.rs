//! Surveys of many series at once: when each had its newest point, and what they take on disk.
//!
//! Both walk the files of a group once, whatever the number of series, and read no more than the
//! indexes of blocks, and the few series of a block whose newest point is in it.
//!
//! Threads: any; nothing is locked for long. The ring is read before the view, so a point that is
//! sealed meanwhile is seen in one of the two.

use std::collections::HashMap;
use std::sync::Arc;

use super::block::Block;
use super::group::Group;
use super::layout::ROW_SLOTS;
use super::panel::Panel;
use super::store::Shared;
use crate::metric::SeriesId;
use crate::storage::{ArchiveUsage, NewestPoint, StoreError};

/// The series asked for, by id, with their places in the answer.
type Wanted = HashMap<u32, usize, foldhash::fast::RandomState>;

impl Shared {
    /// The series of each group that were asked for.
    fn wanted(&self, series: &[SeriesId]) -> Vec<(Arc<Group>, Wanted)> {
        let mut by_group: HashMap<u16, Wanted> = HashMap::new();
        for (place, &id) in series.iter().enumerate() {
            if let Some(group) = self.common.table.get(id).group {
                by_group.entry(group).or_default().insert(id.0, place);
            }
        }
        let groups = self.all_groups().into_iter();
        let found = groups.filter_map(|group| {
            let wanted = by_group.remove(&group.place.number)?;
            Some((group, wanted))
        });
        found.collect()
    }

    /// See `Store::newest`.
    pub(super) fn newest(&self, series: &[SeriesId], now: i64) -> Vec<Option<NewestPoint>> {
        let mut newest = vec![None; series.len()];
        for (group, wanted) in self.wanted(series) {
            let mut survey = Survey {
                group: &group,
                oldest: now - group.place.retention.longest(),
                wanted,
                newest: &mut newest,
            };
            survey.ask_ring();
            survey.ask_late();
            survey.ask_blocks(now);
        }
        newest
    }

    /// See `Store::usage`.
    pub(super) fn usage(&self, series: &[SeriesId]) -> Result<Vec<ArchiveUsage>, StoreError> {
        let mut usage: Vec<ArchiveUsage> = Vec::new();
        for (group, wanted) in self.wanted(series) {
            let view = group.view.load_full();
            for (archive, state) in view.archives.iter().enumerate() {
                let step = group.step(archive);
                let place = usage.iter().position(|known| known.step == step);
                let place = place.unwrap_or_else(|| {
                    let (slots, bytes) = (0, 0);
                    usage.push(ArchiveUsage { step, slots, bytes });
                    usage.len() - 1
                });
                for block in &state.blocks {
                    let added = add_usage(block, &wanted, &mut usage[place]);
                    if let Err(error) = added {
                        group.note_unreadable(&view, &error);
                    }
                }
            }
        }
        usage.sort_unstable_by_key(|usage| usage.step);
        Ok(usage)
    }
}

fn add_usage(block: &Block, wanted: &Wanted, usage: &mut ArchiveUsage) -> Result<(), StoreError> {
    for size in block.mapped()?.reader().sizes() {
        let (id, bytes) = size.map_err(|error| block.damaged(&error))?;
        if wanted.contains_key(&id) {
            usage.slots += u64::from(block.entry().slots);
            usage.bytes += bytes;
        }
    }
    Ok(())
}

/// The search for the newest points of a group's series.
struct Survey<'a> {
    group: &'a Group,
    /// Points up to here are out of the retention.
    oldest: i64,
    wanted: Wanted,
    newest: &'a mut [Option<NewestPoint>],
}

impl Survey<'_> {
    fn note(&mut self, id: u32, slot: i64, step: u32) {
        let point = NewestPoint { slot, step };
        let Some(&place) = self.wanted.get(&id) else {
            return;
        };
        let known = &mut self.newest[place];
        let is_newer = known.is_none_or(|known| known.slot < slot);
        if point.latest() > self.oldest && is_newer {
            *known = Some(point);
        }
    }

    /// The newest rows first, so that series which are alive are found at once.
    fn ask_ring(&mut self) {
        let view = self.group.view.load_full();
        let step = self.group.step(0);
        for panel in self.group.panels.load_full().iter() {
            let mut columns = self.columns(panel);
            let first = view.low.max(view.end.saturating_sub(ROW_SLOTS));
            for slot in (first..view.end).rev() {
                if columns.is_empty() {
                    break;
                }
                let row = panel.row(slot);
                columns.retain(|&(column, id)| {
                    let is_known = !panel.load(row, column).is_nan();
                    if is_known {
                        self.note(id, slot * i64::from(step), step);
                    }
                    !is_known
                });
            }
        }
    }

    /// The columns of a panel whose series are asked for.
    fn columns(&self, panel: &Panel) -> Vec<(u32, u32)> {
        let owned = (0..panel.header().columns).filter_map(|column| {
            let owner = panel.owner(column).ok()??;
            self.wanted.contains_key(&owner).then_some((column, owner))
        });
        owned.collect()
    }

    fn ask_late(&mut self) {
        if self.group.late.count() == 0 {
            return;
        }
        let ids: Vec<u32> = self.wanted.keys().copied().collect();
        for id in ids {
            for point in self.group.late.points_of(id, |_| true) {
                if !point.value.is_nan() {
                    let step = self.group.step(point.archive());
                    self.note(id, point.slot() * i64::from(step), step);
                }
            }
        }
    }

    /// Blocks that end last first; one whose end a series is known to have passed says nothing new.
    fn ask_blocks(&mut self, now: i64) {
        let view = self.group.view.load_full();
        for (archive, state) in view.archives.iter().enumerate() {
            let step = self.group.step(archive);
            let end_s = |block: &Block| block.end_slot() * i64::from(step);
            let mut blocks: Vec<&Arc<Block>> = state.blocks.iter().collect();
            blocks.sort_by_key(|block| std::cmp::Reverse(block.end_slot()));
            for block in blocks {
                if end_s(block) <= self.oldest {
                    break;
                }
                if let Err(error) = self.ask_block(block, step) {
                    self.group.note_unreadable(&view, &error);
                    self.suspect_all(now);
                    return;
                }
            }
        }
    }

    fn ask_block(&mut self, block: &Block, step: u32) -> Result<(), StoreError> {
        let seconds = i64::from(step);
        let end_s = block.end_slot() * seconds;
        let mut ids = Vec::new();
        block.collect_ids(&mut ids)?;
        let mut values = vec![f64::NAN; block.entry().slots as usize];
        let mut scratch = Vec::new();
        for id in ids {
            let Some(&place) = self.wanted.get(&id) else {
                continue;
            };
            // A point of the last slot could be of its last second.
            if self.newest[place].is_some_and(|known| known.slot + seconds >= end_s) {
                continue;
            }
            values.fill(f64::NAN);
            block.overlay(id, block.entry().first_slot, &mut values, &mut scratch)?;
            if let Some(last) = values.iter().rposition(|value| !value.is_nan()) {
                self.note(id, (block.entry().first_slot + last as i64) * seconds, step);
            }
        }
        Ok(())
    }

    /// What a damaged file hides may be new.
    fn suspect_all(&mut self, now: i64) {
        let step = self.group.step(0);
        for &place in self.wanted.values() {
            let slot = now - now.rem_euclid(i64::from(step));
            self.newest[place].get_or_insert(NewestPoint { slot, step });
        }
    }
}
