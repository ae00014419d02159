//! The points of one shard that are not in their files yet.
//!
//! A series' points are kept by the interval of its finest archive; the last value for an interval
//! wins, so that what a file gets does not depend on when it is written. A series with points is in
//! exactly one place: waiting for its time, waiting to be created, or in the hands of the writer.

use std::cmp::Reverse;
use std::collections::{BTreeSet, VecDeque};

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use crate::metric::SeriesId;

/// What a point and a series are counted as, their share of tables and spare room included.
const POINT_BYTES: usize = 24;
const SERIES_BYTES: usize = 160;

/// A time that lies further ahead than any point waits: the clock was set back.
const FAR_AHEAD_S: i64 = 2 * 3600;

/// One point, and the journal's segment that has it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct CachedPoint {
    pub(super) interval: u32,
    pub(super) segment: u32,
    pub(super) value: f64,
}

#[derive(Debug)]
struct Pending {
    /// In order of time.
    points: Vec<CachedPoint>,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In `due`, under this time.
    Due(i64),
    /// In `creations`.
    Creation,
    /// With the writer.
    Taken,
}

/// The cache of one shard.
#[derive(Debug)]
pub(super) struct Cache {
    bytes_max: usize,
    series: HashMap<SeriesId, Pending, foldhash::fast::RandomState>,
    points: usize,
    due: BTreeSet<(i64, SeriesId)>,
    /// In the order they came; one that is no longer at [`Place::Creation`] is passed over.
    creations: VecDeque<SeriesId>,
    creations_waiting: usize,
}

impl Cache {
    /// An empty cache that is full at `bytes_max`.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            series: HashMap::default(),
            points: 0,
            due: BTreeSet::new(),
            creations: VecDeque::new(),
            creations_waiting: 0,
        }
    }

    /// How many points there are.
    pub(super) fn points(&self) -> usize {
        self.points
    }

    /// How many series wait to be created.
    pub(super) fn creations(&self) -> usize {
        self.creations_waiting
    }

    fn bytes(&self) -> usize {
        self.points * POINT_BYTES + self.series.len() * SERIES_BYTES
    }

    /// True when it takes no further point.
    pub(super) fn is_full(&self) -> bool {
        self.bytes() >= self.bytes_max
    }

    /// True when points should be written before their time.
    pub(super) fn is_pressed(&self) -> bool {
        self.bytes() >= self.bytes_max / 2
    }

    /// Takes a point; a new series is due at `due`. Answers the segment of the point that it replaces.
    pub(super) fn put(&mut self, id: SeriesId, point: CachedPoint, due: i64) -> Option<u32> {
        let pending = match self.series.entry(id) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => {
                self.due.insert((due, id));
                entry.insert(Pending {
                    points: Vec::new(),
                    place: Place::Due(due),
                })
            }
        };
        let points = &mut pending.points;
        if points
            .last()
            .is_none_or(|last| last.interval < point.interval)
        {
            points.push(point);
            self.points += 1;
            return None;
        }
        match points.binary_search_by_key(&point.interval, |held| held.interval) {
            Ok(place) => Some(std::mem::replace(&mut points[place], point).segment),
            Err(place) => {
                points.insert(place, point);
                self.points += 1;
                None
            }
        }
    }

    /// The points of a series, oldest first.
    pub(super) fn of(&self, id: SeriesId) -> &[CachedPoint] {
        self.series
            .get(&id)
            .map_or(&[], |pending| pending.points.as_slice())
    }

    /// Gives the writer the series whose time has come first.
    pub(super) fn take_due(&mut self, now: i64) -> Option<SeriesId> {
        let is_due = |due: i64| due <= now || due > now + FAR_AHEAD_S;
        let first = self.due.first().filter(|(due, _)| is_due(*due));
        let last = || self.due.last().filter(|(due, _)| is_due(*due));
        let (_, id) = *first.or_else(last)?;
        self.take(id).then_some(id)
    }

    /// Gives the writer the series that has waited longest to be created.
    pub(super) fn take_creation(&mut self) -> Option<SeriesId> {
        while let Some(id) = self.creations.pop_front() {
            let place = self.series.get(&id).map(|pending| pending.place);
            if place == Some(Place::Creation) && self.take(id) {
                return Some(id);
            }
        }
        None
    }

    /// Gives the writer a series; false when it has no points or the writer has it already.
    pub(super) fn take(&mut self, id: SeriesId) -> bool {
        let Some(pending) = self.series.get_mut(&id) else {
            return false;
        };
        match std::mem::replace(&mut pending.place, Place::Taken) {
            Place::Due(due) => self.due.remove(&(due, id)),
            Place::Creation => {
                self.creations_waiting -= 1;
                true
            }
            Place::Taken => false,
        }
    }

    /// Takes a series back from the writer, to be due at a time.
    pub(super) fn give_back(&mut self, id: SeriesId, due: i64) {
        if let Some(pending) = self.series.get_mut(&id)
            && pending.place == Place::Taken
        {
            pending.place = Place::Due(due);
            self.due.insert((due, id));
        }
    }

    /// Takes a series back from the writer, to wait until it may be created.
    pub(super) fn await_creation(&mut self, id: SeriesId) {
        if let Some(pending) = self.series.get_mut(&id)
            && pending.place == Place::Taken
        {
            pending.place = Place::Creation;
            self.creations.push_back(id);
            self.creations_waiting += 1;
        }
    }

    /// Lets go of points that are in their file, unless they were replaced meanwhile, and takes the
    /// series back when it has more. Answers their segments.
    pub(super) fn confirm(
        &mut self,
        id: SeriesId,
        written: &[CachedPoint],
        next_due: i64,
    ) -> Vec<u32> {
        let Some(pending) = self.series.get_mut(&id) else {
            return Vec::new();
        };
        let mut released = Vec::with_capacity(written.len());
        let mut written = written.iter().peekable();
        pending.points.retain(|held| {
            while written
                .next_if(|done| done.interval < held.interval)
                .is_some()
            {}
            let is_written = written.peek().is_some_and(|done| {
                done.interval == held.interval
                    && done.segment == held.segment
                    && done.value.to_bits() == held.value.to_bits()
            });
            if is_written {
                released.push(held.segment);
            }
            !is_written
        });
        self.points -= released.len();
        if pending.points.is_empty() {
            self.remove(id);
        } else {
            self.give_back(id, next_due);
        }
        released
    }

    /// Forgets a series; answers the segments of its points.
    pub(super) fn remove(&mut self, id: SeriesId) -> Vec<u32> {
        self.take(id);
        let pending = self.series.remove(&id);
        let points = pending.map(|pending| pending.points).unwrap_or_default();
        self.points -= points.len();
        points.iter().map(|point| point.segment).collect()
    }

    /// The series that the writer could take, those with the most points first.
    pub(super) fn by_size(&self) -> Vec<SeriesId> {
        let waiting = |pending: &Pending| matches!(pending.place, Place::Due(_));
        let all = self.series.iter();
        let mut sizes: Vec<_> = all
            .filter(|(_, pending)| waiting(pending))
            .map(|(id, pending)| (Reverse(pending.points.len()), *id))
            .collect();
        sizes.sort_unstable();
        sizes.into_iter().map(|(_, id)| id).collect()
    }

    /// All series with points.
    pub(super) fn ids(&self) -> Vec<SeriesId> {
        self.series.keys().copied().collect()
    }

    /// How many points stand in each segment.
    pub(super) fn points_by_segment(&self) -> HashMap<u32, usize> {
        let mut counts = HashMap::new();
        let points = self.series.values().flat_map(|pending| &pending.points);
        for point in points {
            *counts.entry(point.segment).or_default() += 1;
        }
        counts
    }

    /// The points whose segment is `from`, each moved to the segment that `append` answers, until it
    /// answers none.
    pub(super) fn move_on(
        &mut self,
        from: u32,
        mut append: impl FnMut(SeriesId, &CachedPoint) -> Option<u32>,
    ) {
        for (id, pending) in &mut self.series {
            let points = pending.points.iter_mut();
            for point in points.filter(|point| point.segment == from) {
                let Some(segment) = append(*id, point) else {
                    return;
                };
                point.segment = segment;
            }
        }
    }

    /// The same for all points of a series.
    pub(super) fn move_series(
        &mut self,
        id: SeriesId,
        mut append: impl FnMut(&CachedPoint) -> Option<u32>,
    ) {
        let pending = self.series.get_mut(&id);
        for point in pending.into_iter().flat_map(|pending| &mut pending.points) {
            let Some(segment) = append(point) else {
                return;
            };
            point.segment = segment;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: SeriesId = SeriesId(4);

    fn point(interval: u32, segment: u32, value: f64) -> CachedPoint {
        CachedPoint {
            interval,
            segment,
            value,
        }
    }

    fn values(cache: &Cache) -> Vec<(u32, f64)> {
        let points = cache.of(ID).iter();
        points.map(|point| (point.interval, point.value)).collect()
    }

    #[test]
    fn points_are_in_order_and_the_last_value_wins() {
        let mut cache = Cache::new(1000);
        for (interval, value) in [(20, 1.0), (10, 2.0), (30, 3.0)] {
            assert_eq!(cache.put(ID, point(interval, 1, value), 0), None);
        }
        assert_eq!(cache.put(ID, point(20, 2, 9.0), 0), Some(1));
        assert_eq!(values(&cache), [(10, 2.0), (20, 9.0), (30, 3.0)]);
        assert_eq!(cache.points(), 3);
    }

    #[test]
    fn what_comes_while_the_writer_has_a_series_stays() {
        let mut cache = Cache::new(1000);
        cache.put(ID, point(10, 1, 1.0), 5);
        cache.put(ID, point(20, 1, 1.0), 5);
        assert_eq!(cache.take_due(4), None);
        assert_eq!(cache.take_due(5), Some(ID));
        assert_eq!(cache.take_due(5), None);
        let written = cache.of(ID).to_vec();
        cache.put(ID, point(20, 2, 7.0), 50);
        cache.put(ID, point(15, 2, 8.0), 50);
        assert_eq!(cache.confirm(ID, &written, 60), [1]);
        assert_eq!(values(&cache), [(15, 8.0), (20, 7.0)]);
        assert_eq!(cache.take_due(59), None);
        assert_eq!(cache.take_due(60), Some(ID));
        let written = cache.of(ID).to_vec();
        assert_eq!(cache.confirm(ID, &written, 99), [2, 2]);
        assert_eq!((cache.points(), cache.ids().len()), (0, 0));
    }

    #[test]
    fn series_that_wait_to_be_created_are_not_due() {
        let mut cache = Cache::new(1000);
        cache.put(ID, point(10, 1, 1.0), 5);
        assert_eq!(cache.take_due(5), Some(ID));
        cache.await_creation(ID);
        assert_eq!((cache.take_due(500), cache.creations()), (None, 1));
        assert_eq!(cache.by_size(), []);
        assert_eq!(cache.take_creation(), Some(ID));
        assert_eq!((cache.take_creation(), cache.creations()), (None, 0));
        cache.give_back(ID, 7);
        assert_eq!(cache.take_due(7), Some(ID));
    }

    #[test]
    fn clock_that_was_set_back_holds_nothing_up() {
        let mut cache = Cache::new(1000);
        cache.put(ID, point(10, 1, 1.0), 1_000_000);
        assert_eq!(cache.take_due(1_000_000 - FAR_AHEAD_S), None);
        assert_eq!(cache.take_due(500_000), Some(ID));
    }

    #[test]
    fn fullness_is_counted_in_bytes_and_ends_when_points_are_written() {
        let mut cache = Cache::new(2 * (POINT_BYTES + SERIES_BYTES));
        cache.put(ID, point(10, 1, 1.0), 0);
        assert!(cache.is_pressed() && !cache.is_full());
        cache.put(SeriesId(5), point(10, 1, 1.0), 0);
        cache.put(SeriesId(5), point(20, 1, 1.0), 0);
        assert!(cache.is_full());
        assert_eq!(cache.by_size(), [SeriesId(5), ID]);
        assert_eq!(cache.remove(SeriesId(5)), [1, 1]);
        assert!(!cache.is_full());
        assert_eq!(cache.take_due(0), Some(ID));
        assert_eq!(cache.take_due(0), None);
    }

    #[test]
    fn points_move_on_to_another_segment() {
        let mut cache = Cache::new(1000);
        cache.put(ID, point(10, 1, 1.0), 0);
        cache.put(ID, point(20, 2, 1.0), 0);
        cache.move_on(1, |_, _| None);
        cache.move_on(1, |_, _| Some(3));
        assert_eq!(cache.of(ID)[0].segment, 3);
        assert_eq!(cache.of(ID)[1].segment, 2);
    }
}
