//! What `info` tells of a store's groups.

use super::super::group::Group;
use super::Inspection;
use crate::metric::Retention;
use crate::storage::StoreError;
use std::sync::Arc;

/// One group: the series of one family in one shard.
#[derive(Clone, Debug)]
pub struct GroupSummary {
    /// The shard.
    pub shard: u32,
    /// The family's number.
    pub family: u32,
    /// What its series keep.
    pub retention: Arc<Retention>,
    /// The ring; `None` before the first point.
    pub ring: Option<RingSummary>,
    /// Files of the late log that still count.
    pub late_segments: usize,
    /// Points in them.
    pub late_points: usize,
    /// Its archives, finest first.
    pub archives: Vec<ArchiveSummary>,
}

/// The ring of a group. Times are seconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingSummary {
    /// Its files.
    pub panels: usize,
    /// Columns that belong to a series.
    pub columns_used: u32,
    /// All columns.
    pub columns: u32,
    /// The first time that the ring answers for; blocks answer for all before it.
    pub low: i64,
    /// Points before this time no longer reach the ring.
    pub open: i64,
    /// Rows of all times before this one were cleared for those to come.
    pub cleared: i64,
    /// The first time that has no row yet.
    pub end: i64,
}

/// The sealed part of one archive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ArchiveSummary {
    /// Seconds a slot.
    pub step: u32,
    /// Base blocks.
    pub blocks: usize,
    /// Their bytes.
    pub block_bytes: u64,
    /// Patches, which lie over them.
    pub patches: usize,
    /// Their bytes.
    pub patch_bytes: u64,
    /// The first time that a block has.
    pub first: Option<i64>,
    /// The time after the last one.
    pub end: Option<i64>,
}

impl Inspection {
    /// What each group holds.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn groups(&self) -> Result<Vec<GroupSummary>, StoreError> {
        let groups = self.shared().all_groups();
        let numbers = groups.iter().map(|group| group.place.number);
        let summaries = numbers.map(|number| self.answer_of_group(number, |group| Some(of(group))));
        summaries.collect()
    }
}

fn of(group: &Group) -> GroupSummary {
    let view = group.view.load_full();
    let step = |archive: usize| group.layout.archives()[archive].step;
    let archives = view.archives.iter().enumerate().map(|(archive, state)| {
        let mut summary = ArchiveSummary {
            step: group.step(archive),
            ..ArchiveSummary::default()
        };
        for block in &state.blocks {
            summary.add(block.entry().is_patch, block.entry().bytes);
            let first = block.entry().first_slot * step(archive);
            let end = block.end_slot() * step(archive);
            summary.first = Some(summary.first.map_or(first, |least| least.min(first)));
            summary.end = summary.end.max(Some(end));
        }
        summary
    });
    GroupSummary {
        shard: group.place.shard,
        family: group.place.family,
        retention: Arc::clone(&group.place.retention),
        ring: group.has_window().then(|| ring_of(group)),
        late_segments: group.late.segments().len(),
        late_points: group.late.count(),
        archives: archives.collect(),
    }
}

fn ring_of(group: &Group) -> RingSummary {
    use std::sync::atomic::Ordering::Acquire;
    let view = group.view.load_full();
    let panels = group.panels.load_full();
    let step = group.layout.finest().step;
    let columns = |panel: &super::super::panel::Panel| panel.header().columns;
    RingSummary {
        panels: panels.len(),
        columns_used: panels.iter().map(|panel| panel.columns_used()).sum(),
        columns: panels.iter().map(|panel| columns(panel)).sum(),
        low: view.low * step,
        open: group.open.load(Acquire) * step,
        cleared: group.cleared.load(Acquire) * step,
        end: view.end * step,
    }
}

impl ArchiveSummary {
    fn add(&mut self, is_patch: bool, bytes: u64) {
        if is_patch {
            self.patches += 1;
            self.patch_bytes += bytes;
        } else {
            self.blocks += 1;
            self.block_bytes += bytes;
        }
    }
}
