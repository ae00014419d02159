//! Plumbago: a push-based, Graphite-compatible metrics daemon in one binary.
//!
//! Two roads meet at the catalog and the store; the modules below are listed in their order.
//!
//! ```text
//! write:  bytes -> receiver -> protocol -> queue -> ingest -> storage (ring -> blocks)
//!                                                     |
//!                                                  catalog (name <-> id, glob tree, tag index)
//!                                                     |
//! read:   request -> api -> target -> plan -> fetch -> evaluate (functions) -> format -> bytes
//! ```
//!
//! Imports go downhill only; `tests/tidy.rs` holds the map. `metric` is the vocabulary that
//! every room shares. `protocol`, `target`, `functions` and `format` are pure and synchronous.

// The nouns and the services that every room may use.
pub mod cache;
pub mod clock;
pub mod metric;
pub mod telemetry;

// The write road.
pub mod ingest;
pub mod protocol;
pub mod queue;
pub mod receiver;

// Where the roads meet.
pub mod catalog;
pub mod events;
pub mod storage;

// What becomes of series that nobody needs as they are.
pub mod lifecycle;

// The read road.
pub mod api;
pub mod evaluate;
pub mod fetch;
pub mod format;
pub mod functions;
pub mod plan;
pub mod target;

// Around them: what an operator types and what runs it.
pub mod config;
pub mod daemon;
pub mod tool;
