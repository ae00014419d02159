//! Clients that ask the heaviest question while points come in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::daemon::Daemon;
use crate::usage;

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(120);

const SAMPLE_INTERVAL: Duration = Duration::from_millis(20);

/// Clients at work, each of which asks again as soon as it was answered.
pub(crate) struct Queries {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    is_over: AtomicBool,
    answered: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    anonymous_bytes_peak: AtomicU64,
}

/// What became of the questions.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Answers {
    pub(crate) answered: u64,
    /// With 422 or 503: a limit, which is an answer as well.
    pub(crate) refused: u64,
    /// In any other way.
    pub(crate) failed: u64,
    /// The most memory that the daemon was seen with.
    pub(crate) anonymous_bytes_peak: u64,
}

impl Queries {
    /// Starts so many clients, and somebody who watches the daemon's memory.
    pub(crate) fn start(clients: usize, daemon: &Daemon) -> Self {
        let shared = Arc::new(Shared::default());
        let start = |number| {
            let (shared, api) = (Arc::clone(&shared), daemon.api().to_owned());
            std::thread::spawn(move || shared.ask_until_over(number, &api))
        };
        let mut clients: Vec<_> = (0..clients).map(start).collect();
        let (watching, pid) = (Arc::clone(&shared), daemon.pid());
        clients.push(std::thread::spawn(move || watching.watch(pid)));
        Self { shared, clients }
    }

    /// Lets the questions under way be answered, and counts.
    pub(crate) fn finish(self) -> Answers {
        self.shared.is_over.store(true, Ordering::SeqCst);
        for client in self.clients {
            // A client that panicked has counted nothing, which the sum shows.
            let _ = client.join();
        }
        let count = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        Answers {
            answered: count(&self.shared.answered),
            refused: count(&self.shared.refused),
            failed: count(&self.shared.failed),
            anonymous_bytes_peak: count(&self.shared.anonymous_bytes_peak),
        }
    }
}

impl Shared {
    fn watch(&self, pid: u32) {
        while !self.is_over.load(Ordering::SeqCst) {
            let bytes = usage::anonymous_bytes(pid).unwrap_or(0);
            self.anonymous_bytes_peak.fetch_max(bytes, Ordering::SeqCst);
            std::thread::sleep(SAMPLE_INTERVAL);
        }
    }

    fn ask_until_over(&self, client: usize, api: &str) {
        // A name of its own makes each client's question another one.
        let target = format!(
            "alias(sumSeries(movingMedian(movingMax(load.*.system.*,5),9)),'client {client}')"
        );
        let form = [
            ("target", target.as_str()),
            ("format", "json"),
            ("from", "-1h"),
            ("maxDataPoints", "1000"),
            ("noCache", "1"),
        ];
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            .build()
            .into();
        while !self.is_over.load(Ordering::SeqCst) {
            let answer = agent.post(format!("http://{api}/render")).send_form(form);
            let status = answer.map(|mut answer| {
                let read = answer.body_mut().read_to_vec();
                read.map_or(0, |_| answer.status().as_u16())
            });
            let counter = match status {
                Ok(200) => &self.answered,
                Ok(422 | 503) => &self.refused,
                _ => &self.failed,
            };
            counter.fetch_add(1, Ordering::SeqCst);
        }
    }
}
