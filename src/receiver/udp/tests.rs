use std::net::UdpSocket as Client;

use super::*;
use crate::clock::Clock;
use crate::metric::Refusal;
use crate::queue::{QueueLimits, Routes};
use crate::telemetry::ingest::{IngestTelemetry, ReceiverCounters};

const NOW: i64 = 1_700_000_777;
const PATIENCE: Duration = Duration::from_secs(20);

struct Bench {
    context: Context,
    counters: Arc<ReceiverCounters>,
    address: SocketAddr,
    client: Client,
}

fn bench(limits: QueueLimits) -> Bench {
    let telemetry = Arc::new(IngestTelemetry::new(1));
    let routes = Routes::new(limits, &telemetry);
    let context = Context::new(routes, Arc::clone(&telemetry), Clock::manual(NOW));
    let settings = UdpSettings::new("udp", "127.0.0.1:0".parse().unwrap());
    let address = start(settings, &context).unwrap();
    let client = Client::bind("127.0.0.1:0").unwrap();
    client.connect(address).unwrap();
    Bench {
        context,
        counters: telemetry.receiver("udp"),
        address,
        client,
    }
}

impl Bench {
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

    async fn until_datagrams(&self, count: u64) {
        self.until("all datagrams read", |counters| {
            counters.datagrams.load(Ordering::Relaxed) == count
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn datagrams_with_and_without_a_last_newline_are_whole() {
    let bench = bench(QueueLimits::default());
    // A line never goes on in the next datagram.
    for datagram in ["a 1 100\nb 2 200\n", "c 3 300", "d 4", "", "e 5 500\n"] {
        bench.client.send(datagram.as_bytes()).unwrap();
    }
    bench.until_datagrams(5).await;
    let expected = ["a 1 100", "b 2 200", "c 3 300", "d 4 1700000777", "e 5 500"];
    assert_eq!(bench.points(), expected);
    assert_eq!(bench.counters.points.load(Ordering::Relaxed), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refused_line_shows_the_sender() {
    let bench = bench(QueueLimits::default());
    bench.client.send(b"a b c\n").unwrap();
    bench.until_datagrams(1).await;
    let shown = bench.context.telemetry.refused().snapshot();
    let peer = bench.client.local_addr().unwrap().to_string();
    assert_eq!(
        (shown[0].reason, &shown[0].peer),
        (Refusal::BadValue, &peer)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn full_queue_merges_first_and_then_drops_and_counts() {
    let limits = QueueLimits {
        points_max: 1,
        batches_max: 1,
    };
    let bench = bench(limits);
    let sent = 3_000;
    for point in 0..sent {
        let line = format!("a {point} 100\n");
        bench.client.send(line.as_bytes()).unwrap();
        if point % 100 == 0 {
            bench.until_datagrams(point + 1).await;
        }
    }
    bench.until_datagrams(sent).await;
    let dropped = bench.counters.refused.get(Refusal::QueueFull);
    assert!((1..sent).contains(&dropped), "{dropped}");
    assert_eq!(
        bench.counters.points.load(Ordering::Relaxed) + dropped,
        sent
    );
    let mut points = 0;
    while points < sent - dropped {
        points += bench.points().len() as u64;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(points, sent - dropped);
    let shown = bench.context.telemetry.refused().snapshot();
    assert_eq!(shown[0].reason, Refusal::QueueFull);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn batch_that_met_a_full_queue_is_sent_without_further_datagrams() {
    let limits = QueueLimits {
        points_max: 1,
        batches_max: 1,
    };
    let bench = bench(limits);
    bench.client.send(b"a 1 100\n").unwrap();
    bench.until_datagrams(1).await;
    bench.client.send(b"b 2 200\n").unwrap();
    bench.until_datagrams(2).await;
    let mut taken = bench.points();
    // The second may have come while the first was taken.
    if taken.len() == 1 {
        bench
            .until("the second point queued", |_| {
                bench.context.routes.points_queued() == 1
            })
            .await;
        taken.extend(bench.points());
    }
    assert_eq!(taken, ["a 1 100", "b 2 200"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopping_takes_what_the_kernel_holds() {
    let bench = bench(QueueLimits::default());
    for point in 0..500 {
        let line = format!("a {point} 100\n");
        bench.client.send(line.as_bytes()).unwrap();
    }
    bench.context.drain(PATIENCE).await.unwrap();
    assert_eq!(bench.points().len(), 500);
}

#[tokio::test]
async fn port_of_another_daemon_is_not_shared() {
    let bench = bench(QueueLimits::default());
    let settings = UdpSettings::new("other", bench.address);
    let error = start(settings, &bench.context).unwrap_err().to_string();
    let expected = format!("receiver.other: cannot listen on {}: ", bench.address);
    assert!(error.starts_with(&expected), "{error}");
}
