//! Over real sockets: what only a connection can show.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Limits, services};
use crate::catalog::Catalog;
use crate::metric::{Retention, Rollup, SeriesId, name};
use crate::storage::{
    Fetched, Selection, ShardWriter, Store, StoreError, StoreHealth, StoreStatistics, TimeRange,
};

/// A store whose reads wait until the test lets them go.
struct Gate {
    arrived: Sender<()>,
    released: Mutex<Receiver<()>>,
    fetches: Arc<AtomicUsize>,
}

impl Store for Gate {
    fn engine(&self) -> &'static str {
        "gate"
    }
    fn shards(&self) -> usize {
        0
    }
    fn writer(&self, shard: usize) -> Box<dyn ShardWriter> {
        panic!("nobody writes to shard {shard}")
    }
    fn fetch(&self, _: SeriesId, range: TimeRange) -> Result<Option<Fetched>, StoreError> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        self.arrived.send(()).unwrap();
        self.released.lock().recv().unwrap();
        Ok(Some(Fetched {
            archive: 0,
            start: range.from,
            step: 10,
            values: vec![1.0],
        }))
    }
    fn select(&self, _: SeriesId, range: TimeRange) -> Option<Selection> {
        Selection::of(&Retention::parse("10s:1d").unwrap(), range)
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

struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
    arrived: Receiver<()>,
    release: Sender<()>,
    fetches: Arc<AtomicUsize>,
    state: super::State,
}

/// A server with one render thread over a [`Gate`] with one series.
async fn server(connections_max: usize) -> Server {
    let catalog = Arc::new(Catalog::in_memory());
    let retention = Arc::new(Retention::parse("10s:1d").unwrap());
    let hash = name::hash(b"a");
    catalog
        .create("a", hash, &retention, Rollup::default())
        .unwrap();
    let (arrival, arrived) = channel();
    let (release, released) = channel();
    let fetches = Arc::new(AtomicUsize::new(0));
    let gate = Gate {
        arrived: arrival,
        released: Mutex::new(released),
        fetches: Arc::clone(&fetches),
    };
    let limits = Limits {
        renders_max: 1,
        connections_max,
        ..Limits::default()
    };
    let (state, ..) = services(catalog, Arc::new(gate), limits);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let task = tokio::spawn(super::serve(listener, state.clone(), stop.clone()));
    Server {
        address,
        stop,
        task,
        arrived,
        release,
        fetches,
        state,
    }
}

/// Asks for the last so many minutes: other minutes are another question.
async fn ask(address: SocketAddr, minutes: u32) -> TcpStream {
    let request = format!(
        "GET /render?target=a&format=raw&from=-{minutes}min HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

async fn answer(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

/// Waits off the runtime's threads.
async fn wait_for(server: Server) -> Server {
    tokio::task::spawn_blocking(move || {
        server.arrived.recv().unwrap();
        server
    })
    .await
    .unwrap()
}

async fn wait_until_waiting(server: &Server, count: usize) {
    while server.state.renders.load("test").waiting() != count {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn render_whose_client_left_is_not_started() {
    let mut server = server(16).await;
    let first = ask(server.address, 5).await;
    server = wait_for(server).await;
    let second = ask(server.address, 6).await;
    wait_until_waiting(&server, 1).await;
    drop(second);
    wait_until_waiting(&server, 0).await;
    let third = ask(server.address, 7).await;
    wait_until_waiting(&server, 1).await;
    for _ in 0..2 {
        server.release.send(()).unwrap();
    }
    assert!(answer(first).await.starts_with("HTTP/1.1 200"));
    assert!(answer(third).await.starts_with("HTTP/1.1 200"));
    assert_eq!(server.fetches.load(Ordering::SeqCst), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn same_question_at_the_same_time_is_computed_once_for_those_who_stay() {
    let mut server = server(16).await;
    let other = ask(server.address, 5).await;
    server = wait_for(server).await;
    let first = ask(server.address, 6).await;
    wait_until_waiting(&server, 1).await;
    let second = ask(server.address, 6).await;
    while server.state.answers.joined() == 0 {
        tokio::task::yield_now().await;
    }
    drop(first);
    for _ in 0..2 {
        server.release.send(()).unwrap();
    }
    assert!(answer(other).await.starts_with("HTTP/1.1 200"));
    assert!(answer(second).await.starts_with("HTTP/1.1 200"));
    assert_eq!(server.fetches.load(Ordering::SeqCst), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutdown_answers_what_is_under_way_and_takes_nothing_new() {
    let mut server = server(16).await;
    let under_way = ask(server.address, 5).await;
    server = wait_for(server).await;
    server.stop.cancel();
    // The listener goes first; connecting is refused from then on.
    while TcpStream::connect(server.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    server.release.send(()).unwrap();
    assert!(answer(under_way).await.starts_with("HTTP/1.1 200"));
    server.task.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_beyond_the_limit_wait_their_turn() {
    let mut server = server(1).await;
    let first = ask(server.address, 5).await;
    server = wait_for(server).await;
    let second = ask(server.address, 6).await;
    for _ in 0..2 {
        server.release.send(()).unwrap();
    }
    assert!(answer(first).await.starts_with("HTTP/1.1 200"));
    assert!(answer(second).await.starts_with("HTTP/1.1 200"));
}
