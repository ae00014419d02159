//! What a request will read, found out before anything is read.
//!
//! `evaluate` hands over the expanded trees; the plan lists every leaf with every window it will be
//! asked for, as the functions above it widen or move the window ([`Function::windows`]), so that
//! `fetch` can read all of it in one batch. Steps come from the catalog and the store's retentions.
//!
//! The plan is a hint: a call that cannot be bound, or whose window depends on values, is planned as
//! if it left the window alone, and evaluation then reads what is missing and reports what is wrong.

use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::tz::TimeZone;

use crate::fetch::{Leaf, Reader};
use crate::functions::evaluator::{literal, steps_of_call};
use crate::functions::{
    Call, EvaluationError, Evaluator, Function, RequestState, Series, Value, Window, registry,
};
use crate::target::{self, Expression};

/// Reads after which planning stops: nested `timeStack`s multiply, and the limits of `fetch` are
/// meant to be hit by what is really asked for.
const READS_MAX: usize = 100_000;

/// Questions for the steps of a call after which planning stops asking: windows in windows that are
/// counted in points ask twice a level.
const QUESTIONS_MAX: usize = 100_000;

/// The leaves of trees and their windows, each as often as it will be asked for.
pub fn plan(
    expressions: &[Expression],
    window: Window,
    reader: &Reader<'_>,
    timezone: &TimeZone,
) -> Vec<(Leaf, Window)> {
    let mut planner = Planner {
        steps: Steps {
            reader,
            timezone,
            state: RequestState::default(),
            questions: AtomicUsize::new(0),
        },
        reads: Vec::new(),
    };
    for expression in expressions {
        planner.visit(expression, window);
    }
    planner.reads
}

/// The leaf that an expression is.
pub fn leaf(expression: &Expression) -> Option<Leaf> {
    match expression {
        Expression::Path(path) => Some(Leaf::Path(path.as_str().into())),
        Expression::SeriesByTag(query) => Some(Leaf::Tags {
            text: query.text.as_str().into(),
            conditions: query.conditions.as_slice().into(),
        }),
        _ => None,
    }
}

struct Planner<'a> {
    steps: Steps<'a>,
    reads: Vec<(Leaf, Window)>,
}

impl Planner<'_> {
    fn visit(&mut self, expression: &Expression, window: Window) {
        if self.reads.len() >= READS_MAX {
            return;
        }
        if let Some(leaf) = leaf(expression) {
            self.reads.push((leaf, window));
        } else if let Expression::Call(call) = expression {
            self.visit_call(call, window);
        }
    }

    fn visit_call(&mut self, call: &target::Call, window: Window) {
        // An unknown function is reported by evaluation; nothing is read for it.
        let Some(function) = registry::find(&call.function) else {
            return;
        };
        for window in self.windows(function, call, window) {
            let keywords = call.keyword_arguments.iter().map(|(_, argument)| argument);
            for argument in call.arguments.iter().chain(keywords) {
                self.visit(argument, window);
            }
        }
    }

    fn windows(&self, function: &dyn Function, call: &target::Call, window: Window) -> Vec<Window> {
        let bound = Call::bind(&self.steps, call, function.signature(), window);
        let windows = bound.and_then(|bound| function.windows(&bound));
        windows.unwrap_or_else(|_| vec![window])
    }
}

/// Knows the steps of expressions and the values of literals, and reads nothing.
struct Steps<'a> {
    reader: &'a Reader<'a>,
    timezone: &'a TimeZone,
    state: RequestState,
    questions: AtomicUsize,
}

impl Evaluator for Steps<'_> {
    fn evaluate(&self, expression: &Expression, _window: Window) -> Result<Value, EvaluationError> {
        literal(expression).ok_or(EvaluationError::Planning)
    }

    fn steps(&self, expression: &Expression, window: Window) -> Result<Vec<i64>, EvaluationError> {
        if let Some(leaf) = leaf(expression) {
            return self.reader.steps(&leaf, window);
        }
        if self.questions.fetch_add(1, Ordering::Relaxed) >= QUESTIONS_MAX {
            return Err(EvaluationError::Planning);
        }
        match expression {
            Expression::Call(call) => match steps_of_call(self, call, window)? {
                Some(steps) => Ok(steps),
                None => self.steps_of_arguments(call, window),
            },
            _ => Ok(Vec::new()),
        }
    }

    fn evaluate_targets(
        &self,
        _targets: &[String],
        _window: Window,
    ) -> Result<Vec<Vec<Series>>, EvaluationError> {
        Err(EvaluationError::Planning)
    }

    fn events(
        &self,
        _tags: &[String],
        _from: i64,
        _until: i64,
    ) -> Result<Vec<i64>, EvaluationError> {
        Err(EvaluationError::Planning)
    }

    fn reserve_points(&self, _points: usize) -> Result<(), EvaluationError> {
        Err(EvaluationError::Planning)
    }

    fn timezone(&self) -> &TimeZone {
        self.timezone
    }

    fn state(&self) -> &RequestState {
        &self.state
    }
}

impl Steps<'_> {
    /// A guess: that a call gives steps that its arguments have.
    fn steps_of_arguments(
        &self,
        call: &target::Call,
        window: Window,
    ) -> Result<Vec<i64>, EvaluationError> {
        let mut steps = Vec::new();
        for argument in &call.arguments {
            steps.extend(self.steps(argument, window)?);
        }
        Ok(steps)
    }
}
