//! What a part would be computed from now: its series, their archives, and how much of it is final.

use std::collections::HashMap;
use std::sync::Arc;

use crate::fetch::{Found, Leaf, Reader};
use crate::functions::{EvaluationError, Series, Window};
use crate::metric::SeriesId;
use crate::plan::Part;
use crate::storage::{Selection, SettledReads};

/// The slots of a part's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::evaluate) struct Grid {
    pub(super) start: i64,
    pub(super) step: i64,
    pub(super) slots: usize,
}

/// What a leaf over a window stands for.
#[derive(Clone, Debug)]
pub(super) struct LeafState {
    found: Arc<[Found]>,
    archive: usize,
    /// The sum of the counters of all series: none of them ever falls.
    changes: u64,
}

/// A part as it is now.
#[derive(Debug)]
pub(super) struct Present {
    pub(super) leaves: Vec<LeafState>,
    pub(super) grid: Grid,
    /// How many of the slots are final.
    pub(super) settled: usize,
}

/// What the reads of a part have found so far.
struct Survey<'a> {
    part: &'a Part<'a>,
    leaves: Vec<LeafState>,
    step: Option<i64>,
    /// Slots at the end that are not final.
    open: usize,
}

/// Where parts look their leaves up. The panels of a dashboard read the same series again and again:
/// what the series of a leaf share is found once a request.
pub(in crate::evaluate) struct Lookups<'a> {
    reader: &'a Reader<'a>,
    store: &'a dyn SettledReads,
    known: HashMap<(Leaf, Window), Option<Common>>,
}

/// What the series of one leaf share.
#[derive(Clone, Copy)]
struct Common {
    selection: Selection,
    before: i64,
    changes: u64,
}

impl PartialEq for LeafState {
    fn eq(&self, other: &Self) -> bool {
        fn ids(found: &[Found]) -> impl Iterator<Item = SeriesId> {
            found.iter().map(|one| one.id)
        }
        self.archive == other.archive
            && self.changes == other.changes
            && (Arc::ptr_eq(&self.found, &other.found) || ids(&self.found).eq(ids(&other.found)))
    }
}

impl LeafState {
    pub(super) fn bytes(&self) -> usize {
        let names = self.found.iter();
        size_of::<Self>()
            + names
                .map(|one| size_of::<Found>() + one.name.len() + 16)
                .sum::<usize>()
    }
}

impl Grid {
    /// As the store counts slots: both ends rounded down and moved up by one.
    fn of(window: Window, step: i64) -> Option<Self> {
        let until = window.until.min(window.now);
        let start = window.from - window.from.rem_euclid(step) + step;
        let end = until - until.rem_euclid(step) + step;
        let slots = usize::try_from((end - start) / step).ok()?;
        (slots > 0).then_some(Self { start, step, slots })
    }

    /// True for a series on exactly this grid.
    pub(super) fn fits(self, series: &Series) -> bool {
        series.start == self.start && series.step == self.step && series.values.len() == self.slots
    }
}

impl Present {
    /// Looks a part's leaves up. `None` when they do not all have one step, or the store knows nothing
    /// of what is final.
    ///
    /// # Errors
    /// As [`Reader::resolve`].
    pub(super) fn of(
        part: &Part<'_>,
        lookups: &mut Lookups<'_>,
    ) -> Result<Option<Self>, EvaluationError> {
        let mut survey = Survey {
            part,
            leaves: Vec::with_capacity(part.reads.len()),
            step: None,
            open: 0,
        };
        for (number, (leaf, window)) in part.reads.iter().enumerate() {
            if part.reads[..number].contains(&(leaf.clone(), *window)) {
                continue;
            }
            if !survey.add(leaf, *window, lookups)? {
                return Ok(None);
            }
        }
        Ok(survey.finish())
    }
}

impl Survey<'_> {
    /// Takes a leaf in; false when the part cannot be kept with it.
    fn add(
        &mut self,
        leaf: &Leaf,
        window: Window,
        lookups: &mut Lookups<'_>,
    ) -> Result<bool, EvaluationError> {
        let found = lookups.reader.resolve(leaf)?;
        if found.is_empty() {
            self.leaves.push(LeafState {
                found,
                archive: 0,
                changes: 0,
            });
            return Ok(true);
        }
        let Some(common) = lookups.common(leaf, &found, window) else {
            return Ok(false);
        };
        let step = i64::from(common.selection.step);
        let is_cut_off = Grid::of(window, step).is_none_or(|grid| {
            grid.start != common.selection.start || grid.slots != common.selection.slots()
        });
        let is_moved = window.until != self.part.window.until;
        let reaches_ahead = window.until.max(self.part.window.until) > window.now;
        if is_cut_off || self.step.is_some_and(|known| known != step) || (is_moved && reaches_ahead)
        {
            return Ok(false);
        }
        self.step = Some(step);
        let open = (common.selection.end - common.before).max(0) / step;
        // The ends of a moved window may be rounded to a slot more or less.
        let open = usize::try_from(open).unwrap_or(usize::MAX) + usize::from(is_moved);
        self.open = self.open.max(open);
        self.leaves.push(LeafState {
            found,
            archive: common.selection.archive,
            changes: common.changes,
        });
        Ok(true)
    }

    fn finish(self) -> Option<Present> {
        let grid = Grid::of(self.part.window, self.step?)?;
        Some(Present {
            leaves: self.leaves,
            grid,
            settled: grid.slots.saturating_sub(self.open),
        })
    }
}

impl<'a> Lookups<'a> {
    pub(in crate::evaluate) fn new(reader: &'a Reader<'a>, store: &'a dyn SettledReads) -> Self {
        Self {
            reader,
            store,
            known: HashMap::new(),
        }
    }

    fn common(&mut self, leaf: &Leaf, found: &[Found], window: Window) -> Option<Common> {
        let key = (leaf.clone(), window);
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let common = common(found, window, self.reader, self.store);
        self.known.insert(key, common);
        common
    }
}

/// What all series of a leaf have in common; `None` when they are read from different archives.
fn common(
    found: &[Found],
    window: Window,
    reader: &Reader<'_>,
    store: &dyn SettledReads,
) -> Option<Common> {
    let mut common: Option<Common> = None;
    for one in found {
        let selection = reader.select(one, window)?;
        let settled = store.settled(one.id, selection.archive)?;
        match &mut common {
            None => {
                common = Some(Common {
                    selection,
                    before: settled.before,
                    changes: settled.changes,
                });
            }
            Some(common) if common.selection == selection => {
                common.before = common.before.min(settled.before);
                common.changes = common.changes.wrapping_add(settled.changes);
            }
            Some(_) => return None,
        }
    }
    common
}
