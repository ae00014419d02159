//! What functions need from the room above them: [`Evaluator`], implemented by `evaluate` (and by
//! `plan`, which only knows steps), and the state that the calls of one request share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::tz::TimeZone;
use parking_lot::Mutex;

use super::call::Call;
use super::{EvaluationError, Series, Value, registry};
use crate::target::{self, Expression};

/// The time that an expression is evaluated over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// Exclusive for the store, seconds since the epoch.
    pub from: i64,
    /// Inclusive.
    pub until: i64,
    /// What the request calls now; it chooses archives and travels unchanged with a moved window.
    pub now: i64,
}

impl Window {
    /// Begins `seconds` earlier.
    #[must_use]
    pub fn widened(self, seconds: i64) -> Self {
        Self {
            from: self.from.saturating_sub(seconds),
            ..self
        }
    }

    /// Begins and ends `seconds` later; a negative number moves it into the past.
    #[must_use]
    pub fn shifted(self, seconds: i64) -> Self {
        Self {
            from: self.from.saturating_add(seconds),
            until: self.until.saturating_add(seconds),
            ..self
        }
    }
}

/// Evaluates arguments for functions.
pub trait Evaluator: Sync {
    /// The value of an expression over a window.
    ///
    /// # Errors
    /// When a function in it fails, a limit is reached, or the store cannot read.
    fn evaluate(&self, expression: &Expression, window: Window) -> Result<Value, EvaluationError>;

    /// The steps of the series that an expression would give over a window, without reading them
    /// where that is possible.
    ///
    /// # Errors
    /// As [`Evaluator::evaluate`].
    fn steps(&self, expression: &Expression, window: Window) -> Result<Vec<i64>, EvaluationError>;

    /// Evaluates targets that a function wrote, reading what all of them need in one batch. A blank
    /// target gives no series.
    ///
    /// # Errors
    /// As [`Evaluator::evaluate`], and when a text does not parse.
    fn evaluate_targets(
        &self,
        targets: &[String],
        window: Window,
    ) -> Result<Vec<Vec<Series>>, EvaluationError>;

    /// The times, in seconds, of the events in `from..=until` that carry all of `tags`, ascending;
    /// without tags, of all events.
    ///
    /// # Errors
    /// When the events cannot be read.
    fn events(&self, tags: &[String], from: i64, until: i64) -> Result<Vec<i64>, EvaluationError>;

    /// Claims room for points that a function is about to make out of nothing or of fewer: generators,
    /// and summaries finer than their series. What is read is counted when it is read. Their memory is
    /// claimed as well.
    ///
    /// # Errors
    /// When the request has no room for so many.
    fn reserve_points(&self, points: usize) -> Result<(), EvaluationError>;

    /// Counts bytes that a call holds beside its arguments, until it is done or gives them back.
    ///
    /// # Errors
    /// When the query may not hold so many.
    fn claim(&self, bytes: usize) -> Result<(), EvaluationError>;

    /// Gives back bytes that were claimed, before the call is done.
    fn give_back(&self, bytes: usize);

    /// The zone of the request, in which days begin.
    fn timezone(&self) -> &TimeZone;

    /// What the calls of the request share.
    fn state(&self) -> &RequestState;
}

/// Runs the call of a tree: finds the function, binds the arguments, evaluates.
///
/// # Errors
/// When there is no such function, the arguments do not fit, or it fails.
pub fn run_call(
    evaluator: &dyn Evaluator,
    call: &target::Call,
    window: Window,
) -> Result<Vec<Series>, EvaluationError> {
    let function = registry::find(&call.function)
        .ok_or_else(|| EvaluationError::UnknownFunction(call.function.clone()))?;
    let call = Call::bind(evaluator, call, function.signature(), window)?;
    function.evaluate(&call)
}

/// The steps of a call whose function keeps the grid of its first parameter, which may be several
/// lists; `None` for other calls.
///
/// # Errors
/// When the arguments do not fit, or as [`Evaluator::steps`].
pub fn steps_of_call(
    evaluator: &dyn Evaluator,
    call: &target::Call,
    window: Window,
) -> Result<Option<Vec<i64>>, EvaluationError> {
    let function = registry::find(&call.function).filter(|function| function.keeps_grid());
    let (Some(function), false) = (function, call.arguments.is_empty()) else {
        return Ok(None);
    };
    let bound = Call::bind(evaluator, call, function.signature(), window)?;
    let first = function.signature().parameters.first();
    let takes_all = first.is_some_and(|parameter| parameter.multiple);
    let lists = &call.arguments[..if takes_all { call.arguments.len() } else { 1 }];
    let mut steps = Vec::new();
    for window in function.windows(&bound)? {
        for list in lists {
            steps.extend(evaluator.steps(list, window)?);
        }
    }
    Ok(Some(steps))
}

/// The value of an expression that needs no series; `None` for one that does.
pub fn literal(expression: &Expression) -> Option<Value> {
    Some(match expression {
        Expression::Integer(number) => Value::Integer(*number),
        Expression::Float(number) => Value::Float(*number),
        Expression::String(text) => Value::String(text.clone()),
        Expression::Boolean(value) => Value::Boolean(*value),
        Expression::Null => Value::Null,
        Expression::Path(_)
        | Expression::SeriesByTag(_)
        | Expression::Call(_)
        | Expression::Template(_) => return None,
    })
}

/// State that calls of one request hand to later ones, as the reference's request context does.
#[derive(Debug, Default)]
pub struct RequestState {
    /// The bits of the xFilesFactor in force; written by `setXFilesFactor`, read by everything.
    /// Relaxed: calls that depend on each other run on one thread or are joined.
    x_files_factor: AtomicU64,
    /// The running totals of `stacked`, by the name of the stack.
    pub stacks: Mutex<HashMap<String, Vec<f64>>>,
    random: Mutex<u64>,
}

impl RequestState {
    /// The state at the beginning of a request; `seed` feeds [`RequestState::random`].
    pub fn new(x_files_factor: f64, seed: u64) -> Self {
        Self {
            x_files_factor: AtomicU64::new(x_files_factor.to_bits()),
            stacks: Mutex::default(),
            random: Mutex::new(seed),
        }
    }

    /// The factor that aggregations and fresh series use unless a call says otherwise.
    pub fn x_files_factor(&self) -> f64 {
        f64::from_bits(self.x_files_factor.load(Ordering::Relaxed))
    }

    /// Changes the factor for everything that is evaluated from now on.
    pub fn set_x_files_factor(&self, factor: f64) {
        self.x_files_factor
            .store(factor.to_bits(), Ordering::Relaxed);
    }

    /// A random number, at least 0 and below 1 (SplitMix64, Steele et al. 2014).
    pub fn random(&self) -> f64 {
        let mut state = self.random.lock();
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        (mixed >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_numbers_stay_in_their_range_and_follow_their_seed() {
        let draw = |seed| {
            let state = RequestState::new(0.0, seed);
            (0..100).map(|_| state.random()).collect::<Vec<_>>()
        };
        assert!(draw(1).iter().all(|number| (0.0..1.0).contains(number)));
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn windows_move_but_now_stays() {
        let window = Window {
            from: 100,
            until: 200,
            now: 300,
        };
        assert_eq!(
            window.widened(10),
            Window {
                from: 90,
                until: 200,
                now: 300
            }
        );
        assert_eq!(
            window.shifted(-10),
            Window {
                from: 90,
                until: 190,
                now: 300
            }
        );
    }
}
