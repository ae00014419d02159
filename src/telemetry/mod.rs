//! One type an event: it logs and counts together.
//!
//! Each room keeps its own counters in a file here and implements [`Source`]; the daemon registers
//! the sources once at start. `/metrics` (Prometheus text) and the self metrics under
//! `carbon.agents.<host>.` are two prints of the same samples.
//!
//! Threads: counters are atomics that any thread adds to; a collection reads them with relaxed
//! ordering, since no decision hangs on one being exact against another.

mod carbon;
pub mod ingest;
pub mod ingest_events;
mod process;
pub mod prometheus;
pub mod refused;
mod registry;
pub mod render;

pub use carbon::CarbonMetrics;
pub use process::Process;
pub use registry::Registry;

/// Whether a sample only grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows until the process ends.
    Counter,
    /// It may go up and down.
    Gauge,
}

/// One number at the time of a collection.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Prometheus name: `plumbago_` prefix, unit suffix, `_total` for counters.
    pub name: &'static str,
    /// One sentence for `# HELP`.
    pub help: &'static str,
    /// Counter or gauge.
    pub kind: Kind,
    /// Label pairs, names fixed.
    pub labels: Vec<(&'static str, String)>,
    /// The number.
    pub value: f64,
}

/// A room that has numbers to tell.
pub trait Source: Send + Sync {
    /// Adds the current numbers.
    fn collect(&self, samples: &mut Vec<Sample>);
}
