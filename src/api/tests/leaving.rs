//! How soon work stops when its client has left, whatever function is at work.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::{Limits, NOW, State, services};
use crate::catalog::Catalog;
use crate::metric::{Retention, Rollup, SeriesId, name};
use crate::storage::{
    Fetched, Selection, ShardWriter, Store, StoreError, StoreHealth, StoreStatistics, TimeRange,
};

/// Series of the house, in groups of two.
const SERIES: u32 = 4_000;

/// How long after a client left its work may go on. An unoptimised build on a busy machine needs most
/// of it; a function that asks nobody needs seconds.
const FREE_WITHIN: Duration = Duration::from_secs(1);

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
async fn server() -> (SocketAddr, State) {
    let catalog = Arc::new(Catalog::in_memory());
    let retention = Arc::new(Retention::parse("10s:30d").unwrap());
    for number in 0..SERIES {
        let series = format!("a.g{:04}.s{:05}", number / 2, number);
        let hash = name::hash(series.as_bytes());
        let rollup = Rollup::default();
        catalog.create(&series, hash, &retention, rollup).unwrap();
    }
    let limits = Limits {
        renders_max: 1,
        ..Limits::default()
    };
    let (state, ..) = services(catalog, Arc::new(Waves(retention)), limits);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(super::serve(
        listener,
        state.clone(),
        CancellationToken::new(),
    ));
    (address, state)
}

fn running(state: &State) -> usize {
    state.renders.load("test").running()
}

/// How long the work went on after its client left, `None` when it had ended by then.
async fn went_on(
    address: SocketAddr,
    state: &State,
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
    let left = Instant::now();
    while running(state) > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Some(left.elapsed())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thread_is_free_soon_after_the_client_left() {
    let (address, state) = server().await;
    let mut slow = Vec::new();
    let mut left = 0;
    let wide = TARGETS.iter().map(|target| (*target, "-6h"));
    let long = LONG_TARGETS.iter().map(|target| (*target, "-20d"));
    for target in wide.chain(long) {
        for patience in [50, 400].map(Duration::from_millis) {
            let Some(time) = went_on(address, &state, target, patience).await else {
                break;
            };
            println!("{target:?}: left after {patience:?}, went on for {time:?}");
            left += 1;
            if time > FREE_WITHIN {
                slow.push(format!("{target:?}, left after {patience:?}: {time:?}"));
            }
        }
    }
    assert!(left > 0, "every render ended before its client left");
    assert!(slow.is_empty(), "{slow:#?}");
}

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
