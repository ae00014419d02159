//! Reads that are known to give the same again: what caches above the store rely on.
//!
//! An engine that knows until when its slots can change offers [`SettledReads`]. A cache that keeps
//! values of slots before [`Settled::before`], and finds `changes` unmoved later, may use them in
//! place of reading again. Both must be asked for *before* the values are read: what moves meanwhile
//! then only makes a cache read once more than needed.

use super::{Selection, StoreError};
use crate::metric::SeriesId;

/// Which slots of a series' archive are final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Slots before this time are final while `changes` stands still; a multiple of the step.
    pub before: i64,
    /// Moves forward when a slot before `before` may have changed: a late point, another definition, a
    /// deletion. It may move for other series' sake, too.
    pub changes: u64,
}

/// The half of a store that knows what is final.
pub trait SettledReads: Send + Sync {
    /// What of an archive of a series is final; `None` while nothing is known.
    fn settled(&self, series: SeriesId, archive: usize) -> Option<Settled>;

    /// The values of exactly these slots, NaN where there is none. `None` when the store does not
    /// know the series or it has no such archive.
    ///
    /// # Errors
    /// When a file cannot be read.
    fn read(&self, series: SeriesId, selection: Selection) -> Result<Option<Vec<f64>>, StoreError>;
}
