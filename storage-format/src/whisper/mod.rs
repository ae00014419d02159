//! The Whisper format: Graphite's classic one file a metric, byte for byte. See `whisper.md`.
//!
//! [`Header`] is the door: it is parsed from a file's first bytes (or made by [`Header::new`] for a
//! file to come) and every operation is a method of it over the whole file's bytes, which the
//! caller brings as a map or a buffer. The engine, which keeps no whole file in memory, brings a
//! [`SlotFile`] instead. Import, export and the tools stand above as well.
//!
//! Invariants: nothing here panics or reads out of bounds whatever the bytes hold, since a header
//! is checked when it is made and the length of the bytes at every operation. Writing follows the
//! reference package (`whisper` 1.1.10 of PyPI) to the byte, but for the two of its ways that lose
//! points; `whisper.md` names them. Nothing here knows the time: callers bring `now`.
//!
//! ```
//! use plumbago_storage_format::whisper::{ArchiveSpec, Dialect, Header, Method};
//!
//! let archives = [ArchiveSpec { step_s: 10, points: 6 }, ArchiveSpec { step_s: 60, points: 5 }];
//! let header = Header::new(&archives, Method::Sum, 0.5, Dialect::Reference)?;
//! let mut file = header.image();
//!
//! let now = 1_700_000_050;
//! header.update_many(&mut file, &[(now - 20, 1.0), (now - 10, 2.0), (now, 4.0)], now)?;
//!
//! let series = Header::parse(&file, Dialect::Reference)?.fetch(&file, now - 20, now, now)?;
//! let series = series.expect("the range is within the retention");
//! assert_eq!((series.start_s, series.step_s), (now - 10, 10));
//! assert_eq!(series.values, [2.0, 4.0]);
//! # Ok::<(), plumbago_storage_format::whisper::WhisperError>(())
//! ```

mod archive;
mod check;
mod compressed;
mod diff;
mod error;
mod fetch;
mod header;
mod merge;
mod method;
mod path;
mod resize;
mod slot_file;
mod update;

pub use archive::{Archive, ArchiveSpec, Slot};
pub use check::{Fault, SlotPlace, newest_of_slots};
pub use compressed::{COMPRESSED_MAGIC, Compressed, CompressedArchive, Mixed};
pub use diff::{ArchiveDiff, Comparison, Difference};
pub use error::WhisperError;
pub use fetch::Fetched;
pub use header::{ARCHIVES_MAX, HEADER_BYTES_MAX, Header};
pub use method::{Dialect, Method};
pub use path::{TaggedNames, metric_name, relative_path};
pub use resize::Resize;
pub use slot_file::SlotFile;
pub use update::{Placement, Written};

/// Bytes of a slot: a `u32` timestamp and an `f64` value.
pub const SLOT_BYTES: usize = 12;
/// Bytes of the header before the archives' entries.
pub const METADATA_BYTES: usize = 16;
/// Bytes of one archive's entry in the header.
pub const ARCHIVE_INFO_BYTES: usize = 12;

#[cfg(test)]
mod tests;
