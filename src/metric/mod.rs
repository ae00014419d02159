//! The nouns that every room shares.
//!
//! Nothing here does input or output. A *metric* is what an app names; a *series* is what the
//! catalog numbers; an *archive* is one resolution of it; a *schema* says which archives.

pub mod aggregation;
pub mod name;
pub mod pattern;
pub mod refusal;
pub mod retention;
pub mod schema;
pub mod tags;

pub use aggregation::{AggregationMethod, Rollup};
pub use refusal::Refusal;
pub use retention::{Archive, Retention};
pub use schema::Schemas;
pub use tags::Tags;

/// The number that the catalog gives a series; dense from zero, never reused while it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesId(pub u32);

impl SeriesId {
    /// The id as an index into a table that is dense in ids.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// One value at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Seconds since the Unix epoch.
    pub timestamp: i64,
    /// Never NaN once it is past the protocol: NaN is refused there.
    pub value: f64,
}
