//! Every on-disk format of Plumbago: bytes to values and back.
//!
//! No threads, no async, no clock, no files: callers bring the bytes. Each format has a page beside
//! this crate's `README.md`, a version, and golden bytes in `vectors/`.

pub mod block;
pub mod catalog;
pub mod codec;
pub mod cursor;
pub mod error;
pub mod journal;
pub mod late;
pub mod manifest;
pub mod ring;
mod segment;
pub mod tables;
pub mod version;
pub mod whisper;
