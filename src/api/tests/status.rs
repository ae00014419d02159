//! The daemon's own pages, and what holds for all of them.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};

use super::{House, Limits};
use crate::catalog::Catalog;
use crate::metric::{Refusal, Retention, Rollup, SeriesId};
use crate::storage::{
    Fetched, Selection, ShardWriter, Store, StoreError, StoreHealth, StoreStatistics, TimeRange,
};
use crate::telemetry::refused::Peer;

/// A store that failed to write some time ago.
struct Poisoned;

impl Store for Poisoned {
    fn engine(&self) -> &'static str {
        "poisoned"
    }
    fn shards(&self) -> usize {
        0
    }
    fn writer(&self, shard: usize) -> Box<dyn ShardWriter> {
        panic!("nobody writes to shard {shard}")
    }
    fn fetch(&self, _: SeriesId, _: TimeRange) -> Result<Option<Fetched>, StoreError> {
        Err(StoreError::Poisoned("a test".into()))
    }
    fn select(&self, _: SeriesId, range: TimeRange) -> Option<Selection> {
        Selection::of(&Retention::parse("10s:1h").unwrap(), range)
    }
    fn definition(&self, _: SeriesId) -> Option<(Arc<Retention>, Rollup)> {
        None
    }
    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }
    fn health(&self) -> StoreHealth {
        StoreHealth {
            write_failure: Some("the disk is gone".into()),
            damaged: vec![("/data/x".into(), "checksum".into())],
            disk_full: false,
        }
    }
    fn statistics(&self) -> StoreStatistics {
        StoreStatistics::default()
    }
}

fn poisoned() -> House {
    let catalog = Arc::new(Catalog::in_memory());
    let retention = Arc::new(Retention::parse("10s:1h").unwrap());
    let hash = crate::metric::name::hash(b"a");
    catalog
        .create("a", hash, &retention, Rollup::default())
        .unwrap();
    House::over(catalog, Arc::new(Poisoned), Limits::default())
}

#[tokio::test]
async fn health_tells_the_store_s() {
    let well = House::new().get("/health").await;
    assert_eq!(well.status, StatusCode::OK);
    assert_eq!(well.json()["status"], "ok");
    assert_eq!(well.json()["series"], 7);
    let ill = poisoned().get("/health/").await;
    assert_eq!(ill.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ill.json()["write_failure"], "the disk is gone");
    assert_eq!(ill.json()["damaged"][0]["path"], "/data/x");
}

#[tokio::test]
async fn store_that_cannot_read_is_the_daemon_s_fault() {
    let answer = poisoned()
        .get("/render?target=a&from=-5min&format=json")
        .await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(answer.header("content-type").starts_with("text/plain"));
}

#[tokio::test]
async fn version_is_that_of_graphite() {
    let answer = House::new().get("/version").await;
    assert_eq!(answer.text(), "1.1.10\n");
}

#[tokio::test]
async fn metrics_are_prometheus_text_and_count_renders() {
    let house = House::new();
    house.get("/render?target=uptime&format=json").await;
    house.get("/render?target=nosuch(uptime)&format=json").await;
    let answer = house.get("/metrics").await;
    assert!(
        answer
            .header("content-type")
            .starts_with("text/plain; version=0.0.4")
    );
    assert!(
        answer
            .text()
            .contains("plumbago_renders_total{outcome=\"answered\"} 1")
    );
    assert!(
        answer
            .text()
            .contains("plumbago_renders_total{outcome=\"refused\"} 1")
    );
}

#[tokio::test]
async fn refused_points_are_shown() {
    let house = House::new();
    house
        .refused
        .record(Peer::Unix, Refusal::BadValue, b"a x 1\xff", 7);
    let list = house.get("/debug/refused").await.json();
    assert_eq!(list[0]["reason"], "bad_value");
    assert_eq!(list[0]["peer"], "unix");
    assert_eq!(list[0]["at"], 7);
    assert!(list[0]["line"].as_str().unwrap().starts_with("a x 1"));
}

#[tokio::test]
async fn browser_gets_a_page_and_strangers_get_404() {
    let house = House::new();
    let page = house.get("/").await;
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(page.text().contains("/render"));
    let nothing = house.get("/nosuchpath").await;
    assert_eq!(nothing.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn other_origins_may_read() {
    let house = House::new();
    let request = Request::options("/render")
        .header("origin", "http://grafana.example")
        .header("access-control-request-method", "POST")
        .body(Body::empty());
    let answer = house.send(request.unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("access-control-allow-origin"), "*");
    let request = Request::head("/metrics/find?query=*").body(Body::empty());
    let answer = house.send(request.unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(answer.body.is_empty());
}

#[tokio::test]
async fn answers_are_compressed_when_the_client_can_read_it() {
    let house = House::new();
    for (accepted, magic) in [("gzip", &b"\x1f\x8b"[..]), ("zstd", b"\x28\xb5\x2f\xfd")] {
        let request = Request::get("/functions")
            .header("accept-encoding", accepted)
            .body(Body::empty());
        let answer = house.send(request.unwrap()).await;
        assert_eq!(answer.header("content-encoding"), accepted);
        assert!(answer.body.starts_with(magic));
    }
}

/// A question whose answer takes several pieces.
fn long_answer() -> String {
    let targets = "&target=uptime".repeat(40);
    format!("/render?format=csv{targets}&from=-12h&now=1750000000")
}

#[tokio::test]
async fn long_answer_is_compressed_in_pieces_and_says_the_same() {
    let house = House::new();
    let url = long_answer();
    let plain = house.get(&url).await;
    assert!(plain.body.len() > 500_000, "{}", plain.body.len());
    let request = Request::get(&url).header("accept-encoding", "zstd, gzip");
    let answer = house.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.header("content-encoding"), "gzip");
    assert_eq!(answer.header("vary"), "accept-encoding");
    let mut text = Vec::new();
    std::io::Read::read_to_end(
        &mut flate2::bufread::GzDecoder::new(&answer.body[..]),
        &mut text,
    )
    .unwrap();
    assert!(text == plain.body, "{} bytes", text.len());
}

/// Heavy evaluations may have all threads that work on series for seconds.
#[tokio::test]
async fn panel_does_not_wait_for_the_evaluation_of_others() {
    let house = House::new();
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let receiver = Arc::new(std::sync::Mutex::new(receiver));
    for _ in 0..rayon::current_num_threads() {
        let receiver = receiver.clone();
        rayon::spawn(move || {
            let _ = receiver.lock().unwrap().recv();
        });
    }
    let url = long_answer();
    let answer = tokio::time::timeout(Duration::from_secs(20), house.get(&url)).await;
    drop(sender);
    assert!(answer.unwrap().body.len() > 500_000);
}

#[tokio::test]
async fn body_beyond_its_limit_is_refused() {
    let limits = Limits {
        body_bytes_max: 100,
        ..Limits::default()
    };
    let house = House::with_limits(limits);
    let body = format!("target=uptime&format=json&x={}", "y".repeat(100));
    let answer = house.post("/render", body).await;
    assert_eq!(
        answer.status,
        StatusCode::PAYLOAD_TOO_LARGE,
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn render_without_time_left_is_stopped() {
    let limits = Limits {
        render_time_max: Duration::ZERO,
        ..Limits::default()
    };
    let answer = House::with_limits(limits)
        .get("/render?target=servers.*.cpu&format=json")
        .await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test]
async fn full_line_is_answered_at_once() {
    let limits = Limits {
        renders_waiting_max: 0,
        ..Limits::default()
    };
    let answer = House::with_limits(limits)
        .get("/render?target=uptime&format=json")
        .await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
}
