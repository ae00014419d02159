//! A store that takes every point and keeps none: what is measured with it is everything above it.

use std::sync::Arc;
use std::time::Duration;

use plumbago::metric::{Refusal, Retention, Rollup, SeriesId};
use plumbago::storage::{
    Fetched, Maintenance, Selection, SeriesDefinition, ShardWriter, Store, StoreError, StoreHealth,
    StoreStatistics, TimeRange,
};

/// The store.
pub(crate) struct NullStore {
    /// How many shards it claims to have.
    pub(crate) shards: usize,
}

struct NullWriter;

impl ShardWriter for NullWriter {
    fn define(&mut self, _: &SeriesDefinition) -> Result<(), StoreError> {
        Ok(())
    }

    fn store(&mut self, _: SeriesId, _: i64, _: f64, _: i64) -> Result<(), Refusal> {
        Ok(())
    }

    fn forget(&mut self, _: &[SeriesId]) {}

    fn maintain(&mut self, _: i64, _: Duration) -> Result<Maintenance, StoreError> {
        Ok(Maintenance::Idle)
    }
}

impl Store for NullStore {
    fn engine(&self) -> &'static str {
        "null"
    }

    fn shards(&self) -> usize {
        self.shards
    }

    fn writer(&self, _: usize) -> Box<dyn ShardWriter> {
        Box::new(NullWriter)
    }

    fn fetch(&self, _: SeriesId, _: TimeRange) -> Result<Option<Fetched>, StoreError> {
        Ok(None)
    }

    fn select(&self, _: SeriesId, _: TimeRange) -> Option<Selection> {
        None
    }

    fn definition(&self, _: SeriesId) -> Option<(Arc<Retention>, Rollup)> {
        None
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn health(&self) -> StoreHealth {
        StoreHealth::default()
    }

    fn statistics(&self) -> StoreStatistics {
        StoreStatistics::default()
    }
}
