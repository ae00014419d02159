//! The classic engine: a tree of Whisper files, byte for byte as carbon writes it.
//!
//! ```text
//! ShardWriter::store -> writer -> journal, cache          (a point is safe and readable)
//! write thread       -> flush  -> files -> pages          (due, or the cache is filling up)
//! Store::fetch       -> store  -> files, with the cache laid over as a later write would
//! ```
//!
//! Points of a series are gathered for `write_delay_max` and written together; until their file has
//! them they are in a bounded cache and in a mapped journal (`storage-format/journal.md`), so that a
//! killed process loses none that a query has shown. A full cache refuses points, which makes the
//! shard's worker wait and TCP senders with it; nothing is dropped.
//!
//! What a file says of itself counts: its archives, method and factor replace those that the catalog
//! had. A file that cannot be used (damaged, foreign, not permitted) is left where it is, listed in
//! the store's health, and costs only itself.
//!
//! Files are read and written by `pread` and `pwrite`, never mapped: a map of a file that another
//! tool cuts short, or whose hole a full disk cannot fill, ends the process with a signal. Measured on
//! ext4, an update of two archives took 12 us so, 19 us with a map made for it and 10 us with one
//! that was kept, which a million files do not allow; the device got the same bytes each way. The files
//! themselves are specified in `storage-format/whisper.md`.
//!
//! Threads: one `whisper-write-N` a shard and one `whisper-journal`. The shard's worker and it share the shard's state under a
//! short lock; each file has a lock of its own, held while its slots are read or written.

mod cache;
mod definition;
mod fallback;
mod files;
mod flush;
mod journal;
mod method;
mod open_file;
mod pages;
mod rate;
mod recover;
mod retire;
mod series;
mod shard;
mod store;
mod tree;
mod writer;

pub use fallback::FallbackStore;
pub use method::{aggregation_of, method_of};
pub use plumbago_storage_format::whisper::{Dialect, TaggedNames};
pub use store::{WhisperConfig, WhisperStore};
pub use tree::{Scan, Tree, TreeOwner};

#[cfg(test)]
mod tests;
