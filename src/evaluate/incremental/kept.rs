//! An entry: a part's values, and what they were computed from.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use foldhash::fast::FixedState;

use super::super::request::RenderRequest;
use super::present::{Grid, LeafState};
use crate::functions::Series;
use crate::functions::kept_run::KeptPoints;
use crate::target::Expression;

/// What a request's parts have in common.
#[derive(Clone, Debug)]
pub(in crate::evaluate) struct KeyBase {
    zone: Arc<str>,
    x_files_factor: u64,
    consolidates_as_stored: bool,
}

/// Which part of which kind of request. Windows of about one length share an entry, whenever they are;
/// those of other lengths have their own, so that two dashboards do not fight over one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::evaluate) struct Key {
    expression: String,
    zone: Arc<str>,
    x_files_factor: u64,
    consolidates_as_stored: bool,
    step: i64,
    /// Rounded up.
    slots: usize,
}

/// An entry.
#[derive(Debug)]
pub(in crate::evaluate) struct Kept {
    pub(super) leaves: Vec<LeafState>,
    pub(super) start: i64,
    pub(super) step: i64,
    /// How many of the slots are final.
    pub(super) settled: usize,
    pub(super) series: Arc<[KeptSeries]>,
    /// The same with fewer points, once an answer showed those.
    pub(super) shortened: Option<Shortened>,
}

/// Final values of an entry in whole buckets.
#[derive(Clone, Debug)]
pub(super) struct Shortened {
    /// The slot of the entry that the first bucket begins with.
    pub(super) first: usize,
    pub(super) per_bucket: usize,
    /// By series.
    pub(super) points: Arc<[Arc<KeptPoints>]>,
}

/// The values of one series of a part.
#[derive(Debug)]
pub(super) struct KeptSeries {
    /// Of everything about it but its values and times.
    pub(super) fingerprint: u64,
    /// Shared with the answer that they were computed for, until that is sent.
    pub(super) values: Arc<Vec<f64>>,
}

impl KeyBase {
    /// What the parts of a request have in common.
    pub(in crate::evaluate) fn of(request: &RenderRequest) -> Self {
        let zone = match request.timezone.iana_name() {
            Some(name) => name.into(),
            None => format!("{:?}", request.timezone).into(),
        };
        Self {
            zone,
            x_files_factor: request.x_files_factor.to_bits(),
            consolidates_as_stored: request.consolidates_as_stored,
        }
    }

    pub(super) fn key(&self, expression: &Expression, grid: Grid) -> Key {
        Key {
            expression: expression.to_string(),
            zone: Arc::clone(&self.zone),
            x_files_factor: self.x_files_factor,
            consolidates_as_stored: self.consolidates_as_stored,
            step: grid.step,
            slots: rounded(grid.slots),
        }
    }
}

/// Rounded up to a sixteenth of the next power of two: the windows of one panel differ by a slot now
/// and then, those of two panels, or of a call that widens its window, by more.
fn rounded(slots: usize) -> usize {
    slots.next_multiple_of((slots.next_power_of_two() / 16).max(1))
}

impl Kept {
    pub(super) fn bytes(&self) -> usize {
        let values = self.series.iter();
        let values: usize = values.map(|one| one.values.len() * size_of::<f64>()).sum();
        let leaves = self.leaves.iter().map(LeafState::bytes).sum::<usize>();
        let shortened = self.shortened.as_ref().map_or(0, Shortened::bytes);
        values + leaves + shortened + self.series.len() * size_of::<KeptSeries>()
    }

    /// The same entry with fewer points as well.
    pub(super) fn with_shortened(&self, shortened: Shortened) -> Self {
        Self {
            leaves: self.leaves.clone(),
            start: self.start,
            step: self.step,
            settled: self.settled,
            series: Arc::clone(&self.series),
            shortened: Some(shortened),
        }
    }
}

impl Shortened {
    fn bytes(&self) -> usize {
        self.points.iter().map(|points| points.bytes()).sum()
    }
}

impl KeptSeries {
    pub(super) fn of(series: &Series) -> Self {
        Self {
            fingerprint: fingerprint(series),
            values: Arc::clone(&series.values),
        }
    }
}

/// A number that tells series apart by all but values and times: a guard against functions that
/// promise more than they keep, not a proof.
pub(super) fn fingerprint(series: &Series) -> u64 {
    let mut hasher = std::hash::BuildHasher::build_hasher(&FixedState::with_seed(0));
    series.name.hash(&mut hasher);
    series.path_expression.hash(&mut hasher);
    for (tag, value) in series.tags.iter() {
        tag.hash(&mut hasher);
        value.hash(&mut hasher);
    }
    (series.consolidation as u8).hash(&mut hasher);
    series.x_files_factor.to_bits().hash(&mut hasher);
    hasher.finish()
}
