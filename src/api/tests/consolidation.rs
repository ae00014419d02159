//! Points made fewer: by the mean as in graphite-web, as the store does it, and what alerts get.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{House, Limits, NOW};
use crate::catalog::Catalog;
use crate::metric::{AggregationMethod, Retention, Rollup, name};
use crate::storage::memory::MemoryStore;
use crate::storage::{SeriesDefinition, Store};

/// Twelve points of ten seconds until [`NOW`]: 1, 2, 3 and so on, in a series for each method.
fn house(limits: Limits) -> House {
    let catalog = Arc::new(Catalog::in_memory());
    let store = Arc::new(MemoryStore::new(1));
    let mut writer = store.writer(0);
    let retention = Arc::new(Retention::parse("10s:1h,1m:1d").unwrap());
    for method in ["average", "sum", "last", "max", "min", "count", "absmax"] {
        let series = format!("m.{method}");
        let rollup = Rollup {
            method: AggregationMethod::parse(method).unwrap(),
            x_files_factor: 0.0,
        };
        let hash = name::hash(series.as_bytes());
        let id = catalog.create(&series, hash, &retention, rollup).unwrap();
        let definition = SeriesDefinition {
            id,
            name: series.as_str().into(),
            retention: Arc::clone(&retention),
            rollup,
        };
        writer.define(&definition).unwrap();
        for slot in 1..=12 {
            let time = NOW - 10 * (12 - slot);
            writer.store(id, time, slot as f64, NOW).unwrap();
        }
    }
    House::over(catalog, store, limits)
}

/// From a multiple of a minute on, so that four buckets of half a minute are whole.
const WINDOW: &str = "from=1749999889&until=1750000009&now=1750000009&format=json";

async fn values(house: &House, query: &str) -> Vec<Value> {
    let answer = house.get(&format!("/render?{query}&{WINDOW}")).await;
    let answer = answer.json();
    let points = answer[0]["datapoints"].as_array().unwrap().iter();
    points.map(|point| point[0].clone()).collect()
}

#[tokio::test]
async fn points_become_fewer_by_the_mean_unless_asked_otherwise() {
    let house = house(Limits::default());
    let one = |method: &str| format!("target=m.{method}&maxDataPoints=1");
    for method in ["average", "sum", "last", "max", "count", "absmax"] {
        assert_eq!(values(&house, &one(method)).await, [6.5], "{method}");
    }
    for (method, expected) in [
        ("average", 6.5),
        ("sum", 78.0),
        ("last", 12.0),
        ("max", 12.0),
        ("min", 1.0),
        ("count", 12.0),
        ("absmax", 6.5),
    ] {
        let query = format!("{}&consolidateAsStored=1", one(method));
        assert_eq!(values(&house, &query).await, [expected], "{method}");
    }
}

#[tokio::test]
async fn call_of_consolidate_by_wins_and_points_that_stay_are_as_they_were() {
    let house = house(Limits::default());
    let query = "target=consolidateBy(m.sum,'min')&maxDataPoints=1&consolidateAsStored=1";
    assert_eq!(values(&house, query).await, [1.0]);
    let whole = values(&house, "target=m.sum&consolidateAsStored=1").await;
    assert_eq!(whole, values(&house, "target=m.sum").await);
    assert_eq!(whole.len(), 12);
}

#[tokio::test]
async fn config_sets_the_default_and_a_request_overrides_it() {
    let house = house(Limits {
        consolidate_as_stored: true,
        ..Limits::default()
    });
    let query = "target=m.sum&maxDataPoints=1";
    assert_eq!(values(&house, query).await, [78.0]);
    let answer = values(&house, &format!("{query}&consolidateAsStored=0")).await;
    assert_eq!(answer, [6.5]);
    let uri = format!("/render?{query}&consolidateAsStored=x&{WINDOW}");
    assert_eq!(house.get(&uri).await.status, 400);
}

#[tokio::test]
async fn kept_answer_of_one_kind_is_not_given_for_the_other() {
    let house = house(Limits::default());
    let query = "target=m.sum&maxDataPoints=1&cacheTimeout=60";
    assert_eq!(values(&house, query).await, [6.5]);
    let answer = values(&house, &format!("{query}&consolidateAsStored=1")).await;
    assert_eq!(answer, [78.0]);
    assert_eq!(values(&house, query).await, [6.5]);
}

/// The window cuts the last bucket: a mean of it would jump at the next point.
#[tokio::test]
async fn alert_gets_no_unfinished_bucket_in_either_shape() {
    let house = house(Limits::default());
    let query = "/render?target=m.sum&from=-115s&until=now&now=1750000005&format=json\
                 &maxDataPoints=4&consolidateAsStored=1";
    let plain = house.get(&format!("{query}&alertSafe=1")).await.json();
    let metrictank = format!("{query}&alertSafe=1&meta=true");
    let shaped = house.get(&metrictank).await.json()["series"][0].clone();
    assert_eq!(shaped["datapoints"], plain[0]["datapoints"]);
    assert_eq!(shaped["meta"][0]["consolidator-rc"], "SumConsolidator");
    let every = house.get(query).await.json();
    let (every, safe) = (&every[0]["datapoints"], &plain[0]["datapoints"]);
    let (every, safe) = (every.as_array().unwrap(), safe.as_array().unwrap());
    assert_eq!(safe.len() + 1, every.len(), "{safe:?} {every:?}");
    assert_eq!(safe[..], every[..safe.len()]);
    assert_eq!(every[0][0], json!(15.0));
}
