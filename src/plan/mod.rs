//! What a request will read, found out before anything is read.
//!
//! `evaluate` hands over the expanded trees; the plan lists every leaf with every window it will be
//! asked for, as the functions above it widen or move the window ([`Function::windows`]), so that
//! `fetch` can read all of it in one batch. Steps come from the catalog and the store's retentions.
//!
//! The leaves come in [`Part`]s: the largest sub-trees whose values in the past stay what they are,
//! as the functions in them say ([`Function::reach`]). Those are what a cache can keep.
//!
//! The plan is a hint: a call that cannot be bound, or whose window depends on values, is planned as
//! if it left the window alone, and evaluation then reads what is missing and reports what is wrong.

use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::tz::TimeZone;

use crate::fetch::{Leaf, Reader};
use crate::functions::evaluator::{literal, steps_of_call};
use crate::functions::{
    Call, EvaluationError, Evaluator, Function, Reach, RequestState, Series, Value, Window,
    registry,
};
use crate::target::{self, Expression};

/// Reads after which planning stops: nested `timeStack`s multiply, and the limits of `fetch` are
/// meant to be hit by what is really asked for.
const READS_MAX: usize = 100_000;

/// Questions for the steps of a call after which planning stops asking: windows in windows that are
/// counted in points ask twice a level.
const QUESTIONS_MAX: usize = 100_000;

/// A sub-tree over a window in which every value follows from what its leaves hold near its own time.
#[derive(Clone, Debug)]
pub struct Part<'a> {
    /// The sub-tree: a leaf, or calls that say so of themselves.
    pub expression: &'a Expression,
    /// The window that it will be evaluated over.
    pub window: Window,
    /// Its leaves with their windows, each as often as it will be asked for.
    pub reads: Vec<(Leaf, Window)>,
    /// The first so many values lack something that lies before the windows.
    pub points: usize,
}

/// The parts of trees: every leaf is in one, as often as it will be asked for.
pub fn plan<'a>(
    expressions: impl IntoIterator<Item = &'a Expression>,
    window: Window,
    reader: &Reader<'_>,
    timezone: &TimeZone,
) -> Vec<Part<'a>> {
    let mut planner = Planner {
        steps: Steps {
            reader,
            timezone,
            state: RequestState::default(),
            questions: AtomicUsize::new(0),
        },
        parts: Vec::new(),
        reads: 0,
    };
    for expression in expressions {
        let part = planner.visit(expression, window);
        planner.parts.extend(part);
    }
    planner.parts
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

struct Planner<'a, 'reader> {
    steps: Steps<'reader>,
    parts: Vec<Part<'a>>,
    reads: usize,
}

impl<'a> Planner<'a, '_> {
    /// The part that an expression is as a whole; else the parts inside of it are added.
    fn visit(&mut self, expression: &'a Expression, window: Window) -> Option<Part<'a>> {
        if self.reads >= READS_MAX {
            return None;
        }
        if let Some(leaf) = leaf(expression) {
            self.reads += 1;
            return Some(Part {
                expression,
                window,
                reads: vec![(leaf, window)],
                points: 0,
            });
        }
        let Expression::Call(call) = expression else {
            return None;
        };
        // An unknown function is reported by evaluation; nothing is read for it.
        let function = registry::find(&call.function)?;
        let (windows, reach) = self.ask(function, call, window);
        let mut inner = Vec::new();
        let mut is_whole = true;
        for window in windows {
            for argument in arguments(call) {
                let part = self.visit(argument, window);
                is_whole &= part.is_some();
                inner.extend(part);
            }
        }
        match reach {
            Reach::Points(points) if is_whole && !inner.is_empty() => {
                Some(join(expression, window, points, inner))
            }
            _ => {
                self.parts.append(&mut inner);
                None
            }
        }
    }

    fn ask(
        &self,
        function: &dyn Function,
        call: &target::Call,
        window: Window,
    ) -> (Vec<Window>, Reach) {
        let as_it_is = || (vec![window], Reach::Unbounded);
        let Ok(bound) = Call::bind(&self.steps, call, function.signature(), window) else {
            return as_it_is();
        };
        match function.windows(&bound) {
            Ok(windows) => (windows, function.reach(&bound)),
            Err(_) => as_it_is(),
        }
    }
}

/// The arguments that may hold leaves.
fn arguments(call: &target::Call) -> impl Iterator<Item = &Expression> {
    let keywords = call.keyword_arguments.iter().map(|(_, argument)| argument);
    let all = call.arguments.iter().chain(keywords);
    all.filter(|argument| {
        use Expression::{Call, Path, SeriesByTag, Template};
        matches!(argument, Path(_) | SeriesByTag(_) | Call(_) | Template(_))
    })
}

fn join<'a>(
    expression: &'a Expression,
    window: Window,
    points: usize,
    inner: Vec<Part<'a>>,
) -> Part<'a> {
    let deepest = inner.iter().map(|part| part.points).max().unwrap_or(0);
    Part {
        expression,
        window,
        reads: inner.into_iter().flat_map(|part| part.reads).collect(),
        points: points.saturating_add(deepest),
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

    fn claim(&self, _bytes: usize) -> Result<(), EvaluationError> {
        Err(EvaluationError::Planning)
    }

    fn give_back(&self, _bytes: usize) {}

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
