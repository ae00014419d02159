//! Every `storage.sync_interval`: the catalog's log first, then the store.
//!
//! The order matters: a point on disk whose series is in no log would belong to nobody. The thread
//! does nothing else, so a slow disk delays neither points nor queries. A failure poisons the
//! store, which refuses writes from then on and says so in `/health`; here it is logged once.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::periodic::Periodic;
use crate::catalog::Catalog;
use crate::storage::Store;
use crate::telemetry::{Kind, Sample, Source};

/// What the sync thread counts.
#[derive(Debug, Default)]
pub(super) struct SyncCounters {
    syncs: AtomicU64,
    failures: AtomicU64,
    last_us: AtomicU64,
    longest_us: AtomicU64,
}

/// Starts the thread. Its last round, at the end, syncs what the drained queues have stored.
///
/// # Errors
/// When the system gives no thread.
pub(super) fn start(
    catalog: Arc<Catalog>,
    store: Arc<dyn Store>,
    interval: Duration,
    counters: Arc<SyncCounters>,
) -> io::Result<Periodic> {
    let mut failed = false;
    Periodic::start("sync", interval, move || {
        sync_once(&catalog, store.as_ref(), &counters, &mut failed);
    })
}

fn sync_once(catalog: &Catalog, store: &dyn Store, counters: &SyncCounters, failed: &mut bool) {
    let started = Instant::now();
    let result = catalog
        .sync()
        .map_err(|error| format!("catalog: {error}"))
        .and_then(|()| store.sync().map_err(|error| format!("store: {error}")));
    let elapsed_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    counters.syncs.fetch_add(1, Ordering::Relaxed);
    counters.last_us.store(elapsed_us, Ordering::Relaxed);
    counters.longest_us.fetch_max(elapsed_us, Ordering::Relaxed);
    match result {
        Ok(()) => *failed = false,
        Err(error) => {
            counters.failures.fetch_add(1, Ordering::Relaxed);
            if !*failed {
                tracing::error!(%error, "sync failed");
            }
            *failed = true;
        }
    }
}

impl Source for SyncCounters {
    fn collect(&self, samples: &mut Vec<Sample>) {
        let seconds = |microseconds: &AtomicU64| microseconds.load(Ordering::Relaxed) as f64 / 1e6;
        let mut push = |name, help, kind, value| {
            samples.push(Sample {
                name,
                help,
                kind,
                labels: Vec::new(),
                value,
            });
        };
        push(
            "plumbago_syncs_total",
            "Times that catalog and store were synced.",
            Kind::Counter,
            self.syncs.load(Ordering::Relaxed) as f64,
        );
        push(
            "plumbago_sync_failures_total",
            "Syncs that failed.",
            Kind::Counter,
            self.failures.load(Ordering::Relaxed) as f64,
        );
        push(
            "plumbago_sync_last_seconds",
            "How long the last sync took.",
            Kind::Gauge,
            seconds(&self.last_us),
        );
        push(
            "plumbago_sync_longest_seconds",
            "How long the longest sync took.",
            Kind::Gauge,
            seconds(&self.longest_us),
        );
    }
}
