//! Names that are left out because they had no points.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{House, Limits, NOW};
use crate::catalog::Catalog;
use crate::metric::{Retention, Rollup, name};
use crate::storage::memory::MemoryStore;
use crate::storage::{SeriesDefinition, ShardWriter, Store};

/// Names with the age of their newest point in seconds.
const NAMES: [(&str, i64); 8] = [
    ("dc1.web01.cpu", 0),
    ("dc1.web01.disk", 7_000),
    ("dc1.web02.cpu", 7_000),
    ("dc1.web02", 20),
    ("dc2.db01.cpu", 7_000),
    ("uptime", 7_000),
    ("requests;dc=one;host=a", 0),
    ("requests;dc=two;rack=r7", 7_000),
];

fn house(filters: bool) -> House {
    let catalog = Arc::new(Catalog::in_memory());
    let store = Arc::new(MemoryStore::new(1));
    let mut writer = store.writer(0);
    for (series, age) in NAMES {
        add(&catalog, writer.as_mut(), series, age);
    }
    // A branch with more series than are looked at first, of which the last one lives.
    for number in 0..40 {
        add(
            &catalog,
            writer.as_mut(),
            &format!("wide.n{number:02}.x"),
            7_000,
        );
    }
    add(&catalog, writer.as_mut(), "wide.n20.y", 0);
    catalog.tag_series("requests;dc=three").unwrap();
    let limits = Limits {
        find_filters_by_time: filters,
        ..Limits::default()
    };
    House::over(catalog, store, limits)
}

fn add(catalog: &Catalog, writer: &mut dyn ShardWriter, series: &str, age: i64) {
    let retention = Arc::new(Retention::parse("10s:1h,1m:1d").unwrap());
    let rollup = Rollup::default();
    let hash = name::hash(series.as_bytes());
    let id = catalog.create(series, hash, &retention, rollup).unwrap();
    let definition = SeriesDefinition {
        id,
        name: series.into(),
        retention,
        rollup,
    };
    writer.define(&definition).unwrap();
    writer.store(id, NOW - age, 1.0, NOW).unwrap();
}

/// The names that the tree shows.
async fn shown(house: &House, query: &str) -> Vec<String> {
    let found = house.get(&format!("/metrics/find?query={query}")).await;
    let found = found.json();
    let texts = found.as_array().unwrap().iter().map(|node| &node["text"]);
    texts
        .map(|text| text.as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn names_without_points_since_from_are_left_out_of_find() {
    let house = house(true);
    assert_eq!(shown(&house, "*&from=-1h").await, ["dc1", "wide"]);
    assert_eq!(
        shown(&house, "dc1.*&from=-1h&until=now").await,
        ["web01", "web02"]
    );
    assert_eq!(shown(&house, "dc1.web01.*&from=-1h").await, ["cpu"]);
    assert_eq!(shown(&house, "dc1.web02.*&from=-1h").await, [""; 0]);
    assert_eq!(shown(&house, "wide.*&from=-1h").await, ["n20"]);
    // The branch went, the leaf of its name did not.
    let nodes = house
        .get("/metrics/find?query=dc1.web02&from=-1h")
        .await
        .json();
    assert_eq!(nodes[0]["leaf"], json!(1));
}

#[tokio::test]
async fn everything_is_shown_over_a_longer_time_and_without_one() {
    let house = house(true);
    for time in ["&from=-3h", "", "&from=-1", "&until=now"] {
        let names = shown(&house, &format!("*{time}")).await;
        assert_eq!(names, ["dc1", "dc2", "wide", "uptime"], "{time}");
    }
}

#[tokio::test]
async fn nothing_is_left_out_unless_the_config_says_so() {
    let house = house(false);
    assert_eq!(
        shown(&house, "*&from=-1h").await,
        ["dc1", "dc2", "wide", "uptime"]
    );
    let paths = house
        .get("/metrics/expand?query=*.*.cpu&from=nonsense")
        .await;
    assert_eq!(paths.json()["results"].as_array().unwrap().len(), 3);
    let values = house.get("/tags/autoComplete/values?tag=dc&from=-1h").await;
    assert_eq!(values.json(), json!(["one", "three", "two"]));
}

#[tokio::test]
async fn expand_and_carbonapi_are_filtered_as_well() {
    let house = house(true);
    let paths = house.get("/metrics/expand?query=*.*.cpu&from=-1h").await;
    assert_eq!(paths.json(), json!({"results": ["dc1.web01.cpu"]}));
    // MultiGlobRequest{metrics = 1: "dc2.*", startTime = 2: NOW - 3600}
    let mut message = b"\x0a\x05dc2.*\x10".to_vec();
    let mut start = (NOW - 3_600) as u64;
    while start > 0x7f {
        message.push(start as u8 | 0x80);
        start >>= 7;
    }
    message.push(start as u8);
    let uri = "/metrics/find?format=carbonapi_v3_pb";
    assert_eq!(house.post(uri, message).await.status, 404);
    assert_eq!(house.post(uri, b"\x0a\x05dc2.*".to_vec()).await.status, 200);
}

#[tokio::test]
async fn suggestions_of_tags_come_from_series_with_points() {
    let house = house(true);
    let complete = async |question: &str| -> Value {
        let uri = format!("/tags/autoComplete/{question}");
        house.get(&uri).await.json()
    };
    assert_eq!(
        complete("tags?from=-1h").await,
        json!(["dc", "host", "name"])
    );
    assert_eq!(complete("tags?from=-1h&limit=1").await, json!(["dc"]));
    assert_eq!(
        complete("tags?from=-1h&expr=name=requests").await,
        json!(["dc", "host"])
    );
    assert_eq!(complete("values?tag=dc&from=-1h").await, json!(["one"]));
    assert_eq!(
        complete("values?tag=dc&from=-3h").await,
        json!(["one", "two"])
    );
    let uri = "values?tag=dc&expr=name=requests&from=-1h&valuePrefix=t";
    assert_eq!(complete(uri).await, json!([]));
    assert_eq!(
        complete("values?tag=dc").await,
        json!(["one", "three", "two"])
    );
}
