//! The native engine: an mmapped ring of the newest rows, sealed into compressed blocks.
//!
//! ```text
//! ShardWriter::store -> writer -> panel (ring) -> seal -> block -> roll -> coarser blocks -> retire
//! Store::fetch       -> store  -> read  (blocks, ring, computed tail)
//! ```
//!
//! A *group* is the series of one family (one retention) in one shard; it has one ring, for its
//! finest archive, and blocks for every archive. Coarse archives have no ring of their own: until a
//! coarse span is complete its values are computed from the finer archive when they are read, and
//! then written as a block at once. Everything on disk is specified in `storage-format/`: `ring.md`,
//! `block.md`, `late.md`, `manifest.md`.
//!
//! [`inspect`] is for the command line's tools: it opens a store only to look at it.
//!
//! `unsafe` and maps live in `storage/map.rs` alone; `disk` is the one way to the file system.

mod block;
mod clock;
mod disk;
mod families;
mod flush;
mod forget;
mod group;
mod health;
mod import;
pub mod inspect;
mod late;
mod lateness;
mod layout;
mod maps;
mod merge;
mod meta;
mod panel;
mod read;
mod reclaim;
mod recover;
mod roll;
mod seal;
mod settled;
mod store;
mod survey;
mod table;
mod view;
mod writer;

pub use import::{Existing, Imported, ImportedArchive, ImportedSeries, Importer, RecentPoint};
pub use store::{Strata, StrataConfig};

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
