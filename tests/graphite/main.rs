//! The real binary beside what it takes the place of: the recorded answers of graphite-web through HTTP,
//! and a live graphite-web 1.1.10, which `tests/install.sh` installs from PyPI.
//!
//! - `replay`: every case of the corpus, on each engine, through the corpus' own checker;
//! - `differential`: targets composed at random, and questions for names (`lookups`), asked of both;
//! - `cluster`: graphite-web with this daemon as its only backend.
//!
//! All need the corpus (see `../conformance.rs`); without it they say so and show nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod answers;
mod cluster;
mod compose;
mod differential;
mod lookups;
mod outcome;
mod pools;
mod random;
mod reference;
mod replay;
mod shrink;
mod subject;

#[path = "../conformance/compare.rs"]
#[allow(dead_code, reason = "the recorded cases use more of it")]
mod compare;
#[path = "../end_to_end/daemon.rs"]
#[allow(dead_code, reason = "the end-to-end tests use more of it")]
mod daemon;
