//! How much work is still done for a client that has left, whatever function is at work.
//!
//! What is measured is processor time, which does not depend on what else the machine does. It is the
//! whole process's, so there is one test here.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use plumbago::api::{Limits, Parts, Services, serve};
use plumbago::catalog::Catalog;
use plumbago::clock::Clock;
use plumbago::events::EventLog;
use plumbago::metric::name::NameRules;
use plumbago::metric::{Retention, Rollup, SeriesId, name};
use plumbago::storage::{
    Fetched, Selection, ShardWriter, Store, StoreError, StoreHealth, StoreStatistics, TimeRange,
};
use plumbago::telemetry::refused::RefusedList;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

const NOW: i64 = 1_750_000_000;

/// Series of the house, in groups of two.
const SERIES: u32 = 4_000;

/// How much processor time may still be used once a client has left. An unoptimised build uses a quarter
/// of it at most, in `tukeyAbove`; a function that asks nobody uses seconds.
const USED_MAX: Duration = Duration::from_secs(1);

/// After so long the work goes on for good.
const PATIENCE: Duration = Duration::from_secs(60);

/// Calls that take long over all series: in parallel, from group to group, from series to series.
const TARGETS: &[&str] = &[
    "a.*.*",
    "movingMedian(a.*.*,100)",
    "holtWintersAberration(a.g00*.*)",
    "percentileOfSeries(a.*.*,95)",
    "groupByNode(a.*.*,1,'median')",
    "asPercent(a.*.*,None,1)",
    "divideSeriesLists(a.*.*,a.*.*)",
    "weightedAverage(a.*.*,a.*.*,2)",
    "mostDeviant(a.*.*,5)",
    "tukeyAbove(a.*.*,1.5,5)",
    "fft(a.*.*)",
    "smartSummarize(a.*.*,'5min','median')",
    "timeStack(a.*.*,'1h',0,5)",
];

/// Calls that take long over a single series.
const LONG_TARGETS: &[&str] = &[
    "movingWindow(a.g0001.s00002,'5d','stddev')",
    "movingMedian(a.g0001.s00002,'5d')",
    "pearson(a.g0001.s00002,a.g0001.s00003,50000)",
    "kolmogorovSmirnovTest2(a.g0001.s00002,a.g0001.s00003,20000)",
];

/// A store in which every series is a wave of its own.
struct Waves(Arc<Retention>);

impl Store for Waves {
    fn engine(&self) -> &'static str {
        "waves"
    }
    fn shards(&self) -> usize {
        0
    }
    fn writer(&self, shard: usize) -> Box<dyn ShardWriter> {
        panic!("nobody writes to shard {shard}")
    }
    fn fetch(&self, id: SeriesId, range: TimeRange) -> Result<Option<Fetched>, StoreError> {
        let selection = self.select(id, range);
        Ok(selection.map(|selection| {
            let phase = f64::from(id.0 * 7919 % 1000);
            let value = |slot: usize| ((slot as f64) * 0.37 + phase).sin() * 100.0 + phase;
            Fetched {
                archive: 0,
                start: selection.start,
                step: selection.step,
                values: (0..selection.slots()).map(value).collect(),
            }
        }))
    }
    fn select(&self, _: SeriesId, range: TimeRange) -> Option<Selection> {
        Selection::of(&self.0, range)
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

/// A server with one render thread over the waves.
async fn server() -> SocketAddr {
    let catalog = Arc::new(Catalog::in_memory());
    let retention = Arc::new(Retention::parse("10s:30d").unwrap());
    for number in 0..SERIES {
        let series = format!("a.g{:04}.s{:05}", number / 2, number);
        let hash = name::hash(series.as_bytes());
        let rollup = Rollup::default();
        catalog.create(&series, hash, &retention, rollup).unwrap();
    }
    let parts = Parts {
        catalog,
        store: Arc::new(Waves(retention)),
        events: Arc::new(EventLog::in_memory()),
        telemetry: Arc::default(),
        refused: Arc::new(RefusedList::default()),
        clock: Clock::manual(NOW),
        timezone: TimeZone::UTC,
        name_rules: NameRules::default(),
        lifecycle: None,
        limits: Limits {
            renders_max: 1,
            ..Limits::default()
        },
    };
    let state = Services::start(parts).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, state, CancellationToken::new()));
    address
}

/// True while the render thread is at work.
async fn is_busy(address: SocketAddr) -> bool {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let name = "plumbago_query_threads_busy{pool=\"render\"} ";
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)).unwrap();
    value != "0"
}

/// Processor time that this process has used.
fn used() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat.rsplit_once(')').unwrap().1.split_whitespace();
    let ticks: u64 = fields
        .skip(11)
        .take(2)
        .map(|field| field.parse::<u64>().unwrap())
        .sum();
    // A tick is a hundredth of a second wherever Linux tells it to programs.
    Duration::from_millis(ticks * 10)
}

/// What was used after the client left, `None` when the render had ended by then.
async fn used_after_leaving(
    address: SocketAddr,
    (target, from): (&str, &str),
    patience: Duration,
) -> Option<Duration> {
    let request = format!(
        "GET /render?target={target}&format=json&from={from}&now={NOW}&noCache=1&maxDataPoints=10 \
         HTTP/1.1\r\nHost: x\r\n\r\n"
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    // Something comes back before the time only when the render has ended.
    let mut first = [0];
    let answered = tokio::time::timeout(patience, stream.read_exact(&mut first));
    if answered.await.is_ok() {
        return None;
    }
    drop(stream);
    let before = used();
    let ended = async {
        while is_busy(address).await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, ended)
        .await
        .unwrap_or_else(|_| panic!("{target} goes on"));
    Some(used() - before)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn little_is_done_for_a_client_that_has_left() {
    let address = server().await;
    let mut slow = Vec::new();
    let mut left = 0;
    let wide = TARGETS.iter().map(|target| (*target, "-6h"));
    let long = LONG_TARGETS.iter().map(|target| (*target, "-20d"));
    for target in wide.chain(long) {
        for patience in [50, 400].map(Duration::from_millis) {
            let Some(used) = used_after_leaving(address, target, patience).await else {
                break;
            };
            println!("{target:?}: left after {patience:?}, {used:?} were used");
            left += 1;
            if used > USED_MAX {
                slow.push(format!("{target:?}, left after {patience:?}: {used:?}"));
            }
        }
    }
    assert!(left > 0, "every render ended before its client left");
    assert!(slow.is_empty(), "{slow:#?}");
}
