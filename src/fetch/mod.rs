//! Names resolved and series read for one request: everything that `plan` asked for in one parallel
//! batch, and later what functions ask for at run time.
//!
//! `evaluate` owns a [`Reader`] per request. A read is known by its leaf and its window; what was read
//! is handed out as often as it was planned and then forgotten, so that the last taker owns the values
//! and may change them in place. Limits are checked before anything is read: a store knows how many
//! slots a range has.
//!
//! Threads: a [`Reader`] may be asked from several; reads run on the pool of `rayon`.

mod cut;
mod leaf;
mod memory;
mod reader;

pub use cut::{Cut, Read};
pub use leaf::{Found, Leaf, Source};
pub use memory::Memory;
pub use reader::{ReadReport, Reader};

/// What a request may read at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimits {
    /// Series, each counted as often as it is read.
    pub series_max: usize,
    /// Points of all series together.
    pub points_max: usize,
    /// Bytes that the query may hold in memory at one time.
    pub bytes_max: usize,
}

impl Default for ReadLimits {
    /// A million series, and points that take 2 GiB, at one time or one after the other.
    fn default() -> Self {
        Self {
            series_max: 1_000_000,
            points_max: 1 << 28,
            bytes_max: 1 << 30,
        }
    }
}
