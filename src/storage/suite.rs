//! What every engine must do with the life and death of series: each engine's tests run all of it.

use std::sync::Arc;
use std::time::Duration;

use super::{NewestPoint, SeriesDefinition, ShardWriter, Store, TimeRange};
use crate::metric::{Refusal, Retention, Rollup, SeriesId};

const NOW: i64 = 1_700_000_000 / 7200 * 7200;

/// A store of one shard with its writer.
struct Suite<'a> {
    store: &'a dyn Store,
    writer: Box<dyn ShardWriter>,
}

/// Runs the suite on an empty store of one shard.
pub(crate) fn run(store: &dyn Store) {
    let mut suite = Suite {
        writer: store.writer(0),
        store,
    };
    suite.forgotten_series_is_gone_and_its_neighbours_are_not();
    suite.newest_point_is_found_in_each_archive();
    suite.name_that_comes_again_has_no_past();
}

impl Suite<'_> {
    fn define(&mut self, id: u32, name: &str) {
        let definition = SeriesDefinition {
            id: SeriesId(id),
            name: name.into(),
            retention: Arc::new(Retention::parse("10s:1h,1m:1d").unwrap()),
            rollup: Rollup::default(),
        };
        self.writer.define(&definition).unwrap();
    }

    fn store(&mut self, id: u32, timestamp: i64, value: f64) -> Result<(), Refusal> {
        self.writer.store(SeriesId(id), timestamp, value, NOW)
    }

    fn known(&self, id: u32, ago: i64) -> Option<Vec<f64>> {
        let range = TimeRange {
            from: NOW - ago,
            until: NOW,
            now: NOW,
        };
        let fetched = self.store.fetch(SeriesId(id), range).unwrap()?;
        let values = fetched.values.into_iter();
        Some(values.filter(|value| !value.is_nan()).collect())
    }

    fn maintain(&mut self) {
        self.writer.maintain(NOW, Duration::from_secs(1)).unwrap();
    }

    fn forgotten_series_is_gone_and_its_neighbours_are_not(&mut self) {
        for id in [1, 2, 3] {
            self.define(id, &format!("first.n{id}"));
            self.store(id, NOW - 20, f64::from(id)).unwrap();
            // Too old for the finest archive.
            self.store(id, NOW - 7200, 7.0).unwrap();
        }
        self.writer.forget(&[SeriesId(2), SeriesId(999)]);
        for _ in 0..3 {
            assert_eq!(self.known(2, 3600), None);
            assert_eq!(self.store.definition(SeriesId(2)), None);
            assert_eq!(self.store(2, NOW - 10, 5.0), Err(Refusal::StoreRefused));
            for id in [1, 3] {
                assert_eq!(self.known(id, 3600), Some(vec![f64::from(id)]));
                assert_eq!(self.known(id, 8000).unwrap().len(), 1, "{id}");
            }
            self.maintain();
            self.store.sync().unwrap();
        }
        // Twice does no harm.
        self.writer.forget(&[SeriesId(2)]);
        self.maintain();
    }

    fn newest_point_is_found_in_each_archive(&mut self) {
        for id in 11..=13 {
            self.define(id, &format!("second.n{id}"));
        }
        self.store(11, NOW - 35, 1.0).unwrap();
        self.store(11, NOW - 95, 1.0).unwrap();
        self.store(12, NOW - 7200, 1.0).unwrap();
        let ids = [11, 12, 13, 2, 998].map(SeriesId);
        let at = |slot, step| Some(NewestPoint { slot, step });
        let expected = [at(NOW - 40, 10), at(NOW - 7200, 60), None, None, None];
        assert_eq!(self.store.newest(&ids, NOW).unwrap(), expected);
        let later = NOW + 86_400 - 7200 + 60;
        let newest = self.store.newest(&ids, later).unwrap();
        assert_eq!(newest[1], None, "its time is over");
        let usage = self.store.usage(&ids).unwrap();
        assert!(usage.is_sorted_by_key(|usage| usage.step), "{usage:?}");
    }

    fn name_that_comes_again_has_no_past(&mut self) {
        self.define(21, "third.n");
        self.store(21, NOW - 30, 1.0).unwrap();
        self.writer.forget(&[SeriesId(21)]);
        self.define(22, "third.n");
        assert_eq!(self.known(22, 3600), Some(vec![]));
        self.store(22, NOW - 20, 2.0).unwrap();
        assert_eq!(self.known(22, 3600), Some(vec![2.0]));
        self.maintain();
        assert_eq!(self.known(22, 3600), Some(vec![2.0]));
    }
}
