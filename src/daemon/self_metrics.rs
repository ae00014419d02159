//! Stores the daemon's own metrics, every `telemetry.interval`, as if a client had sent them.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::queue::{Router, Routes};
use crate::telemetry::refused::Peer;
use crate::telemetry::{CarbonMetrics, Registry};

/// Who is named at `/debug/refused` should one of these points be refused.
const PEER: Peer = Peer::Own("telemetry");

/// What a round needs.
#[derive(Debug)]
pub(super) struct SelfMetrics {
    pub(super) registry: Arc<Registry>,
    pub(super) routes: Arc<Routes>,
    pub(super) clock: Clock,
    pub(super) prefix: String,
    pub(super) interval: Duration,
}

impl SelfMetrics {
    /// Starts the rounds on the current runtime; the first is one interval from now.
    pub(super) fn start(self, stopping: CancellationToken) -> JoinHandle<()> {
        let mut metrics = CarbonMetrics::starting_from(&self.registry.collect());
        let mut ticks = tokio::time::interval(self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        ticks.reset();
        tokio::spawn(async move {
            let mut router = Router::new(Arc::clone(&self.routes));
            loop {
                tokio::select! {
                    _ = ticks.tick() => {}
                    () = stopping.cancelled() => return,
                }
                let now = self.clock.now();
                for (name, value) in metrics.round(&self.registry.collect()) {
                    let name = format!("{}.{name}", self.prefix);
                    router.push(name.as_bytes(), now, value, PEER);
                }
                tokio::select! {
                    () = router.send() => {}
                    () = stopping.cancelled() => return,
                }
            }
        })
    }
}
