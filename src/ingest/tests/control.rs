//! Removals and orders, as the workers follow them.

use super::*;
use crate::catalog::MovedSeries;

/// A definition as `lifecycle` would give it.
fn definition(id: SeriesId, name: &str) -> SeriesDefinition {
    SeriesDefinition {
        id,
        name: name.into(),
        retention: Arc::new(Retention::parse("60s:7d").unwrap()),
        rollup: Rollup::default(),
    }
}

#[test]
fn store_lets_go_of_a_removed_series_once_the_removal_is_durable() {
    let bench = bench(2);
    bench.send(&[("a", NOW, 1.0), ("b", NOW, 1.0)]);
    bench.until("stored", |state| state.points.len() == 2);
    let id = bench.ingest.catalog.id("a").unwrap();
    bench.ingest.catalog.remove(&[id]).unwrap();
    bench.send(&[("b", NOW, 2.0), ("a", NOW, 2.0)]);
    bench.until("stored", |state| state.points.len() == 4);
    assert!(bench.store.state.lock().defined.contains_key(&id.0));
    bench.ingest.catalog.sync().unwrap();
    bench.until("let go of", |state| !state.defined.contains_key(&id.0));
    let second = bench.ingest.catalog.id("a").unwrap();
    assert!(bench.store.state.lock().defined.contains_key(&second.0));
    let followed = || bench.ingest.catalog.removals_followed();
    bench.until("followed", |_| followed() == 1);
}

#[test]
fn points_of_held_series_wait_and_are_stored_in_order_when_it_ends() {
    let bench = bench(2);
    bench.send(&[("a", NOW, 1.0), ("b", NOW, 1.0), ("c", NOW, 1.0)]);
    bench.until("stored", |state| state.points.len() == 3);
    let held = ["a", "b"].map(|name| bench.ingest.catalog.id(name).unwrap());
    let (hold, waiting) = bench.workers.controls().hold(held).unwrap();
    assert_eq!(waiting, []);
    bench.send(&[("a", NOW, 2.0), ("c", NOW, 2.0), ("b", NOW, 2.0)]);
    bench.send(&[("a", NOW, 3.0), ("c", NOW, 3.0)]);
    bench.until("stored", |state| state.points.len() == 5);
    bench.until_worked_off();
    let state = bench.store.state.lock();
    assert!(
        state.points[3..]
            .iter()
            .all(|point| !held.contains(&point.0))
    );
    drop(state);
    drop(hold);
    assert_eq!(bench.store.state.lock().points.len(), 8);
    assert_eq!(bench.stored(), 8);
    let of_a: Vec<f64> = bench
        .end()
        .iter()
        .filter(|p| p.0 == "a")
        .map(|p| p.2)
        .collect();
    assert_eq!(of_a, [1.0, 2.0, 3.0]);
}

#[test]
fn held_series_that_moves_takes_its_waiting_points_along() {
    let bench = bench(1);
    bench.send(&[("a", NOW, 1.0), ("gone", NOW, 1.0)]);
    bench.until("stored", |state| state.points.len() == 2);
    let (catalog, controls) = (&bench.ingest.catalog, bench.workers.controls());
    let from = catalog.id("a").unwrap();
    let gone = catalog.id("gone").unwrap();
    let (hold, _) = controls.hold([from, gone]).unwrap();
    bench.send(&[("a", NOW, 2.0), ("gone", NOW, 2.0)]);
    bench.until_worked_off();
    let to = catalog.reserve(1).unwrap()[0];
    let definition = definition(to, "a");
    controls.define(0, vec![definition.clone()]).unwrap();
    let point = ControlPoint {
        series: to,
        timestamp: NOW,
        value: 1.5,
    };
    controls.store(0, vec![point]).unwrap();
    let moved = [MovedSeries { from, to }];
    let rebound = catalog.rebind(&moved, &definition.retention, definition.rollup);
    assert_eq!(rebound.unwrap(), 1);
    assert_eq!(catalog.remove(&[gone]).unwrap(), 1);
    drop(hold);
    let points = bench.store.state.lock().points.clone();
    assert_eq!(points[2..4], [(to, NOW, 1.5), (to, NOW, 2.0)]);
    let again = catalog.id("gone").unwrap();
    assert_eq!(points[4], (again, NOW, 2.0));
    assert_ne!(again, gone);
    // Two came with points, and one again; the one that moved is not new.
    let shard = bench.ingest.telemetry.shard(0);
    let created = &shard.series_created;
    assert_eq!(created.load(std::sync::atomic::Ordering::Relaxed), 3);
}

#[test]
fn too_many_held_points_make_the_worker_stand_still_and_none_is_lost() {
    let limits = QueueLimits {
        points_max: 1 << 20,
        batches_max: 1 << 12,
    };
    let bench = bench_with(1, limits, Catalog::in_memory());
    bench.send(&[("a", NOW, 0.0)]);
    bench.until("stored", |state| state.points.len() == 1);
    let id = bench.ingest.catalog.id("a").unwrap();
    let (hold, _) = bench.workers.controls().hold([id]).unwrap();
    let many = 70_000;
    for thousand in 0..many / 1000 {
        let points: Vec<_> = (0..1000)
            .map(|n| ("a", NOW, f64::from(thousand * 1000 + n)))
            .collect();
        bench.send(&points);
    }
    bench.until("waits", |_| bench.ingest.routes.points_queued() < 6_000);
    assert_eq!(bench.store.state.lock().points.len(), 1);
    drop(hold);
    let values: Vec<f64> = bench.end()[1..].iter().map(|point| point.2).collect();
    let expected: Vec<f64> = (0..many).map(f64::from).collect();
    assert!(values == expected, "{} points", values.len());
}

#[test]
fn series_with_points_that_wait_for_the_store_is_named_and_a_removed_one_takes_them_along() {
    let bench = bench(1);
    bench.send(&[("a", NOW, 1.0), ("b", NOW, 1.0)]);
    bench.until("stored", |state| state.points.len() == 2);
    bench.store.state.lock().refuses = Some(Refusal::StoreRefused);
    bench.send(&[("a", NOW, 2.0), ("b", NOW, 2.0)]);
    let deferred = || {
        let shard = bench.ingest.telemetry.shard(0);
        shard
            .points_deferred
            .load(std::sync::atomic::Ordering::Relaxed)
    };
    bench.until("deferred", |_| deferred() == 2);
    let id = bench.ingest.catalog.id("a").unwrap();
    let (hold, waiting) = bench.workers.controls().hold([id, SeriesId(77)]).unwrap();
    assert_eq!(waiting, [id]);
    drop(hold);
    bench.ingest.catalog.remove(&[id]).unwrap();
    bench.store.state.lock().refuses = None;
    bench.until("stored", |state| state.points.len() == 3);
    let points = bench.end();
    assert_eq!(points[2], ("b".to_owned(), NOW, 2.0));
}

#[test]
fn orders_to_workers_that_have_ended_are_refused() {
    let bench = bench(2);
    let controls = bench.workers.controls();
    bench.end();
    assert!(matches!(controls.hold([]), Err(ControlError::Ended)));
    assert!(matches!(
        controls.define(1, vec![]),
        Err(ControlError::Ended)
    ));
}
