//! What is asked of the engine and what it answers.

use std::time::Duration;

use jiff::tz::TimeZone;

use crate::fetch::{ReadLimits, ReadReport};
use crate::functions::{Cancellation, EvaluationError, Series, Window};
use crate::target::Variables;

/// Calls of functions after which a query is stopped unless its request says otherwise. A dashboard
/// makes some thousands; nested windows that fetch again can multiply without end.
const CALLS_MAX: usize = 1_000_000;

/// One render request, as far as evaluation needs it.
#[derive(Clone, Debug)]
pub struct RenderRequest {
    /// The targets as typed; blank ones are skipped.
    pub targets: Vec<String>,
    /// The window of the answer; `from` must be before `until`.
    pub window: Window,
    /// The zone in which days begin.
    pub timezone: TimeZone,
    /// The share of known points that aggregations need unless a call says otherwise.
    pub x_files_factor: f64,
    /// The request's `template[name]=text`.
    pub variables: Variables,
    /// Consolidate each series to at most so many points; only json does so. Not 0.
    pub max_data_points: Option<u64>,
    /// What the query may use.
    pub limits: Limits,
    /// Stops the query.
    pub cancellation: Cancellation,
    /// Feeds random functions; the same seed gives the same answer.
    pub seed: u64,
    /// Drop the last points while their time is not over, so that nothing judges what still changes.
    pub drops_unfinished: bool,
    /// Make points fewer as the store rolls them up, where no `consolidateBy` says otherwise; else by
    /// their mean.
    pub consolidates_as_stored: bool,
    /// Whether results may be kept from request to request.
    pub uses_cache: bool,
}

impl RenderRequest {
    /// A request with defaults: UTC, no factor, no template, no consolidation, no seed.
    pub fn new(targets: Vec<String>, window: Window) -> Self {
        Self {
            targets,
            window,
            timezone: TimeZone::UTC,
            x_files_factor: 0.0,
            variables: Variables::new(),
            max_data_points: None,
            limits: Limits::default(),
            cancellation: Cancellation::never(),
            seed: 0,
            drops_unfinished: false,
            consolidates_as_stored: false,
            uses_cache: true,
        }
    }
}

/// What a query may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Series and points read.
    pub reads: ReadLimits,
    /// Calls of functions.
    pub calls_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            reads: ReadLimits::default(),
            calls_max: CALLS_MAX,
        }
    }
}

/// The answer: the series of all targets, in order.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// The series.
    pub series: Vec<Series>,
    /// What it took.
    pub statistics: Statistics,
}

/// What a query took, for `explain`, `meta=true`, the slow-query log and the self metrics.
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    /// Every read: leaf, window, series, points, archives.
    pub reads: Vec<ReadReport>,
    /// Calls of functions.
    pub calls: usize,
    /// What was kept from requests before.
    pub cache: CacheUse,
    /// The most bytes of series that were held at one time.
    pub memory_peak: usize,
    /// Time to parse and plan, name lookup included.
    pub plan_time: Duration,
    /// Time of the planned batch of reads.
    pub fetch_time: Duration,
    /// Time of the functions and of what they read at run time.
    pub evaluate_time: Duration,
    /// Time to consolidate to `max_data_points`.
    pub consolidate_time: Duration,
}

/// What the incremental cache was good for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheUse {
    /// Parts of targets of which only the end was computed.
    pub refreshed: usize,
    /// Those of them that were whole targets and straight given as many points as the answer shows.
    pub shortened: usize,
    /// Parts that may be kept and were computed as a whole.
    pub computed: usize,
    /// Values that needed no computing.
    pub points_kept: usize,
}

impl CacheUse {
    pub(super) fn count(&mut self, is_refreshed: bool, points: usize) {
        if is_refreshed {
            self.refreshed += 1;
            self.points_kept += points;
        } else {
            self.computed += 1;
        }
    }
}

impl Statistics {
    /// Series read.
    pub fn series_read(&self) -> usize {
        self.reads.iter().map(|read| read.series).sum()
    }

    /// Points read.
    pub fn points_read(&self) -> usize {
        self.reads.iter().map(|read| read.points).sum()
    }
}

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
pub struct RenderError {
    /// The target at fault, when it is one.
    pub target: Option<String>,
    /// What is wrong.
    #[source]
    pub cause: EvaluationError,
}

/// What a caller can do about a [`RenderError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Change the request (400).
    BadRequest,
    /// Ask for less (422).
    TooLarge,
    /// Ask again later or with more time (503).
    Cancelled,
    /// Look at the store (500).
    Store,
}

impl RenderError {
    /// Which kind it is.
    pub fn kind(&self) -> ErrorKind {
        match &self.cause {
            EvaluationError::Limit(_) => ErrorKind::TooLarge,
            EvaluationError::Cancelled(_) => ErrorKind::Cancelled,
            EvaluationError::Store(_) => ErrorKind::Store,
            _ => ErrorKind::BadRequest,
        }
    }
}
