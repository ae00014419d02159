//! The numbers of catalog and store as samples: those rooms count, and only here are they named.

use std::sync::Arc;

use crate::catalog::Catalog;
use crate::storage::{Store, StoreHealth, StoreStatistics};
use crate::telemetry::{Kind, Sample, Source};

/// Asks catalog and store at each collection.
pub(super) struct StoreNumbers {
    pub(super) catalog: Arc<Catalog>,
    pub(super) store: Arc<dyn Store>,
}

impl Source for StoreNumbers {
    fn collect(&self, samples: &mut Vec<Sample>) {
        let engine = self.store.engine();
        let statistics = self.store.statistics();
        let numbers = [
            catalog_numbers(&self.catalog),
            point_numbers(&statistics),
            file_numbers(&statistics),
            health_numbers(&self.store.health()),
        ];
        samples.extend(
            numbers
                .into_iter()
                .flatten()
                .map(|(kind, name, value, help)| Sample {
                    name,
                    help,
                    kind,
                    labels: vec![("engine", engine.to_owned())],
                    value,
                }),
        );
    }
}

/// Kind, name, value, help.
type Number = (Kind, &'static str, f64, &'static str);

fn catalog_numbers(catalog: &Catalog) -> Vec<Number> {
    vec![(
        Kind::Gauge,
        "plumbago_catalog_series",
        catalog.len() as f64,
        "Series that the catalog knows.",
    )]
}

fn point_numbers(statistics: &StoreStatistics) -> Vec<Number> {
    vec![
        (
            Kind::Counter,
            "plumbago_store_points_stored_total",
            statistics.points_stored as f64,
            "Points stored.",
        ),
        (
            Kind::Counter,
            "plumbago_store_points_late_total",
            statistics.points_late as f64,
            "Points that were older than the ring's window.",
        ),
        (
            Kind::Gauge,
            "plumbago_store_points_pending",
            statistics.points_pending as f64,
            "Points that wait to be placed.",
        ),
        (
            Kind::Counter,
            "plumbago_store_blocks_sealed_total",
            statistics.blocks_sealed as f64,
            "Blocks sealed.",
        ),
        (
            Kind::Gauge,
            "plumbago_store_disk_bytes",
            statistics.bytes_on_disk as f64,
            "Bytes of all files of the store.",
        ),
        (
            Kind::Gauge,
            "plumbago_store_longest_stall_seconds",
            statistics.longest_stall_us as f64 / 1e6,
            "The longest time that maintenance kept a shard from storing.",
        ),
    ]
}

/// What an engine with a file a series counts.
fn file_numbers(statistics: &StoreStatistics) -> Vec<Number> {
    vec![
        (
            Kind::Counter,
            "plumbago_store_updates_total",
            statistics.updates as f64,
            "Writes of a series' points to its own file.",
        ),
        (
            Kind::Counter,
            "plumbago_store_points_written_total",
            statistics.points_written as f64,
            "Points that were written to series' own files.",
        ),
        (
            Kind::Gauge,
            "plumbago_store_creations_waiting",
            statistics.creations_waiting as f64,
            "Series that wait until a file may be made for them.",
        ),
        (
            Kind::Gauge,
            "plumbago_store_files_unusable",
            statistics.files_unusable as f64,
            "Series whose own file cannot be used.",
        ),
    ]
}

fn health_numbers(health: &StoreHealth) -> Vec<Number> {
    let flag = |is_so: bool| f64::from(u8::from(is_so));
    vec![
        (
            Kind::Gauge,
            "plumbago_store_writable",
            flag(health.write_failure.is_none()),
            "1 while the store takes writes, 0 after a failure.",
        ),
        (
            Kind::Gauge,
            "plumbago_store_disk_full",
            flag(health.disk_full),
            "1 while a full disk keeps new series out.",
        ),
        (
            Kind::Gauge,
            "plumbago_store_damaged_files",
            health.damaged.len() as f64,
            "Files set aside because they are damaged.",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_is_told_twice() {
        let all = [
            catalog_numbers(&Catalog::in_memory()),
            point_numbers(&StoreStatistics::default()),
            file_numbers(&StoreStatistics::default()),
            health_numbers(&StoreHealth::default()),
        ];
        let mut names: Vec<_> = all.iter().flatten().map(|number| number.1).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn poisoned_store_is_not_writable() {
        let health = StoreHealth {
            write_failure: Some("no disk".to_owned()),
            ..StoreHealth::default()
        };
        assert_eq!(health_numbers(&health)[0].2, 0.0);
    }
}
