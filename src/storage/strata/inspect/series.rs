//! Where one series is and what of it is there.

use plumbago_storage_format::ring::locate;

use super::super::group::Group;
use super::super::late::LatePoint;
use super::super::layout::ROW_SLOTS;
use super::Inspection;
use crate::metric::SeriesId;
use crate::storage::{Selection, StoreError};

/// Slots that are read at once.
const CHUNK_SLOTS: i64 = 1 << 16;

/// Where a series is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeriesPlace {
    /// Its shard.
    pub shard: u32,
    /// Its family's number.
    pub family: u32,
    /// Its column in the ring, while it has one.
    pub column: Option<u32>,
}

/// What is stored of one archive of a series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeriesArchive {
    /// Block files that have it.
    pub blocks: usize,
    /// Patches that have it.
    pub patches: usize,
    /// Its bytes in blocks and patches, compressed.
    pub bytes: u64,
    /// Its values in them; a patch repeats what it replaces.
    pub sealed_points: u64,
    /// Its values in the ring.
    pub ring_points: u64,
    /// Its values in the late log.
    pub late_points: u64,
}

/// The slots of an archive that may hold a value, in seconds since the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The archive, 0 = finest.
    pub archive: usize,
    /// The first slot.
    pub start: i64,
    /// The first slot that is no longer part of it.
    pub end: i64,
    /// Seconds a slot.
    pub step: u32,
}

impl Held {
    /// In pieces that are read at once.
    pub fn pieces(self) -> impl Iterator<Item = Selection> {
        let piece = CHUNK_SLOTS * i64::from(self.step);
        let starts = std::iter::successors(Some(self.start), move |start| Some(start + piece));
        let starts = starts.take_while(move |start| *start < self.end);
        starts.map(move |start| Selection {
            archive: self.archive,
            start,
            end: self.end.min(start + piece),
            step: self.step,
        })
    }
}

impl Inspection {
    /// Where a series is; `None` when the store does not know it.
    pub fn place(&self, series: SeriesId) -> Option<SeriesPlace> {
        let (group, _) = self.shared().group_of(series)?;
        Some(SeriesPlace {
            shard: group.place.shard,
            family: group.place.family,
            column: self.shared().common.table.get(series).column,
        })
    }

    /// What files and ring hold of each archive of a series.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn archives(&self, series: SeriesId) -> Result<Vec<SeriesArchive>, StoreError> {
        let count = |group: &Group, _| Some(count_archives(group, series));
        Ok(self.answer(series, count)?.unwrap_or_default())
    }

    /// The slots of each archive of a series that may hold a value.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn held(&self, series: SeriesId) -> Result<Vec<Held>, StoreError> {
        let held = |group: &Group, _| {
            let archives = 0..group.layout.archives().len();
            let held = archives.filter_map(|archive| held_of(group, series, archive));
            Some(held.collect())
        };
        Ok(self.answer(series, held)?.unwrap_or_default())
    }

    /// Every value of one archive of a series in the order of time, a piece at a time.
    ///
    /// # Errors
    /// When the folder cannot be read, or `take` fails.
    pub fn for_each_point<E: From<StoreError>>(
        &self,
        series: SeriesId,
        held: Held,
        mut take: impl FnMut(i64, f64) -> Result<(), E>,
    ) -> Result<(), E> {
        for piece in held.pieces() {
            let fetched = self.fetch_slots(series, &piece)?;
            let mut time = fetched.start;
            for value in fetched.values {
                if !value.is_nan() {
                    take(time, value)?;
                }
                time += i64::from(fetched.step);
            }
        }
        Ok(())
    }
}

fn late_of(group: &Group, series: SeriesId) -> Vec<LatePoint> {
    group.late_points(series, usize::MAX, i64::MIN, i64::MAX)
}

fn count_archives(group: &Group, series: SeriesId) -> Vec<SeriesArchive> {
    let view = group.view.load_full();
    let mut counted = vec![SeriesArchive::default(); group.layout.archives().len()];
    for (state, counts) in view.archives.iter().zip(&mut counted) {
        for block in &state.blocks {
            let found = block.mapped().and_then(|map| {
                let reader = map.reader();
                let found = reader.series_checked(series.0);
                let sizes = found.map(|found| found.map(|s| (s.bytes().len(), s.present())));
                sizes.map_err(|error| block.damaged(&error))
            });
            match found {
                Ok(Some((bytes, points))) => counts.add(block.entry().is_patch, bytes, points),
                Ok(None) => {}
                Err(error) => group.common.health.note_unreadable(&error),
            }
        }
    }
    for point in late_of(group, series) {
        if let Some(counts) = counted.get_mut(point.archive()) {
            counts.late_points += 1;
        }
    }
    counted[0].ring_points = ring_points(group, series);
    counted
}

fn ring_points(group: &Group, series: SeriesId) -> u64 {
    let column = group.common.table.get(series).column.map(locate);
    let panels = group.panels.load();
    let Some((panel, column)) = column.and_then(|(number, column)| {
        let panel = panels.get(number as usize)?;
        Some((panel, column))
    }) else {
        return 0;
    };
    let view = group.view.load();
    let slots = view.low..view.end.min(view.low.saturating_add(ROW_SLOTS));
    let known = slots.filter(|slot| !panel.load(panel.row(*slot), column).is_nan());
    known.count() as u64
}

/// The slots that one of the sources of a read may have something for, see `read`.
fn held_of(group: &Group, series: SeriesId, archive: usize) -> Option<Held> {
    if !group.has_window() {
        return None;
    }
    let layouts = group.layout.archives();
    let (step, finest) = (layouts[archive].step, group.layout.finest().step);
    let view = group.view.load_full();
    let state = view.archives.get(archive)?;
    let blocks = state.blocks.iter().map(|block| block.entry().first_slot);
    let late = late_of(group, series).into_iter();
    let late = late.filter(|point| point.archive() <= archive);
    let late = late.map(|point| (point.slot() * layouts[point.archive()].step).div_euclid(step));
    let own = match archive {
        0 => view.low,
        _ => state.rolled,
    };
    let first = blocks.chain(late).chain([own]).min()?;
    let end_s = view.end * finest;
    Some(Held {
        archive,
        start: first * step,
        end: -(-end_s).div_euclid(step) * step,
        step: group.step(archive),
    })
}

impl SeriesArchive {
    fn add(&mut self, is_patch: bool, bytes: usize, points: usize) {
        if is_patch {
            self.patches += 1;
        } else {
            self.blocks += 1;
        }
        self.bytes += bytes as u64;
        self.sealed_points += points as u64;
    }
}
