//! The real binary, from the outside: sockets in, HTTP out, signals, files and exit codes.
//!
//! Every daemon binds to port 0 of the loopback and keeps its data in a folder of its own; it is
//! ended by its own process number, whatever a test does.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod carbon;
mod clients;
mod connections;
mod crash;
mod daemon;
mod export;
mod grafana;
mod import;
mod life;
mod looks;
mod push;
mod refused;
mod restart;
mod startup;
mod whisper;
