//! What one group gets in one batch: windows that are being filled, then one manifest.

use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use super::super::block::{self, Block};
use super::super::group::Group;
use super::super::late::LatePoint;
use super::super::merge::GENERATIONS;
use super::super::read::Slots;
use super::super::seal::BlockOutput;
use super::{Existing, Imported, ImportedArchive, ImportedSeries, RecentPoint};
use crate::metric::{Rollup, SeriesId};
use crate::storage::StoreError;

/// The series of a group that have a block, as far as they were there when it was asked or came by
/// the importer since.
#[derive(Debug)]
pub(super) struct KnownSeries(HashSet<u32, foldhash::fast::RandomState>);

impl KnownSeries {
    /// Reads the ids of all blocks of a group.
    ///
    /// # Errors
    /// When a block cannot be read this time: a series of it must not pass for one without blocks.
    pub(super) fn of(group: &Group) -> Result<Self, StoreError> {
        let mut ids = Vec::new();
        let mut known = HashSet::default();
        for block in group
            .view
            .load()
            .archives
            .iter()
            .flat_map(|archive| &archive.blocks)
        {
            if let Err(error) = block.collect_ids(&mut ids) {
                group.common.health.note_unreadable(&error);
                if block::may_be_readable_later(&error) {
                    return Err(error);
                }
            }
            known.extend(ids.drain(..));
        }
        Ok(Self(known))
    }

    /// Adds a series; false when it was known.
    pub(super) fn add(&mut self, id: SeriesId) -> bool {
        self.0.insert(id.0)
    }
}

/// A part of an archive that is written to in one way.
#[derive(Clone, Debug)]
struct Region {
    archive: usize,
    slots: Range<i64>,
    is_patch: bool,
}

/// Which file of a batch: archive, patch or base, below the boundary or above, and the window.
type Place = (usize, bool, i64, i64);

/// A file that is being filled.
#[derive(Debug)]
struct Window {
    slots: Range<i64>,
    output: BlockOutput,
}

/// The batch of one group.
#[derive(Debug)]
pub(super) struct Batch {
    group: Arc<Group>,
    now: i64,
    /// By archive, the slot up to which bases may be written.
    boundaries: Vec<i64>,
    /// Slots of the finest archive from here on are the writer's.
    open: i64,
    next_generation: u64,
    windows: BTreeMap<Place, Window>,
    /// Whole files, by archive.
    blocks: Vec<Vec<Arc<Block>>>,
    /// Room that is used again from series to series.
    scratch: Vec<f64>,
}

impl Batch {
    /// Fixes where everything goes, and reserves generations: points that come meanwhile and are
    /// flushed before the commit cover what is imported.
    pub(super) fn begin(group: Arc<Group>, now: i64) -> Result<Self, StoreError> {
        group.begin(now)?;
        let next_generation = {
            let mut work = group.work.lock();
            let first = work.next_generation;
            work.next_generation += GENERATIONS;
            first
        };
        let view = group.view.load_full();
        let rolled = view.archives.iter().map(|archive| archive.rolled);
        let mut boundaries: Vec<i64> = rolled.collect();
        boundaries[0] = view.low;
        // What is about to leave the finest archive is late for the writer too: a store to its row
        // would roll its window up anew.
        let aged = group.layout.aged_before(0, now);
        let open = group.open_slot().max(view.low).max(aged);
        Ok(Self {
            blocks: vec![Vec::new(); boundaries.len()],
            boundaries,
            open,
            now,
            next_generation,
            windows: BTreeMap::new(),
            scratch: Vec::new(),
            group,
        })
    }

    /// Adds a series. `has_blocks` says that it is, or may be, in blocks that are there.
    pub(super) fn push(
        &mut self,
        series: &ImportedSeries,
        rollup: Rollup,
        has_blocks: bool,
        existing: Existing,
        imported: &mut Imported,
    ) -> Result<(), StoreError> {
        let is_read = !series.is_new && (has_blocks || self.group.has_unsealed(series.id));
        let mut finer: Option<Kept> = None;
        let archives = series.archives.iter().enumerate();
        for (archive, brought) in archives.take(self.boundaries.len()) {
            let brought = self.clip(archive, brought, imported);
            let mut kept = brought.clone();
            let computed = self.computed(rollup, archive, finer.as_ref(), &brought);
            let there = match is_read {
                true => self.there(series.id, rollup, archive, &brought)?,
                false => Vec::new(),
            };
            for at in 0..kept.values.len() {
                let there = there.get(at).copied().unwrap_or(f64::NAN);
                let verdict = computed.judge(at, brought.values[at], there, existing);
                match verdict {
                    Verdict::Write | Verdict::Nothing => {}
                    Verdict::Leave => {
                        imported.points_there += 1;
                        kept.values[at] = f64::NAN;
                    }
                    Verdict::Absent => {
                        // Blocks cannot say it.
                        let slot = kept.first + at as i64;
                        let absent = LatePoint::new(archive, slot, f64::NAN);
                        self.group.append_or_flush(series.id, absent, self.now)?;
                    }
                }
            }
            self.place(series.id, archive, has_blocks, &kept, imported)?;
            finer = Some(brought);
        }
        Ok(())
    }

    /// Cuts what was brought down to the retention and to the present.
    fn clip(&self, archive: usize, brought: &ImportedArchive, imported: &mut Imported) -> Kept {
        let layout = self.group.layout.archives()[archive];
        let first = brought.start.div_euclid(layout.step);
        let oldest = (self.now - layout.retention).div_euclid(layout.step) + 1;
        let end = self.now.div_euclid(layout.step) + 1;
        let count = brought.values.len() as i64;
        let from = (oldest - first).clamp(0, count) as usize;
        let until = (end - first).clamp(from as i64, count) as usize;
        let outside = brought.values[..from]
            .iter()
            .chain(&brought.values[until..]);
        imported.points_outside += outside.filter(|value| !value.is_nan()).count() as u64;
        Kept {
            first: first + from as i64,
            values: brought.values[from..until].to_vec(),
        }
    }

    /// What the store answers for the slots of `brought`.
    fn there(
        &self,
        series: SeriesId,
        rollup: Rollup,
        archive: usize,
        brought: &Kept,
    ) -> Result<Vec<f64>, StoreError> {
        let slots = Slots {
            archive,
            first: brought.first,
            count: brought.values.len(),
        };
        self.group.read_or_fail(series, rollup, slots)
    }

    /// What will be computed for the coarse slots of `brought` that nothing was rolled up into yet.
    fn computed(
        &self,
        rollup: Rollup,
        archive: usize,
        finer: Option<&Kept>,
        brought: &Kept,
    ) -> Computed {
        let Some(finer) = finer else {
            return Computed::default();
        };
        let layouts = self.group.layout.archives();
        let ratio = layouts[archive].step / layouts[archive - 1].step;
        let from = brought.first.max(self.boundaries[archive]);
        let mut window = vec![f64::NAN; ratio as usize];
        let values = (from..brought.end()).map(|slot| {
            for (value, fine) in window.iter_mut().zip(slot * ratio..) {
                *value = finer.value(fine);
            }
            rollup.method.roll_up(&window, rollup.x_files_factor)
        });
        Computed {
            from: (from - brought.first) as usize,
            values: values.collect(),
            present: self.now.div_euclid(layouts[archive].step) - brought.first,
        }
    }

    /// Spreads the values of one archive over its regions.
    fn place(
        &mut self,
        series: SeriesId,
        archive: usize,
        has_blocks: bool,
        kept: &Kept,
        imported: &mut Imported,
    ) -> Result<(), StoreError> {
        let boundary = self.boundaries[archive];
        let limit = if archive == 0 { self.open } else { i64::MAX };
        let below = Region {
            archive,
            slots: i64::MIN..boundary,
            is_patch: has_blocks,
        };
        let above = Region {
            archive,
            slots: boundary..limit,
            is_patch: true,
        };
        for region in [below, above] {
            imported.points += self.fill(&region, series, kept)?;
        }
        let step = self.group.layout.archives()[archive].step;
        let recent = kept.known_from(limit).map(|(slot, value)| RecentPoint {
            id: series,
            timestamp: slot * step,
            value,
        });
        imported.recent.extend(recent);
        Ok(())
    }

    /// Lays the values that lie in a region into its windows; answers how many.
    fn fill(&mut self, region: &Region, series: SeriesId, kept: &Kept) -> Result<u64, StoreError> {
        let width = self.group.layout.archives()[region.archive].width;
        let (mut at, mut count) = (kept.first.max(region.slots.start), 0);
        let end = kept.end().min(region.slots.end);
        while at < end {
            let number = at.div_euclid(width);
            let first = (number * width).max(region.slots.start);
            let slots = first..((number + 1) * width).min(region.slots.end);
            let until = slots.end.min(end);
            let values = kept.between(at, until);
            let known = values.iter().filter(|value| !value.is_nan()).count() as u64;
            if known > 0 {
                let place = (region.archive, region.is_patch, slots.start, number);
                self.scratch.clear();
                self.scratch.resize((at - slots.start) as usize, f64::NAN);
                self.scratch.extend_from_slice(values);
                self.scratch
                    .resize((slots.end - slots.start) as usize, f64::NAN);
                self.push_window(place, slots, series)?;
                count += known;
            }
            at = until;
        }
        Ok(count)
    }

    fn push_window(
        &mut self,
        place: Place,
        slots: Range<i64>,
        series: SeriesId,
    ) -> Result<(), StoreError> {
        let (archive, is_patch, ..) = place;
        let window = self.windows.entry(place).or_insert_with(|| {
            let (first, count) = (slots.start, (slots.end - slots.start) as u32);
            let output = match is_patch {
                true => BlockOutput::patch(archive, first, count),
                false => BlockOutput::base(archive, first, count),
            };
            Window { slots, output }
        });
        debug_assert_eq!(
            self.scratch.len() as i64,
            window.slots.end - window.slots.start,
            "a batch cuts its windows once"
        );
        window.output.push(
            &self.group,
            &mut self.next_generation,
            series.0,
            &self.scratch,
            &mut self.blocks[archive],
        )
    }

    /// About how many bytes are held in memory.
    pub(super) fn bytes_pending(&self) -> usize {
        let outputs = self.windows.values();
        outputs.map(|window| window.output.bytes_pending()).sum()
    }

    /// Writes the files that are open, then names all in the manifest.
    pub(super) fn commit(mut self) -> Result<(), StoreError> {
        for ((archive, ..), window) in std::mem::take(&mut self.windows) {
            let mut output = window.output;
            output.finish(&self.group, &mut self.blocks[archive])?;
        }
        // What is absent must not come back by a power loss that spares the blocks.
        for segment in self.group.late.segments() {
            segment.sync()?;
        }
        if self.blocks.iter().all(Vec::is_empty) {
            return Ok(());
        }
        let mut work = self.group.work.lock();
        let Some(mut next) = work.manifest.clone() else {
            return Ok(());
        };
        let mut fresh = Vec::new();
        for (archive, blocks) in next.archives.iter_mut().zip(self.blocks) {
            archive
                .blocks
                .extend(blocks.iter().map(|block| *block.entry()));
            fresh.extend(blocks);
        }
        self.group.commit(&mut work, next, fresh)?;
        self.group.common.changes.note_all();
        Ok(())
    }
}

/// What becomes of one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Its value is written.
    Write,
    /// Its value need not be written.
    Leave,
    /// It has no value.
    Nothing,
    /// It has no value, though one would be computed: that has to be said.
    Absent,
}

/// The coarse slots that are computed when they are read.
#[derive(Debug, Default)]
struct Computed {
    /// The position of the first.
    from: usize,
    values: Vec<Option<f64>>,
    /// The position of the slot that the present lies in.
    present: i64,
}

impl Computed {
    /// Judges the value brought for the slot at a position, when the store has `there`.
    fn judge(&self, at: usize, brought: f64, there: f64, existing: Existing) -> Verdict {
        let position = at.checked_sub(self.from);
        let computed = position.and_then(|position| self.values.get(position));
        let is_present = computed.is_some() && at as i64 == self.present;
        let computed = computed.copied().flatten();
        let keeps = existing == Existing::Keep && !there.is_nan();
        if brought.is_nan() {
            return match computed {
                Some(_) if !is_present && !keeps => Verdict::Absent,
                _ => Verdict::Nothing,
            };
        }
        let is_same = |value: f64| value.to_bits() == brought.to_bits();
        let comes_by_itself = there.is_nan() && computed.is_some_and(is_same);
        match keeps || is_present || is_same(there) || comes_by_itself {
            true => Verdict::Leave,
            false => Verdict::Write,
        }
    }
}

/// The values of one archive that are still to be written.
#[derive(Clone, Debug, Default)]
struct Kept {
    first: i64,
    values: Vec<f64>,
}

impl Kept {
    fn end(&self) -> i64 {
        self.first + self.values.len() as i64
    }

    /// The value of a slot; NaN outside.
    fn value(&self, slot: i64) -> f64 {
        let at = usize::try_from(slot - self.first);
        let value = at.ok().and_then(|at| self.values.get(at));
        value.copied().unwrap_or(f64::NAN)
    }

    fn between(&self, from: i64, until: i64) -> &[f64] {
        &self.values[(from - self.first) as usize..(until - self.first) as usize]
    }

    fn known_from(&self, slot: i64) -> impl Iterator<Item = (i64, f64)> {
        let slots = (self.first..).zip(self.values.iter().copied());
        slots.filter(move |(at, value)| *at >= slot && !value.is_nan())
    }
}
