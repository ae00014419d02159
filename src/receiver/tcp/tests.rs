use std::io::Write;
use std::net::{Shutdown, TcpStream as Client};
use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::clock::Clock;
use crate::metric::Refusal;
use crate::queue::{QueueLimits, Routes};
use crate::telemetry::ingest::IngestTelemetry;

const NOW: i64 = 1_700_000_777;
const PATIENCE: Duration = Duration::from_secs(20);

struct Bench {
    context: Context,
    counters: Arc<ReceiverCounters>,
    address: SocketAddr,
}

fn bench(limits: QueueLimits, adjust: impl FnOnce(&mut TcpSettings)) -> Bench {
    let telemetry = Arc::new(IngestTelemetry::new(1));
    let routes = Routes::new(limits, &telemetry);
    let context = Context::new(routes, Arc::clone(&telemetry), Clock::manual(NOW));
    let mut settings = TcpSettings::new("tcp", "127.0.0.1:0".parse().unwrap());
    adjust(&mut settings);
    let address = start(settings, &context).unwrap();
    Bench {
        context,
        counters: telemetry.receiver("tcp"),
        address,
    }
}

fn plain_bench() -> Bench {
    bench(QueueLimits::default(), |_| {})
}

impl Bench {
    fn connect(&self) -> Client {
        Client::connect(self.address).unwrap()
    }

    /// What has come through the queue, as `name value timestamp`.
    fn points(&self) -> Vec<String> {
        let queue = self.context.routes.queue(0);
        let mut points = Vec::new();
        while let Some(batch) = queue.pop() {
            points.extend(batch.points().iter().map(|point| {
                let name = String::from_utf8_lossy(batch.name(point));
                format!("{name} {} {}", point.value, point.timestamp)
            }));
        }
        points
    }

    async fn until(&self, what: &str, holds: impl Fn(&ReceiverCounters) -> bool) {
        let wait = async {
            while !holds(&self.counters) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, wait).await;
        assert!(waited.is_ok(), "never: {what}");
    }

    async fn until_closed(&self) {
        self.until("all connections closed", |counters| {
            get(&counters.connections) > 0 && get(&counters.connections_active) == 0
        })
        .await;
    }
}

fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_cut_anywhere_and_a_last_one_without_newline_arrive() {
    let bench = plain_bench();
    let mut client = bench.connect();
    for piece in ["a 1 10", "0\nb", " 2 200\nc 3 300"] {
        client.write_all(piece.as_bytes()).unwrap();
        client.flush().unwrap();
        tokio::task::yield_now().await;
    }
    drop(client);
    bench.until_closed().await;
    assert_eq!(bench.points(), ["a 1 100", "b 2 200", "c 3 300"]);
    assert_eq!(get(&bench.counters.points), 3);
    assert_eq!(get(&bench.counters.bytes), 23);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_lines_are_counted_and_shown_with_their_peer() {
    let bench = plain_bench();
    let mut client = bench.connect();
    let peer = client.local_addr().unwrap().to_string();
    client.write_all(b"a x 100\nb 2 200\nc nan 1\n").unwrap();
    drop(client);
    bench.until_closed().await;
    assert_eq!(bench.points(), ["b 2 200"]);
    let refused = &bench.counters.refused;
    assert_eq!(
        (refused.get(Refusal::BadValue), refused.get(Refusal::Nan)),
        (1, 1)
    );
    let shown = bench.context.telemetry.refused().snapshot();
    assert_eq!(
        (shown[0].peer.as_str(), shown[0].line.as_str(), shown[0].at),
        (peer.as_str(), "c nan 1", NOW)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_queue_stops_the_reading_and_loses_nothing() {
    let limits = QueueLimits {
        points_max: 1,
        batches_max: 1,
    };
    let bench = bench(limits, |_| {});
    let total = 60_000;
    let address = bench.address;
    let sender = tokio::task::spawn_blocking(move || {
        let mut client = Client::connect(address).unwrap();
        let mut lines = Vec::new();
        for point in 0..total {
            writeln!(
                lines,
                "some.metric.with.a.long.name.to.fill.buffers {point} 100"
            )
            .unwrap();
        }
        client.write_all(&lines).unwrap();
    });
    bench
        .until("the queue is full", |_| {
            bench.context.routes.points_queued() > 0
        })
        .await;
    // Nobody pops, so what went through is bounded however long the peer keeps sending.
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(bench.context.routes.points_queued() < 3_000);
    let mut points = Vec::new();
    let deadline = std::time::Instant::now() + PATIENCE;
    while points.len() < total && std::time::Instant::now() < deadline {
        points.extend(bench.points());
        tokio::task::yield_now().await;
    }
    sender.await.unwrap();
    assert_eq!(points.len(), total);
    for (number, point) in points.iter().enumerate() {
        assert!(point.ends_with(&format!(" {number} 100")), "{point}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_too_many_is_closed_and_counted() {
    let bench = bench(QueueLimits::default(), |settings| {
        settings.connections_max = 1;
    });
    let _first = bench.connect();
    bench
        .until("one open", |counters| {
            get(&counters.connections_active) == 1
        })
        .await;
    let _second = bench.connect();
    bench
        .until("one refused", |counters| {
            get(&counters.connections_refused) == 1
        })
        .await;
    assert_eq!(get(&bench.counters.connections_active), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_connection_is_closed_and_its_unfinished_line_refused() {
    let bench = bench(QueueLimits::default(), |settings| {
        settings.idle_timeout = Duration::from_millis(50);
    });
    let mut client = bench.connect();
    client.write_all(b"a 1 100\nhalf 1 17000").unwrap();
    bench.until_closed().await;
    assert_eq!(get(&bench.counters.connections_idle), 1);
    assert_eq!(bench.points(), ["a 1 100"]);
    assert_eq!(bench.counters.refused.get(Refusal::BadLine), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_drains_what_the_kernel_holds_but_no_half_line() {
    let bench = plain_bench();
    let mut open = bench.connect();
    bench
        .until("one open", |counters| {
            get(&counters.connections_active) == 1
        })
        .await;
    open.write_all(b"a 1 100\nhalf 1 17000").unwrap();
    // Perhaps not yet accepted, and already gone.
    let mut gone = bench.connect();
    gone.write_all(b"b 2 200").unwrap();
    gone.shutdown(Shutdown::Both).unwrap();
    bench.context.drain(PATIENCE).await.unwrap();
    let mut points = bench.points();
    points.sort();
    assert_eq!(points, ["a 1 100", "b 2 200"]);
    assert_eq!(bench.counters.refused.get(Refusal::BadLine), 1);
    assert!(Client::connect(bench.address).is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn draining_says_who_is_late() {
    let limits = QueueLimits {
        points_max: 1,
        batches_max: 1,
    };
    let bench = bench(limits, |_| {});
    let mut client = bench.connect();
    for _ in 0..2 {
        client.write_all(b"a 1 100\n").unwrap();
        bench
            .until("a point queued", |_| {
                bench.context.routes.points_queued() == 1
            })
            .await;
    }
    let peer = client.local_addr().unwrap();
    let late = bench.context.drain(Duration::from_millis(50)).await;
    assert_eq!(late, Err(vec![format!("tcp {peer}")]));
    // Taking the first point makes room for the second, which may arrive at once or later.
    let mut received = bench.points();
    bench.context.drain(PATIENCE).await.unwrap();
    received.extend(bench.points());
    assert_eq!(received, ["a 1 100", "a 1 100"]);
}

#[tokio::test]
async fn busy_port_is_an_error_that_names_it() {
    let bench = plain_bench();
    let settings = TcpSettings::new("other", bench.address);
    let error = start(settings, &bench.context).unwrap_err().to_string();
    let expected = format!("receiver.other: cannot listen on {}: ", bench.address);
    assert!(error.starts_with(&expected), "{error}");
}
