//! Reclaiming: blocks that mostly hold series which are gone are written anew without them.
//!
//! What a removed series has in blocks goes when the block is merged, when its time is over, or, where
//! more than half of a block's series are gone, here: as a merge of that block with itself. So the disk
//! is given back soon after a large deletion, and a block is not rewritten for every series that goes.
//!
//! Threads: as `merge`.

use std::sync::Arc;

use super::block::Block;
use super::group::Group;
use super::merge::Plan;
use super::view::{ArchiveView, View};
use crate::storage::StoreError;

/// Blocks that are looked through in one round; a round comes about once a second. Looking means
/// reading the index, a few bits a series.
const LOOKS_MAX: usize = 16;

impl Group {
    /// Plans the rewriting of a block that is mostly dead.
    pub(super) fn plan_reclaim(&self, view: &View) -> Option<Plan> {
        let times = self.times_forgotten();
        let mut looks = 0;
        for (archive, state) in view.archives.iter().enumerate() {
            for block in &state.blocks {
                if looks == LOOKS_MAX {
                    return None;
                }
                if block.is_damaged() || !block.start_look(times) {
                    continue;
                }
                looks += 1;
                match self.is_mostly_dead(block) {
                    Ok(false) => {}
                    Ok(true) => {
                        if let Some(plan) = self.rewriting(archive, state, block) {
                            return Some(plan);
                        }
                    }
                    Err(error) => self.common.health.note_unreadable(&error),
                }
            }
        }
        None
    }

    fn is_mostly_dead(&self, block: &Block) -> Result<bool, StoreError> {
        let mut ids = Vec::new();
        block.collect_ids(&mut ids)?;
        let dead = ids.iter().filter(|&&id| !self.common.is_known(id)).count();
        Ok(dead * 2 > ids.len())
    }

    /// A base can be rewritten by itself. A patch takes the ones that cover it along, since what is
    /// written now covers all that was there.
    fn rewriting(&self, archive: usize, state: &ArchiveView, block: &Arc<Block>) -> Option<Plan> {
        let mut inputs = vec![Arc::clone(block)];
        if block.entry().is_patch {
            let width = self.layout.archives()[archive].width;
            let window = block.entry().first_slot.div_euclid(width);
            let is_newer = |other: &&Arc<Block>| {
                other.entry().generation > block.entry().generation
                    && other.overlaps(window * width, (window + 1) * width)
            };
            inputs.extend(state.patches().iter().filter(is_newer).cloned());
            let end = (window + 1) * width;
            let fits = |block: &Arc<Block>| {
                let first = block.entry().first_slot;
                first >= window * width && block.end_slot() <= end && !block.is_damaged()
            };
            if !inputs.iter().all(fits) {
                return None;
            }
        }
        let first = inputs.iter().map(|block| block.entry().first_slot).min()?;
        let end = inputs.iter().map(|block| block.end_slot()).max()?;
        Some(Plan {
            archive,
            first,
            slots: (end - first) as u32,
            is_patch: block.entry().is_patch,
            inputs,
            next_generation: 0,
        })
    }
}
