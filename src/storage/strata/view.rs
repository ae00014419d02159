//! What a reader needs of a group at one moment.
//!
//! A view is never changed, only replaced: by the holder of the group's `work` lock, after the
//! manifest that says the same is durable.

use std::sync::Arc;

use super::block::Block;

/// What a reader needs of a group at one moment.
#[derive(Debug)]
pub(super) struct View {
    /// The first slot that the ring answers for; blocks answer for all before it.
    pub(super) low: i64,
    /// Slots from here on have no row yet.
    pub(super) end: i64,
    /// One entry an archive.
    pub(super) archives: Vec<ArchiveView>,
}

/// One archive in a [`View`].
#[derive(Clone, Debug)]
pub(super) struct ArchiveView {
    /// Slots from here on are computed from the finer archive; unused in the finest.
    pub(super) rolled: i64,
    /// Bases in the order of time, then patches in the order in which they cover one another.
    pub(super) blocks: Vec<Arc<Block>>,
    /// How many of the blocks are bases.
    bases: usize,
    /// Slots of the longest base.
    longest_base: i64,
}

impl ArchiveView {
    /// Puts an archive's blocks in order.
    pub(super) fn new(rolled: i64, mut blocks: Vec<Arc<Block>>) -> Self {
        blocks.sort_by_key(|block| {
            let entry = block.entry();
            let order = if entry.is_patch { 0 } else { entry.first_slot };
            (entry.is_patch, order, entry.generation)
        });
        let bases = blocks.partition_point(|block| !block.entry().is_patch);
        let slots = |block: &Arc<Block>| i64::from(block.entry().slots);
        Self {
            rolled,
            bases,
            longest_base: blocks[..bases].iter().map(slots).max().unwrap_or(0),
            blocks,
        }
    }

    /// The bases that may have slots of `first .. end`.
    pub(super) fn bases(&self, first: i64, end: i64) -> &[Arc<Block>] {
        let bases = &self.blocks[..self.bases];
        let from =
            bases.partition_point(|block| block.entry().first_slot + self.longest_base <= first);
        let until = bases.partition_point(|block| block.entry().first_slot < end);
        &bases[from..until.max(from)]
    }

    /// All patches.
    pub(super) fn patches(&self) -> &[Arc<Block>] {
        &self.blocks[self.bases..]
    }
}
