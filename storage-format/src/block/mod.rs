//! The block: one immutable file for one span of one archive, all its series compressed.
//!
//! On the write road a sealed span of a ring becomes a block through [`Writer`]; on the read road
//! [`Reader`] finds a series straight in the mapped bytes and hands out its
//! [`Encoded`](crate::codec::Encoded) form. The layout, its invariants and the argument for damage are in `block.md`.
//!
//! ```
//! use plumbago_storage_format::block::{Place, Reader, Span, Writer};
//!
//! let span = Span { place: Place::default(), sequence: 1, first_slot_s: 1_200, step_s: 10, slots: 3 };
//! let mut writer = Writer::new(span);
//! writer.push(7, &[1.5, f64::NAN, 2.5]);
//! let bytes = writer.finish();
//!
//! let reader = Reader::open(&bytes)?;
//! let series = reader.series(7)?.expect("it was pushed");
//! let mut slots = [0.0; 3];
//! series.decode(&mut slots);
//! assert_eq!((slots[0], slots[2]), (1.5, 2.5));
//! assert!(slots[1].is_nan());
//! assert!(reader.series(8)?.is_none());
//! # Ok::<(), plumbago_storage_format::error::FormatError>(())
//! ```

mod header;
mod index;
mod reader;
mod writer;

pub use header::{HEADER_BYTES, Header, Place, Span};
pub use reader::{Damage, Reader, Series};
pub use writer::Writer;

#[cfg(test)]
mod tests;
