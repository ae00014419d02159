//! The memory engine against the rules of Whisper.

use super::*;
use crate::metric::AggregationMethod;

const NOW: i64 = 1_000_000;

fn store_with(
    retention: &str,
    method: AggregationMethod,
    factor: f32,
) -> (MemoryStore, Box<dyn ShardWriter>) {
    let store = MemoryStore::new(1);
    let mut writer = store.writer(0);
    let definition = SeriesDefinition {
        id: SeriesId(7),
        name: "a.b".into(),
        retention: Arc::new(Retention::parse(retention).unwrap()),
        rollup: Rollup {
            method,
            x_files_factor: factor,
        },
    };
    writer.define(&definition).unwrap();
    (store, writer)
}

fn values(store: &MemoryStore, from: i64, until: i64, now: i64) -> Vec<Option<f64>> {
    let fetched = store
        .fetch(SeriesId(7), TimeRange { from, until, now })
        .unwrap()
        .unwrap();
    fetched
        .values
        .iter()
        .map(|value| (!value.is_nan()).then_some(*value))
        .collect()
}

#[test]
fn suite_of_life_and_death_passes() {
    crate::storage::suite::run(&MemoryStore::new(1));
}

#[test]
fn last_value_of_a_slot_wins() {
    let (store, mut writer) = store_with("10s:1h", AggregationMethod::Average, 0.5);
    for value in [1.0, 2.0] {
        writer.store(SeriesId(7), NOW - 7, value, NOW).unwrap();
    }
    assert_eq!(values(&store, NOW - 20, NOW, NOW), [Some(2.0), None]);
}

#[test]
fn points_are_rolled_up_when_enough_slots_are_known() {
    let (store, mut writer) = store_with("10s:1h,1m:1d", AggregationMethod::Sum, 0.5);
    let minute = NOW - NOW % 60 - 60;
    for slot in 0..2 {
        writer
            .store(SeriesId(7), minute + slot * 10, 1.0, NOW)
            .unwrap();
    }
    assert_eq!(
        values(&store, minute - 4000, minute, NOW).last(),
        Some(&None)
    );
    writer.store(SeriesId(7), minute + 20, 1.0, NOW).unwrap();
    assert_eq!(
        values(&store, minute - 4000, minute, NOW).last(),
        Some(&Some(3.0))
    );
}

#[test]
fn late_point_lands_in_the_coarser_archive_without_averaging() {
    let (store, mut writer) = store_with("10s:1h,1m:1d", AggregationMethod::Average, 0.0);
    let minute = NOW - NOW % 60 - 7200;
    writer.store(SeriesId(7), minute + 10, 1.0, NOW).unwrap();
    writer.store(SeriesId(7), minute + 20, 5.0, NOW).unwrap();
    assert_eq!(values(&store, minute - 60, minute, NOW), [Some(5.0)]);
    assert_eq!(store.statistics().points_late, 2);
}

#[test]
fn an_earlier_round_of_the_ring_reads_as_unknown() {
    let (store, mut writer) = store_with("10s:1h", AggregationMethod::Average, 0.0);
    writer.store(SeriesId(7), NOW, 1.0, NOW).unwrap();
    let later = NOW + 3600;
    assert_eq!(values(&store, later - 10, later, later), [None]);
}

#[test]
fn points_outside_the_retention_are_refused() {
    let (_, mut writer) = store_with("10s:1h,1m:1d", AggregationMethod::Average, 0.5);
    let mut store = |timestamp| writer.store(SeriesId(7), timestamp, 1.0, NOW);
    assert_eq!(store(NOW - 86_399), Ok(()));
    assert_eq!(store(NOW - 86_400), Err(Refusal::TooOld));
    assert_eq!(store(NOW + 19), Ok(()));
    assert_eq!(store(NOW + 20), Err(Refusal::TooFarInFuture));
    assert_eq!(store(0), Err(Refusal::BadTimestamp));
}

#[test]
fn unknown_series_is_no_answer() {
    let store = MemoryStore::new(1);
    let range = TimeRange {
        from: NOW - 10,
        until: NOW,
        now: NOW,
    };
    assert_eq!(store.fetch(SeriesId(1), range).unwrap(), None);
    assert_eq!(store.select(SeriesId(1), range), None);
}

#[test]
#[should_panic(expected = "taken before")]
fn writer_is_taken_once() {
    let store = MemoryStore::new(1);
    let _first = store.writer(0);
    let _second = store.writer(0);
}
