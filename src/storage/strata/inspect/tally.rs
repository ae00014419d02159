//! Counting: points and bytes by archive, by form and by series, and when each series began and ended.
//!
//! One walk over all blocks. A group's blocks are mapped together with a look at its ring, so they
//! are of one state, and stay readable whatever a daemon removes meanwhile.
//!
//! Threads: groups are spread over rayon's threads; each counts on its own, and sums up at the end.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;
use plumbago_storage_format::block::Series;
use plumbago_storage_format::late::RECORD_WORDS;
use rayon::prelude::*;

use super::super::block::{Block, Mapped};
use super::super::group::Group;
use super::super::layout::ROW_SLOTS;
use super::super::panel::Panel;
use super::Inspection;
use crate::metric::Retention;
use crate::storage::StoreError;

/// What a column takes on disk: a row is reserved whole.
const COLUMN_BYTES: u64 = 8 * ROW_SLOTS as u64;
const LATE_BYTES: u64 = 8 * RECORD_WORDS as u64;

/// The sums of a store.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// One entry a family and archive.
    pub archives: Vec<ArchiveTally>,
    /// What each series holds, by its id.
    pub series: HashMap<u32, SeriesTally>,
}

/// One archive of one family, over all shards.
#[derive(Clone, Debug)]
pub struct ArchiveTally {
    /// The family's retention.
    pub retention: Arc<Retention>,
    /// The archive, 0 = finest.
    pub archive: usize,
    /// Values in blocks and patches.
    pub points: u64,
    /// Bytes of their files, indexes and headers too.
    pub file_bytes: u64,
    /// Values in the ring; they take eight bytes each.
    pub ring_points: u64,
    /// How values are written: series, values and bytes by form.
    pub forms: BTreeMap<&'static str, FormTally>,
}

/// Series of blocks that are written in one form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FormTally {
    /// How many; a series counts once a block.
    pub series: u64,
    /// Their values.
    pub points: u64,
    /// Their bytes, without index.
    pub bytes: u64,
}

/// What one series holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeriesTally {
    /// Bytes in blocks and patches.
    pub sealed_bytes: u64,
    /// Bytes of its column in the ring.
    pub ring_bytes: u64,
    /// Bytes in the late log.
    pub late_bytes: u64,
    /// Values in blocks, patches, ring and late log, in all archives.
    pub points: u64,
    /// The time of its first value.
    pub first: Option<i64>,
    /// The time of its last value.
    pub last: Option<i64>,
}

impl SeriesTally {
    /// All its bytes.
    pub fn bytes(&self) -> u64 {
        self.sealed_bytes + self.ring_bytes + self.late_bytes
    }

    fn saw(&mut self, first: i64, last: i64) {
        self.first = Some(self.first.map_or(first, |time| time.min(first)));
        self.last = self.last.max(Some(last));
    }
}

impl Inspection {
    /// How many block files there are: what [`Inspection::tally`] reads.
    pub fn blocks(&self) -> usize {
        let views = self.shared().all_groups().into_iter();
        let views = views.map(|group| group.view.load_full());
        views
            .map(|view| view.archives.iter().map(|a| a.blocks.len()).sum::<usize>())
            .sum()
    }

    /// Counts everything; `advance` is told of each block. Damaged blocks are left out and can be
    /// asked for afterwards ([`Inspection::damaged`]).
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn tally(&self, advance: &(dyn Fn() + Sync)) -> Result<Tally, StoreError> {
        let groups = self.shared().all_groups();
        let tallies: Result<Vec<Tally>, StoreError> = groups
            .par_iter()
            .map(|group| {
                let number = group.place.number;
                let pinned = self.answer_of_group(number, |group| Some(Pinned::of(group)))?;
                Ok(pinned.count(advance))
            })
            .collect();
        Ok(tallies?.into_iter().fold(Tally::default(), Tally::with))
    }
}

/// A group's blocks, mapped, and what its ring and late log held at that moment.
struct Pinned {
    group: Arc<Retention>,
    steps: Vec<i64>,
    /// By archive, in the order of time. The maps are held here, or a file that was removed meanwhile
    /// could not be read once a store with very many of them lets some go.
    blocks: Vec<Vec<(Arc<Block>, Mapped)>>,
    tally: Tally,
}

impl Pinned {
    fn of(group: &Group) -> Self {
        let view = group.view.load_full();
        let blocks = view.archives.iter().map(|state| {
            let blocks = state.blocks.iter();
            let blocks = blocks.filter_map(|block| match block.mapped() {
                Ok(map) => Some((Arc::clone(block), map)),
                Err(error) => {
                    group.common.health.note_unreadable(&error);
                    None
                }
            });
            let mut blocks: Vec<(Arc<Block>, Mapped)> = blocks.collect();
            blocks.sort_by_key(|(block, _)| (block.entry().first_slot, block.end_slot()));
            blocks
        });
        let layouts = group.layout.archives().iter();
        let mut pinned = Self {
            group: Arc::clone(&group.place.retention),
            steps: layouts.map(|layout| layout.step).collect(),
            blocks: blocks.collect(),
            tally: Tally::default(),
        };
        pinned.count_ring(group);
        pinned.count_late(group);
        pinned
    }

    fn count_ring(&mut self, group: &Group) {
        let view = group.view.load();
        let mut points = 0;
        for panel in group.panels.load().iter() {
            for column in 0..panel.header().columns {
                let Ok(Some(owner)) = panel.owner(column) else {
                    continue;
                };
                let series = self.tally.series.entry(owner).or_default();
                series.ring_bytes += COLUMN_BYTES;
                let end = view.end.min(view.low.saturating_add(ROW_SLOTS));
                points += count_column(panel, column, (view.low, end), self.steps[0], series);
            }
        }
        let archives = 0..self.steps.len();
        self.tally.archives = archives
            .map(|archive| ArchiveTally::new(&self.group, archive))
            .collect();
        self.tally.archives[0].ring_points = points;
    }

    fn count_late(&mut self, group: &Group) {
        for (series, points) in group.late.all() {
            let tally = self.tally.series.entry(series).or_default();
            tally.late_bytes += LATE_BYTES * points.len() as u64;
            for point in points.iter().filter(|point| !point.value.is_nan()) {
                if let Some(step) = self.steps.get(point.archive()) {
                    tally.points += 1;
                    tally.saw(point.slot() * step, point.slot() * step);
                }
            }
        }
    }

    fn count(self, advance: &(dyn Fn() + Sync)) -> Tally {
        let mut tally = self.tally;
        let mut values = Vec::new();
        for (archive, blocks) in self.blocks.into_iter().enumerate() {
            for (block, map) in blocks {
                tally.archives[archive].file_bytes += block.entry().bytes;
                for series in map.reader().iter().flatten() {
                    let first = block.entry().first_slot;
                    tally.add(archive, &series, (first, self.steps[archive]), &mut values);
                }
                advance();
            }
        }
        tally
    }
}

/// Counts a column's values in the slots of `window`.
fn count_column(
    panel: &Panel,
    column: u32,
    window: (i64, i64),
    step: i64,
    series: &mut SeriesTally,
) -> u64 {
    let known = (window.0..window.1).filter(|slot| !panel.load(panel.row(*slot), column).is_nan());
    let (mut points, mut last) = (0, None);
    for slot in known {
        if points == 0 {
            series.saw(slot * step, slot * step);
        }
        points += 1;
        last = Some(slot);
    }
    if let Some(slot) = last {
        series.saw(slot * step, slot * step);
    }
    series.points += points;
    points
}

impl ArchiveTally {
    fn new(retention: &Arc<Retention>, archive: usize) -> Self {
        Self {
            retention: Arc::clone(retention),
            archive,
            points: 0,
            file_bytes: 0,
            ring_points: 0,
            forms: BTreeMap::new(),
        }
    }

    fn take_in(&mut self, other: Self) {
        self.points += other.points;
        self.file_bytes += other.file_bytes;
        self.ring_points += other.ring_points;
        for (form, tally) in other.forms {
            let form = self.forms.entry(form).or_default();
            form.series += tally.series;
            form.points += tally.points;
            form.bytes += tally.bytes;
        }
    }
}

impl Tally {
    /// Adds a series of a block whose first slot and step are given.
    fn add(
        &mut self,
        archive: usize,
        series: &Series<'_>,
        (first_slot, step): (i64, i64),
        values: &mut Vec<f64>,
    ) {
        let encoded = &series.encoded;
        let (bytes, points) = (encoded.bytes().len() as u64, encoded.present() as u64);
        let sums = &mut self.archives[archive];
        sums.points += points;
        let form = sums.forms.entry(encoded.form()).or_default();
        form.series += 1;
        form.points += points;
        form.bytes += bytes;

        let tally = self.series.entry(series.id).or_default();
        tally.sealed_bytes += bytes;
        tally.points += points;
        let end_s = (first_slot + encoded.slots() as i64) * step;
        let is_inside = tally.first <= Some(first_slot * step) && tally.last >= Some(end_s - step);
        if tally.first.is_some() && is_inside {
            return;
        }
        values.clear();
        values.resize(encoded.slots(), f64::NAN);
        encoded.decode(values);
        let known = |value: &f64| !value.is_nan();
        if let (Some(first), Some(last)) = (
            values.iter().position(known),
            values.iter().rposition(known),
        ) {
            let time = |at: usize| (first_slot + at as i64) * step;
            tally.saw(time(first), time(last));
        }
    }

    fn with(mut self, other: Self) -> Self {
        for theirs in other.archives {
            let same = |ours: &&mut ArchiveTally| {
                ours.archive == theirs.archive && ours.retention == theirs.retention
            };
            match self.archives.iter_mut().find(same) {
                Some(ours) => ours.take_in(theirs),
                None => self.archives.push(theirs),
            }
        }
        // A series whose retention was changed may have points in two groups.
        for (id, theirs) in other.series {
            let ours = self.series.entry(id).or_default();
            ours.sealed_bytes += theirs.sealed_bytes;
            ours.ring_bytes += theirs.ring_bytes;
            ours.late_bytes += theirs.late_bytes;
            ours.points += theirs.points;
            if let (Some(first), Some(last)) = (theirs.first, theirs.last) {
                ours.saw(first, last);
            }
        }
        self
    }
}
