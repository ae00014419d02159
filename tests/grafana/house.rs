//! A router over the store in memory, with the series that the exchanges ask for.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use plumbago::api;
use plumbago::catalog::Catalog;
use plumbago::clock::Clock;
use plumbago::events::{EventLog, NewEvent};
use plumbago::metric::{Retention, Rollup, name};
use plumbago::storage::memory::MemoryStore;
use plumbago::storage::{SeriesDefinition, Store};
use tower::ServiceExt;

use super::exchange::{Answer, Exchange};

const NOW: i64 = 1_750_000_000;

/// Series of `1m:1h,10m:1d`: values a minute apart, the newest at [`NOW`]'s slot.
const SERIES: [(&str, &[f64]); 5] = [
    ("servers.web01.cpu", &[1.0, 2.0, 3.0]),
    ("servers.web02.cpu", &[10.0, 20.0, 30.0]),
    ("servers.web02.mem.free", &[7.0, 7.0, 7.0]),
    ("requests;dc=east;host=web01", &[4.0, 5.0, 6.0]),
    ("requests;dc=west;host=web02", &[7.0, 8.0, 9.0]),
];

pub(crate) fn build() -> Router {
    let catalog = Arc::new(Catalog::in_memory());
    let store = Arc::new(MemoryStore::new(1));
    fill(&catalog, &store);
    let events = Arc::new(EventLog::in_memory());
    events
        .append(NewEvent {
            when: NOW - 600,
            what: "deploy web".into(),
            tags: vec!["deploy".into(), "web".into()],
            data: "v2".into(),
        })
        .unwrap();
    let services = api::Services::start(api::Parts {
        catalog,
        store,
        events,
        telemetry: Arc::default(),
        refused: Arc::default(),
        clock: Clock::manual(NOW),
        timezone: jiff::tz::TimeZone::UTC,
        name_rules: name::NameRules::default(),
        lifecycle: None,
        limits: api::Limits::default(),
    });
    api::router(services.unwrap())
}

fn fill(catalog: &Catalog, store: &MemoryStore) {
    let retention = Arc::new(Retention::parse("1m:1h,10m:1d").unwrap());
    let mut writer = store.writer(0);
    for (series_name, values) in SERIES {
        let rollup = Rollup::default();
        let hash = name::hash(series_name.as_bytes());
        let id = catalog
            .create(series_name, hash, &retention, rollup)
            .unwrap();
        writer
            .define(&SeriesDefinition {
                id,
                name: series_name.into(),
                retention: Arc::clone(&retention),
                rollup,
            })
            .unwrap();
        for (position, value) in values.iter().enumerate() {
            let time = NOW - 60 * (values.len() - 1 - position) as i64;
            writer.store(id, time, *value, NOW).unwrap();
        }
    }
}

pub(crate) async fn send(router: &Router, exchange: &Exchange) -> Answer {
    let mut request = Request::builder()
        .method(exchange.method.as_str())
        .uri(&exchange.uri);
    for (name, value) in &exchange.headers {
        request = request.header(name, value);
    }
    let request = request.body(Body::from(exchange.body.clone())).unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    let content_type = parts.headers.get("content-type");
    Answer {
        status: parts.status.as_u16(),
        content_type: content_type.map_or(String::new(), |value| value.to_str().unwrap().into()),
        body: String::from_utf8(bytes.to_vec()).unwrap(),
    }
}
