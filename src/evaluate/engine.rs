//! The engine: from a request to its series.

use std::sync::Arc;
use std::time::Instant;

use rayon::prelude::*;

use super::evaluation::Evaluation;
use super::frame::Frame;
use super::incremental::IncrementalCache;
use super::request::{RenderError, RenderRequest, Rendered, Statistics};
use crate::cache::CacheNumbers;
use crate::events::EventLog;
use crate::fetch::{Cut, Reader, Source};
use crate::functions::consolidate::{drop_unfinished, to_max_data_points};
use crate::functions::parallel::VALUES_MIN;
use crate::functions::{EvaluationError, Series, registry};
use crate::target::Expression;

/// Evaluates render requests; cheap to clone, shared by all threads.
#[derive(Clone)]
pub struct Engine {
    source: Source,
    events: Arc<EventLog>,
    cache: Arc<IncrementalCache>,
}

/// A target with its tree.
struct Target<'a> {
    text: &'a str,
    expression: Expression,
}

impl Engine {
    /// An engine over names, points and events that keeps nothing from request to request.
    pub fn new(source: Source, events: Arc<EventLog>) -> Self {
        Self {
            source,
            events,
            cache: Arc::new(IncrementalCache::new(0)),
        }
    }

    /// The same with an incremental cache of at most so many bytes. It is of use over a store that
    /// knows what is final.
    #[must_use]
    pub fn with_cache(self, bytes_max: usize) -> Self {
        let cache = Arc::new(IncrementalCache::new(bytes_max));
        Self { cache, ..self }
    }

    /// The numbers of the incremental cache.
    pub fn cache_numbers(&self) -> CacheNumbers {
        self.cache.cache().numbers()
    }

    /// Evaluates a request.
    ///
    /// # Errors
    /// See [`RenderError::kind`].
    pub fn render(&self, request: &RenderRequest) -> Result<Rendered, RenderError> {
        let cancellation = request.cancellation.clone();
        let reader = Reader::new(&self.source, request.limits.reads, cancellation)
            .consolidating_as_stored(request.consolidates_as_stored);
        let mut evaluation = Evaluation::new(request, reader, &self.events);
        let mut statistics = Statistics::default();

        let mut started = Instant::now();
        let mut lap = || {
            let now = Instant::now();
            now - std::mem::replace(&mut started, now)
        };
        let targets = parse_all(&evaluation, request)?;
        let in_order = targets.iter().any(|one| shares_state(&one.expression));
        let reads = self.source.store.settled_reads();
        if let Some(reads) = reads
            && request.uses_cache
            && self.cache.cache().is_enabled()
            && !in_order
        {
            evaluation.use_cache(&self.cache, reads);
        }
        let expressions = targets.iter().map(|target| &target.expression);
        let reads = evaluation.plan(expressions.clone(), request.window);
        let reads = reads.map_err(of_request)?;
        evaluation.shorten(expressions);
        statistics.plan_time = lap();
        evaluation.reader().read(&reads).map_err(of_request)?;
        statistics.fetch_time = lap();
        let mut series = run_all(&evaluation, &targets, in_order, request)?;
        statistics.evaluate_time = lap();
        consolidate(&mut series, request);
        statistics.consolidate_time = lap();
        statistics.reads = evaluation.reader().reports();
        statistics.calls = evaluation.calls();
        statistics.cache = evaluation.cache_use();
        statistics.memory_peak = evaluation.reader().memory().peak();
        Ok(Rendered { series, statistics })
    }
}

/// Makes each series as short as the request wants it and, where it wants that, ends it before what
/// still changes.
pub fn consolidate(series: &mut [Series], request: &RenderRequest) {
    let now = request.window.now;
    if request.drops_unfinished {
        drop_unfinished(series, now);
    }
    if let Some(points_max) = request.max_data_points {
        to_max_data_points(series, points_max, request.drops_unfinished);
    }
}

fn parse_all<'a>(
    evaluation: &Evaluation<'_>,
    request: &'a RenderRequest,
) -> Result<Vec<Target<'a>>, RenderError> {
    let mut targets = Vec::with_capacity(request.targets.len());
    for text in &request.targets {
        let parsed = evaluation
            .parse(text)
            .map_err(|cause| of_target(text, cause))?;
        targets.extend(parsed.map(|expression| Target { text, expression }));
    }
    Ok(targets)
}

fn run_all(
    evaluation: &Evaluation<'_>,
    targets: &[Target<'_>],
    in_order: bool,
    request: &RenderRequest,
) -> Result<Vec<Series>, RenderError> {
    // Results of targets are there until the answer is.
    let frame = Frame::new(evaluation, Cut::default());
    let run = |target: &Target<'_>| {
        let series = evaluation.series(&frame, &target.expression, request.window);
        series.map_err(|cause| of_target(target.text, cause))
    };
    let is_small = targets.len() < 2 || evaluation.cost() < VALUES_MIN;
    let lists = if in_order || is_small {
        targets.iter().map(run).collect::<Result<Vec<_>, _>>()?
    } else {
        targets.par_iter().map(run).collect::<Result<Vec<_>, _>>()?
    };
    Ok(lists.into_iter().flatten().collect())
}

/// True when a call in the tree hands state to later ones.
fn shares_state(expression: &Expression) -> bool {
    let Expression::Call(call) = expression else {
        return false;
    };
    let keywords = call.keyword_arguments.iter().map(|(_, argument)| argument);
    registry::find(&call.function).is_some_and(|function| function.shares_state())
        || call.arguments.iter().chain(keywords).any(shares_state)
}

fn of_request(cause: EvaluationError) -> RenderError {
    RenderError {
        target: None,
        cause,
    }
}

fn of_target(text: &str, cause: EvaluationError) -> RenderError {
    RenderError {
        target: Some(text.to_owned()),
        cause,
    }
}
