//! What a request may ask at most, and what is kept from one to the next.

use std::time::Duration;

use crate::evaluate;

/// Bounds of requests; beyond each there is an error that names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once; clients beyond wait to be accepted.
    pub connections_max: usize,
    /// Bytes of a body: 413 beyond.
    pub body_bytes_max: usize,
    /// Time for the body to arrive: 408 beyond.
    pub body_time_max: Duration,
    /// Targets of one render: 400 beyond.
    pub targets_max: usize,
    /// Nodes that a find or an expand answers: 422 beyond.
    pub nodes_max: usize,
    /// Whether names without a point since a request's `from` are left out.
    pub find_filters_by_time: bool,
    /// Whether points become fewer as the store rolls them up, unless a request says otherwise.
    pub consolidate_as_stored: bool,
    /// What one render may read and call: 422 beyond.
    pub render: evaluate::Limits,
    /// Length of one target: 400 beyond.
    pub target_bytes_max: usize,
    /// Bytes of answers that are being sent; renders wait beyond.
    pub answers_memory_max: usize,
    /// Bytes of results kept from refresh to refresh; 0 for none.
    pub incremental_cache_bytes: usize,
    /// How long an answer is given again to the same question, unless that says otherwise.
    pub response_cache: Duration,
    /// Bytes of answers that are given again; 0 for none.
    pub response_cache_bytes: usize,
    /// A render that takes this long is logged with where it came from.
    pub render_slow: Duration,
    /// Time for one render, waiting included: 503 beyond, and the work stops.
    pub render_time_max: Duration,
    /// Renders at once; the others wait.
    pub renders_max: usize,
    /// Renders that wait: 503 beyond.
    pub renders_waiting_max: usize,
    /// Whether `/admin/…` is answered on the API's port.
    pub admin: bool,
}

impl Default for Limits {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            connections_max: 4_096,
            // Grafana sends some kilobytes; a body of generated targets may be far longer.
            body_bytes_max: 4 << 20,
            body_time_max: Duration::from_secs(30),
            targets_max: 4_096,
            nodes_max: 1_000_000,
            find_filters_by_time: false,
            consolidate_as_stored: false,
            render: evaluate::Limits::default(),
            target_bytes_max: 1 << 20,
            answers_memory_max: 1 << 30,
            incremental_cache_bytes: 256 << 20,
            response_cache: Duration::ZERO,
            response_cache_bytes: 64 << 20,
            render_slow: Duration::from_secs(2),
            render_time_max: Duration::from_secs(60),
            renders_max: cores,
            // A dashboard asks some dozens of panels at once; several people open one together.
            renders_waiting_max: 512,
            admin: false,
        }
    }
}
