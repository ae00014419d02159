//! Answers given again: for whom, for how long, and what is said about it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::StatusCode;

use super::{House, Limits, NOW};
use crate::catalog::Catalog;
use crate::metric::{Retention, Rollup, SeriesId, name};
use crate::storage::memory::MemoryStore;
use crate::storage::{SeriesDefinition, ShardWriter, Store};

const QUERY: &str = "/render?target=servers.*.cpu&format=json&from=-50s&until=now&now=1750000000";

async fn number(house: &House, sample: &str) -> f64 {
    let metrics = house.get("/metrics").await;
    let line = metrics.text().lines().find(|line| line.starts_with(sample));
    let line = line.unwrap_or_else(|| panic!("no {sample}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

async fn hits(house: &House) -> f64 {
    number(house, "plumbago_cache_hits_total{cache=\"response\"}").await
}

#[tokio::test]
async fn nothing_is_given_again_unless_asked_for() {
    let house = House::new();
    for _ in 0..2 {
        let answer = house.get(QUERY).await;
        assert_eq!(answer.header("cache-control"), "no-cache");
        assert_eq!(answer.header("expires"), "");
    }
    assert_eq!(hits(&house).await, 0.0);
    assert_eq!(
        number(&house, "plumbago_cache_bytes{cache=\"response\"}").await,
        0.0
    );
}

#[tokio::test]
async fn request_that_can_wait_gets_the_kept_answer() {
    let house = House::new();
    let query = format!("{QUERY}&cacheTimeout=3600");
    let first = house.get(&query).await;
    assert_eq!(first.header("cache-control"), "max-age=3600");
    assert!(
        first.header("expires").ends_with(" GMT"),
        "{}",
        first.header("expires")
    );
    let second = house.get(&query).await;
    assert_eq!(second.text(), first.text());
    let left = second.header("cache-control").strip_prefix("max-age=");
    assert!(left.unwrap().parse::<u64>().unwrap() <= 3600);
    assert_eq!(hits(&house).await, 1.0);
    // Another format of the same series is no other question; other times and points are.
    house.get(&query.replace("json", "csv")).await;
    assert_eq!(hits(&house).await, 2.0);
    house.get(&query.replace("-50s", "-40s")).await;
    house.get(&format!("{query}&maxDataPoints=2")).await;
    assert_eq!(hits(&house).await, 2.0);
    for sooner in ["cacheTimeout=0", "noCache=1", "explain=1"] {
        let answer = house.get(&format!("{query}&{sooner}")).await;
        assert_ne!(answer.header("cache-control"), "max-age=3600", "{sooner}");
    }
    assert_eq!(hits(&house).await, 2.0);
    assert!(number(&house, "plumbago_cache_bytes{cache=\"response\"}").await > 0.0);
}

/// A house with one series and what writes to it.
fn writable(limits: Limits) -> (House, Box<dyn ShardWriter>) {
    let catalog = Arc::new(Catalog::in_memory());
    let store = Arc::new(MemoryStore::new(1));
    let mut writer = store.writer(0);
    let retention = Arc::new(Retention::parse("10s:1h").unwrap());
    let (hash, rollup) = (name::hash(b"live"), Rollup::default());
    let id = catalog.create("live", hash, &retention, rollup).unwrap();
    assert_eq!(id, SeriesId(0));
    let definition = SeriesDefinition {
        id,
        name: "live".into(),
        retention,
        rollup,
    };
    writer.define(&definition).unwrap();
    (House::over(catalog, store, limits), writer)
}

/// The last value of the series.
async fn last(house: &House, more: &str) -> f64 {
    let query = "/render?target=live&format=json&from=-20s&now=1750000000";
    let answer = house.get(&format!("{query}{more}")).await.json();
    let points = answer[0]["datapoints"].as_array().unwrap();
    points.last().unwrap()[0].as_f64().unwrap()
}

#[tokio::test]
async fn points_stored_meanwhile_are_hidden_from_those_who_can_wait_and_from_nobody_else() {
    let (house, mut writer) = writable(Limits::default());
    let mut store = |value| writer.store(SeriesId(0), NOW, value, NOW).unwrap();
    store(1.0);
    assert_eq!(last(&house, "&cacheTimeout=3600").await, 1.0);
    store(2.0);
    assert_eq!(last(&house, "&cacheTimeout=3600").await, 1.0);
    for fresh in [
        "",
        "&cacheTimeout=0",
        "&noCache=1",
        "&cacheTimeout=3600&noCache=1",
    ] {
        assert_eq!(last(&house, fresh).await, 2.0, "{fresh}");
    }
    // None of these replaced what is kept; a question that differs in what alerts need has its own.
    assert_eq!(last(&house, "&cacheTimeout=3600").await, 1.0);
    let unfinished = "/render?target=live&format=json&from=-20s&now=1750000000&alertSafe=1";
    let answer = house.get(&format!("{unfinished}&cacheTimeout=3600")).await;
    assert_eq!(answer.json()[0]["datapoints"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn points_stored_meanwhile_are_shown_after_the_time_and_not_before() {
    for (limits, timeout) in [
        (Limits::default(), "&cacheTimeout=1"),
        (
            Limits {
                response_cache: Duration::from_secs(1),
                ..Limits::default()
            },
            "",
        ),
    ] {
        let (house, mut writer) = writable(limits);
        writer.store(SeriesId(0), NOW, 1.0, NOW).unwrap();
        let asked = Instant::now();
        assert_eq!(last(&house, timeout).await, 1.0);
        writer.store(SeriesId(0), NOW, 2.0, NOW).unwrap();
        while last(&house, timeout).await < 2.0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(asked.elapsed() >= Duration::from_secs(1));
    }
}

#[tokio::test]
async fn config_keeps_answers_of_requests_that_say_nothing() {
    let house = House::with_limits(Limits {
        response_cache: Duration::from_secs(60),
        ..Limits::default()
    });
    house.get(QUERY).await;
    assert_eq!(house.get(QUERY).await.status, StatusCode::OK);
    assert_eq!(hits(&house).await, 1.0);
    let answer = house.get(&format!("{QUERY}&cacheTimeout=0")).await;
    assert_eq!(answer.header("cache-control"), "no-cache");
    let error = house.get(&format!("{QUERY}&cacheTimeout=x")).await;
    assert_eq!(error.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn cache_without_room_keeps_nothing_whoever_asks() {
    let house = House::with_limits(Limits {
        response_cache_bytes: 0,
        ..Limits::default()
    });
    let query = format!("{QUERY}&cacheTimeout=60");
    house.get(&query).await;
    let answer = house.get(&query).await;
    assert_eq!(answer.header("cache-control"), "no-cache");
}

#[tokio::test]
async fn limits_of_length_and_memory_say_what_they_are() {
    let house = House::with_limits(Limits {
        target_bytes_max: 20,
        ..Limits::default()
    });
    let answer = house
        .get("/render?target=servers.web01.cpu.idle&format=json")
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(
        answer.text().contains("22 bytes") && answer.text().contains("20"),
        "{}",
        answer.text()
    );

    let mut limits = Limits::default();
    limits.render.reads.bytes_max = 1_000;
    let house = House::with_limits(limits);
    let answer = house.get(QUERY).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        answer.text().contains("memory") && answer.text().contains("1000"),
        "{}",
        answer.text()
    );
}
