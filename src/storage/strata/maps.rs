//! How many block files are mapped at once.
//!
//! A read maps the blocks that it meets, and they stay mapped for the next one. The kernel lets a
//! process have some 65,000 maps (`vm.max_map_count`) and a store may have more blocks, so the map that
//! was made first goes when there are too many. A map costs address space and 200 bytes in the
//! kernel; its pages are page cache, mapped or not, so making one again is a few microseconds.
//!
//! Threads: any; a reader holds the map that it reads from, whether it was let go or not.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;

use crate::storage::map::Bytes;

/// Block files that stay mapped: a quarter of what the kernel allows, since panels are maps as well.
pub(super) const MAPS_MAX: usize = 16_384;

/// Where a block keeps its map.
pub(super) type MapSlot = ArcSwapOption<Bytes>;

/// The maps that are held, oldest first.
#[derive(Debug)]
pub(super) struct Maps {
    most: usize,
    order: Mutex<VecDeque<Weak<MapSlot>>>,
}

impl Maps {
    /// Holds at most so many.
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            order: Mutex::default(),
        }
    }

    /// Puts a map in its slot, and lets the oldest go if there are too many.
    pub(super) fn hold(&self, slot: &Arc<MapSlot>, bytes: Arc<Bytes>) {
        slot.store(Some(bytes));
        let mut order = self.order.lock();
        order.push_back(Arc::downgrade(slot));
        while order.len() > self.most {
            // A block that is gone took its map along.
            if let Some(oldest) = order.pop_front().and_then(|slot| slot.upgrade()) {
                oldest.store(None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oldest_map_goes_when_there_are_too_many_and_is_made_again() {
        let maps = Maps::new(2);
        let slots: Vec<Arc<MapSlot>> = (0..4).map(|_| Arc::default()).collect();
        let bytes = || Arc::new(Bytes::Memory(vec![1]));
        for slot in &slots[..3] {
            maps.hold(slot, bytes());
        }
        let held: Vec<bool> = slots.iter().map(|slot| slot.load().is_some()).collect();
        assert_eq!(held, [false, true, true, false]);
        maps.hold(&slots[0], bytes());
        assert!(slots[0].load().is_some() && slots[1].load().is_none());
    }
}
