//! Requests through the whole router, in process, over the store in memory.

mod caching;
mod carbonapi;
mod consolidation;
mod events;
mod forms;
mod freshness;
mod names;
mod rendering;
mod sockets;
mod status;
mod typed;

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use jiff::tz::TimeZone;
use serde_json::Value;
use tower::ServiceExt;

use super::*;
use crate::metric::{Retention, Rollup, name};
use crate::storage::SeriesDefinition;
use crate::storage::memory::MemoryStore;

/// The time of every test.
const NOW: i64 = 1_750_000_000;

/// A router with what it stands on.
struct House {
    router: Router,
    events: Arc<EventLog>,
    refused: Arc<RefusedList>,
}

/// One answer.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn json(&self) -> Value {
        // Infinity is written as a number that overflows; this parser refuses to let it.
        let text = self.text().replace("1e9999", "1e308");
        serde_json::from_str(&text).unwrap_or_else(|error| {
            panic!("{error} in {} {text:.500}", self.status);
        })
    }

    fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

/// Series of `10s:1h,1m:1d`: names with the values of the last minutes, the newest at [`NOW`].
const SERIES: [(&str, &[f64]); 7] = [
    ("servers.web01.cpu", &[1.0, 2.0, 3.0, f64::NAN, 5.0, 6.0]),
    ("servers.web02.cpu", &[10.0, 20.0, 30.0, 40.0, 50.0, 60.0]),
    ("servers.web02.cpu.idle", &[1.5]),
    ("servers.name+plus", &[1.0]),
    ("uptime", &[2.0, 1e17]),
    ("requests;dc=east;host=web01", &[4.0, 5.0]),
    ("requests;dc=west;host=web02", &[7.0, 8.0]),
];

impl House {
    fn new() -> Self {
        Self::with_limits(Limits::default())
    }

    fn with_limits(limits: Limits) -> Self {
        let catalog = Arc::new(Catalog::in_memory());
        let store = Arc::new(MemoryStore::new(1));
        fill(&catalog, store.as_ref());
        Self::over(catalog, store, limits)
    }

    fn over(catalog: Arc<Catalog>, store: Arc<dyn Store>, limits: Limits) -> Self {
        let (services, events, refused) = services(catalog, store, limits);
        Self {
            router: router(services),
            events,
            refused,
        }
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: to_bytes(body, usize::MAX).await.unwrap().to_vec(),
        }
    }

    async fn get(&self, uri: &str) -> Answer {
        self.send(Request::get(uri).body(Body::empty()).unwrap())
            .await
    }

    async fn post(&self, uri: &str, body: impl Into<Body>) -> Answer {
        let request = Request::post(uri)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.into());
        self.send(request.unwrap()).await
    }
}

/// Services with the events and the refused list that they stand on.
fn services(
    catalog: Arc<Catalog>,
    store: Arc<dyn Store>,
    limits: Limits,
) -> (State, Arc<EventLog>, Arc<RefusedList>) {
    let events = Arc::new(EventLog::in_memory());
    let refused = Arc::new(RefusedList::default());
    let parts = Parts {
        catalog,
        store,
        events: Arc::clone(&events),
        telemetry: Arc::default(),
        refused: Arc::clone(&refused),
        clock: Clock::manual(NOW),
        timezone: TimeZone::UTC,
        name_rules: NameRules::default(),
        lifecycle: None,
        limits,
    };
    (Services::start(parts).unwrap(), events, refused)
}

fn fill(catalog: &Catalog, store: &dyn Store) {
    let retention = Arc::new(Retention::parse("10s:1h,1m:1d").unwrap());
    let mut writer = store.writer(0);
    for (series_name, values) in SERIES {
        let hash = name::hash(series_name.as_bytes());
        let rollup = Rollup::default();
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
        for (age, value) in values.iter().rev().enumerate() {
            if !value.is_nan() {
                let time = NOW - 10 * age as i64;
                writer.store(id, time, *value, NOW).unwrap();
            }
        }
    }
}
