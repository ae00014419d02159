//! Functions of the render API: the trait they implement, the registry that names them.
//!
//! `evaluate` walks a target's tree and runs them; `plan` asks each for the windows it will read;
//! `/functions` prints their signatures. Everything here is pure and synchronous: series come through
//! [`Call`], which asks an [`Evaluator`] from above; a function never sees a store, a catalog or a clock.
//!
//! # Adding a function
//!
//! 1. Make a file in the folder of Graphite's group for it (one file a function or family), with a
//!    unit struct that implements [`Function`]. `transform/scale.rs` is the pattern for functions that
//!    rewrite series in place, `alias/alias.rs` for those that only rename, `combine/aggregate.rs` for
//!    those that combine many into one, `calculate/moving.rs` for those that read a wider window.
//! 2. Describe it in a `static` [`Signature`]: names (aliases too), group, argument list as
//!    `/functions` shows it, parameters with kinds, defaults and options. Binding, type errors and the
//!    documentation follow from it; `aggregator` marks those that `groupByNode` and its kin offer.
//! 3. Enter it in the folder's `FUNCTIONS`. The registry's tests refuse a name twice.
//! 4. Get arguments by the parameter's name: [`Call::series`], [`Call::number`], [`Call::optional_string`] …
//!    They give the reference's coercions, the default, and an error that names the parameter.
//!
//! # What a function must keep
//!
//! - NaN is null. A null in is a null out unless the function says otherwise.
//! - Names: functions that rewrite in place call [`Series::rename`] (the path expression follows the
//!   name). Functions that build a new series give [`Series::new`] or [`Call::fresh`] its name. Those
//!   that only alias set `name` and leave `path_expression` alone.
//! - Tags hold text: numbers as [`number_text`] prints them ([`Value::text`] for a literal argument).
//! - Order of series is part of the answer; sorts are stable.
//! - Sums add in the order of the values, so that results agree with the reference bit by bit.
//! - Work over many series goes through [`parallel`]; values change in place through
//!   [`Series::values_mut`], which copies only what somebody else still holds.
//! - A function that gives one series for each that it takes, on the same grid, says so in
//!   [`Function::keeps_grid`]; one that uses [`Call::state`] says so in [`Function::shares_state`].
//! - A function whose values depend on few others near them says so in [`Function::reach`]; a
//!   dashboard's refresh then computes only what is new. `tests/incremental.rs` checks such claims.
//! - A function that makes points out of nothing, or more than it is given, claims room for them first
//!   with [`Call::check_points`]; otherwise one short target could take all memory.
//! - A function that holds more than its arguments, a result and a copy of the series at work claims
//!   that first with [`Call::claim`]: all results at once, several values for each, names that repeat
//!   others. `tests/query_memory.rs` measures every function.
//! - A function that reads another window overrides [`Function::windows`] with the same arithmetic as
//!   its `evaluate`, so that everything is fetched in one batch.

pub mod aggregation;
pub mod call;
mod cancellation;
pub mod consolidate;
pub mod drawing;
pub mod error;
pub mod evaluator;
pub mod interval;
pub mod kept_run;
pub mod node;
pub mod normalize;
pub mod number_text;
pub mod parallel;
pub mod percent_format;
pub mod percentile;
pub mod python_regex;
pub mod registry;
pub mod rounding;
pub mod rows;
pub mod series;
pub mod signature;
pub mod value;

pub mod alias;
pub mod calculate;
pub mod combine;
pub mod filter_data;
pub mod filter_series;
pub mod graph;
pub mod sorting;
pub mod special;
pub mod transform;

#[cfg(test)]
pub(crate) mod testing;

pub use aggregation::Aggregation;
pub use call::Call;
pub use cancellation::{Cancellation, Entered, Pace};
pub use error::EvaluationError;
pub use evaluator::{Evaluator, RequestState, Window};
pub use interval::{Interval, Span};
pub use series::Series;
pub use signature::{Group, Kind, Literal, Parameter, Signature};
pub use value::Value;

/// How far away in time the values are that decide a value of a function's result.
///
/// A function with [`Reach::Points`] gives the same value at a time whatever window it is called
/// over, bit by bit, as long as the windows that it reads ([`Function::windows`]) move along; but for
/// its first so many points, where something before the window would have been needed. Number, order,
/// names and tags of its series follow from those of its arguments and not from values or times.
/// The result has the grid of the arguments' common step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// So many points back from where the windows that it reads end: 0 for functions that work point
    /// by point.
    Points(usize),
    /// Any value may depend on all others; or it depends on more than values.
    Unbounded,
}

/// One function of the render API.
pub trait Function: Send + Sync {
    /// Its names, parameters and documentation.
    fn signature(&self) -> &Signature;

    /// The windows in which its series arguments will be read, so that everything is fetched in one
    /// batch before evaluation. A hint: what is not planned is fetched when it is asked for.
    ///
    /// # Errors
    /// When an argument that decides the window cannot be read; planning then leaves it to
    /// [`Function::evaluate`] to report.
    fn windows(&self, call: &Call<'_>) -> Result<Vec<Window>, EvaluationError> {
        Ok(vec![call.window()])
    }

    /// True when it gives one series for each of its first parameter's, on the same grid, so that
    /// their steps are known without running it. Not so a filter: it may drop those that have the
    /// greatest step, or all.
    fn keeps_grid(&self) -> bool {
        false
    }

    /// How far the values of its first series arguments lie from those that they decide, so that caches
    /// may keep results of the past and compute the rest alone; see [`Reach`]. The literal arguments
    /// of the call can be asked for.
    fn reach(&self, _call: &Call<'_>) -> Reach {
        Reach::Unbounded
    }

    /// True when what it gives depends on calls before it in the request, or it changes what later ones
    /// give; targets are then evaluated one after the other.
    fn shares_state(&self) -> bool {
        false
    }

    /// Runs it.
    ///
    /// # Errors
    /// When an argument has the wrong type or value, or an inner expression fails.
    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError>;
}
