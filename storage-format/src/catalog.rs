//! The catalog format: see `catalog.md`.
//!
//! A log segment and a snapshot are both a [`header`] and then frames ([`frame`]). A log's frames
//! each hold one [`Record`]; a snapshot's hold definitions, blocks of series, names and an end.

pub mod frame;
pub mod header;
mod record;
mod snapshot;

pub use record::{Definition, Record};
pub use snapshot::{
    SeriesBlock, SeriesEntry, SnapshotBuilder, SnapshotEnd, SnapshotPart, read_part,
};

#[cfg(test)]
mod tests;
