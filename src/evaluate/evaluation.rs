//! The walk over the trees of one request.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::tz::TimeZone;
use parking_lot::Mutex;

use super::frame::Frame;
use super::incremental::{self, IncrementalCache, KeyBase, Lookups, Prepared};
use super::request::{CacheUse, RenderRequest};
use crate::events::{EventLog, TagMatch};
use crate::fetch::{Cut, Read, Reader};
use crate::functions::consolidate::Buckets;
use crate::functions::evaluator::{literal, run_call, steps_of_call};
use crate::functions::{EvaluationError, Evaluator, RequestState, Series, Value, Window};
use crate::plan::{Part, leaf, plan};
use crate::storage::SettledReads;
use crate::target::{self, Expression};

/// One request at work.
pub(super) struct Evaluation<'a> {
    request: &'a RenderRequest,
    reader: Reader<'a>,
    events: &'a EventLog,
    cache: Option<(&'a IncrementalCache, &'a dyn SettledReads)>,
    state: RequestState,
    calls: AtomicUsize,
    /// What is known of parts before they are evaluated. A part is known by the address of its
    /// expression, which is borrowed for as long as the request runs.
    prepared: Mutex<HashMap<(usize, Window), Arc<Prepared>>>,
    cache_use: Mutex<CacheUse>,
    /// How every target is made shorter, when all of them are refreshed parts of one grid.
    buckets: Option<Buckets>,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(
        request: &'a RenderRequest,
        reader: Reader<'a>,
        events: &'a EventLog,
    ) -> Self {
        Self {
            request,
            reader,
            events,
            cache: None,
            state: RequestState::new(request.x_files_factor, request.seed),
            calls: AtomicUsize::new(0),
            prepared: Mutex::default(),
            cache_use: Mutex::default(),
            buckets: None,
        }
    }

    /// Keeps results, and takes what is kept, from now on. Not for requests in which calls hand state
    /// to one another.
    pub(super) fn use_cache(&mut self, cache: &'a IncrementalCache, reads: &'a dyn SettledReads) {
        self.cache = Some((cache, reads));
    }

    pub(super) fn reader(&self) -> &Reader<'a> {
        &self.reader
    }

    /// What the planned targets will cost, in points that are read or taken from the cache.
    pub(super) fn cost(&self) -> usize {
        let prepared = self.prepared.lock();
        let kept: usize = prepared.values().map(|part| part.points_kept()).sum();
        self.reader.cost().saturating_add(kept)
    }

    /// How many functions were called so far.
    pub(super) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// What the cache was good for so far.
    pub(super) fn cache_use(&self) -> CacheUse {
        *self.cache_use.lock()
    }

    pub(super) fn timezone(&self) -> &TimeZone {
        &self.request.timezone
    }

    pub(super) fn state(&self) -> &RequestState {
        &self.state
    }

    /// Parses a target and fills its templates in; `None` for a blank one.
    pub(super) fn parse(&self, text: &str) -> Result<Option<Expression>, EvaluationError> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        Ok(Some(target::parse(text)?.expand(&self.request.variables)))
    }

    /// What the trees of the request's targets will read, less what is kept.
    pub(super) fn plan<'tree>(
        &self,
        expressions: impl IntoIterator<Item = &'tree Expression>,
        window: Window,
    ) -> Result<Vec<Read>, EvaluationError> {
        let parts = plan(expressions, window, &self.reader, &self.request.timezone);
        let Some((cache, store)) = self.cache else {
            return Ok(whole_reads(&parts));
        };
        let base = KeyBase::of(self.request);
        let mut lookups = Lookups::new(&self.reader, store);
        let mut reads = Vec::new();
        for part in &parts {
            self.reader.check()?;
            match cache.prepare(part, &base, &mut lookups)? {
                Some(prepared) => {
                    reads.extend(prepared.reads(part));
                    let known = (address(part.expression), part.window);
                    self.prepared.lock().insert(known, Arc::new(prepared));
                }
                None => reads.extend(incremental::whole_reads(part)),
            }
        }
        Ok(reads)
    }

    /// Has targets that are whole refreshed parts evaluated straight to the points that the request
    /// shows. Only where that is known of all: the points of one depend on the times of the others.
    pub(super) fn shorten<'tree>(
        &mut self,
        expressions: impl IntoIterator<Item = &'tree Expression>,
    ) {
        let points_max = self.request.max_data_points.filter(|points| *points > 1);
        let Some(points_max) = points_max.filter(|_| !self.request.drops_unfinished) else {
            return;
        };
        let of_target = |expression| {
            let prepared = self.prepared(expression, self.request.window, Cut::default())?;
            Some((prepared.grid(), prepared.buckets(points_max)?))
        };
        let mut known = expressions.into_iter().map(of_target);
        let first = known.next().flatten();
        if let Some((_, buckets)) = first
            && known.all(|other| other == first)
        {
            self.buckets = Some(buckets);
        }
    }

    /// The series of a tree that is a whole target, held by a frame.
    pub(super) fn series(
        &self,
        frame: &Frame<'_>,
        expression: &Expression,
        window: Window,
    ) -> Result<Vec<Series>, EvaluationError> {
        if let Some(series) = self.refresh_shortened(expression, window)? {
            frame.hold(&series)?;
            return Ok(series);
        }
        match self.evaluate(expression, window, Cut::default())? {
            Value::Series(series) => {
                frame.hold(&series)?;
                Ok(series)
            }
            other => {
                let value = other.describe();
                Err(EvaluationError::BadPattern(format!(
                    "a target must give series, not {value}"
                )))
            }
        }
    }

    /// The value of an expression over a window that `cut` was taken from.
    pub(super) fn evaluate(
        &self,
        expression: &Expression,
        window: Window,
        cut: Cut,
    ) -> Result<Value, EvaluationError> {
        match self.prepared(expression, window, cut) {
            Some(prepared) => {
                let series = self.evaluate_part(expression, window, &prepared)?;
                Ok(Value::Series(series))
            }
            None => self.evaluate_plainly(expression, window, cut),
        }
    }

    fn evaluate_plainly(
        &self,
        expression: &Expression,
        window: Window,
        cut: Cut,
    ) -> Result<Value, EvaluationError> {
        if let Some(leaf) = leaf(expression) {
            let read = Read {
                leaf,
                window: cut.undo(window),
                cut,
            };
            let factor = self.state.x_files_factor();
            return Ok(Value::Series(self.reader.take(&read, factor)?));
        }
        match expression {
            Expression::Call(call) => Ok(Value::Series(self.run(call, window, cut)?)),
            Expression::Template(_) => {
                self.evaluate(&expression.expand(&self.request.variables), window, cut)
            }
            other => Ok(literal(other).unwrap_or(Value::Null)),
        }
    }

    /// The steps that an expression would give, asked for in a frame.
    pub(super) fn steps(
        &self,
        frame: &Frame<'_>,
        expression: &Expression,
        window: Window,
        cut: Cut,
    ) -> Result<Vec<i64>, EvaluationError> {
        if let Some(leaf) = leaf(expression) {
            return self.reader.steps(&leaf, cut.undo(window));
        }
        if let Expression::Call(call) = expression {
            self.count_call()?;
            if let Some(steps) = steps_of_call(frame, call, window)? {
                return Ok(steps);
            }
        }
        match frame.evaluate(expression, window)? {
            Value::Series(series) => Ok(series.iter().map(|one| one.step).collect()),
            _ => Ok(Vec::new()),
        }
    }

    /// Evaluates targets that a function wrote, for the frame of its call. What such a target changes
    /// in the state stays in it, as the reference copies its context.
    pub(super) fn evaluate_targets(
        &self,
        frame: &Frame<'_>,
        targets: &[String],
        window: Window,
    ) -> Result<Vec<Vec<Series>>, EvaluationError> {
        let factor = self.state.x_files_factor();
        let result = self.run_targets(frame, targets, window);
        self.state.set_x_files_factor(factor);
        result
    }

    pub(super) fn events(&self, tags: &[String], from: i64, until: i64) -> Vec<i64> {
        let tags = if tags.is_empty() {
            TagMatch::Any
        } else {
            TagMatch::AllKnown(tags.to_vec())
        };
        self.events.times(from, until, &tags)
    }

    fn run(
        &self,
        call: &target::Call,
        window: Window,
        cut: Cut,
    ) -> Result<Vec<Series>, EvaluationError> {
        self.count_call()?;
        let frame = Frame::new(self, cut);
        let _entered = self.reader.cancellation().enter();
        let series = run_call(&frame, call, window)?;
        // A function that saw the cancellation has stopped half way.
        self.reader.check()?;
        Ok(series)
    }

    fn prepared(&self, expression: &Expression, window: Window, cut: Cut) -> Option<Arc<Prepared>> {
        if self.cache.is_none() || !cut.is_whole() {
            return None;
        }
        let prepared = self.prepared.lock();
        prepared.get(&(address(expression), window)).cloned()
    }

    /// Evaluates a part: what is not kept of it, or all of it, and keeps the result.
    fn evaluate_part(
        &self,
        expression: &Expression,
        window: Window,
        prepared: &Prepared,
    ) -> Result<Vec<Series>, EvaluationError> {
        let refreshed = self.refresh_part(expression, window, prepared)?;
        self.cache_use
            .lock()
            .count(refreshed.is_some(), prepared.points_kept());
        let series = match refreshed {
            Some(series) => series,
            None => self.part(expression, window, Cut::default())?,
        };
        if let Some((cache, _)) = self.cache {
            cache.keep(prepared, &series);
        }
        Ok(series)
    }

    fn refresh_part(
        &self,
        expression: &Expression,
        window: Window,
        prepared: &Prepared,
    ) -> Result<Option<Vec<Series>>, EvaluationError> {
        let (Some((cache, _)), Some(cuts)) = (self.cache, prepared.cuts()) else {
            return Ok(None);
        };
        let frame = Frame::new(self, Cut::default());
        let (head, tail) = self.ends(&frame, expression, window, cuts)?;
        frame.claim(prepared.bytes_refreshed())?;
        Ok(cache.refresh(prepared, &head, tail))
    }

    /// A refreshed target with as few points as the request shows.
    fn refresh_shortened(
        &self,
        expression: &Expression,
        window: Window,
    ) -> Result<Option<Vec<Series>>, EvaluationError> {
        let (Some(buckets), Some((cache, _))) = (self.buckets, self.cache) else {
            return Ok(None);
        };
        let Some(prepared) = self.prepared(expression, window, Cut::default()) else {
            return Ok(None);
        };
        let Some(cuts) = prepared.cuts() else {
            return Ok(None);
        };
        let frame = Frame::new(self, Cut::default());
        let (head, tail) = self.ends(&frame, expression, window, cuts)?;
        frame.claim(prepared.bytes_refreshed() / buckets.per_bucket)?;
        let series = cache.refresh_shortened(&prepared, &head, tail, buckets);
        if series.is_some() {
            let mut cache_use = self.cache_use.lock();
            cache_use.count(true, prepared.points_kept());
            cache_use.shortened += 1;
        }
        Ok(series)
    }

    /// What is computed of a refreshed part: its head, if it has one, and its tail.
    fn ends(
        &self,
        frame: &Frame<'_>,
        expression: &Expression,
        window: Window,
        (head, tail): (Option<Cut>, Cut),
    ) -> Result<(Vec<Series>, Vec<Series>), EvaluationError> {
        let head = head.map(|head| self.part(expression, window, head));
        let head = head.transpose()?.unwrap_or_default();
        frame.hold(&head)?;
        let tail = self.part(expression, window, tail)?;
        frame.hold(&tail)?;
        Ok((head, tail))
    }

    /// Computes what a cut leaves of a part.
    fn part(
        &self,
        expression: &Expression,
        window: Window,
        cut: Cut,
    ) -> Result<Vec<Series>, EvaluationError> {
        match self.evaluate_plainly(expression, cut.apply(window), cut)? {
            Value::Series(series) => Ok(series),
            _ => Ok(Vec::new()),
        }
    }

    fn count_call(&self) -> Result<(), EvaluationError> {
        self.reader.check()?;
        let calls_max = self.request.limits.calls_max;
        if self.calls.fetch_add(1, Ordering::Relaxed) >= calls_max {
            let message = format!("the query calls functions more than {calls_max} times");
            return Err(EvaluationError::Limit(message));
        }
        Ok(())
    }

    fn run_targets(
        &self,
        frame: &Frame<'_>,
        targets: &[String],
        window: Window,
    ) -> Result<Vec<Vec<Series>>, EvaluationError> {
        let parsed = targets.iter().map(|text| self.parse(text));
        let parsed = parsed.collect::<Result<Vec<_>, _>>()?;
        let timezone = &self.request.timezone;
        // These trees are gone when the function returns: nothing may know them by their address.
        let parts = plan(parsed.iter().flatten(), window, &self.reader, timezone);
        self.reader.read(&whole_reads(&parts))?;
        let run = |target: &Option<Expression>| match target {
            Some(expression) => self.series(frame, expression, window),
            None => Ok(Vec::new()),
        };
        parsed.iter().map(run).collect()
    }
}

fn whole_reads(parts: &[Part<'_>]) -> Vec<Read> {
    parts.iter().flat_map(incremental::whole_reads).collect()
}

fn address(expression: &Expression) -> usize {
    std::ptr::from_ref(expression).addr()
}
