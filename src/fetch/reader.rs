//! The reads of one request: planned, batched, handed out, counted.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use rayon::prelude::*;
use smol_str::SmolStr;

use super::leaf::range;
use super::memory::{Memory, bytes_of};
use super::{Found, Leaf, Read, ReadLimits, Source};
use crate::functions::drawing::DrawingOptions;
use crate::functions::parallel::VALUES_MIN;
use crate::functions::series::tags_of;
use crate::functions::{Aggregation, Cancellation, EvaluationError, Series, Window};
use crate::metric::SeriesId;
use crate::metric::tags::Tags;
use crate::storage::Selection;

/// The reads of one request.
pub struct Reader<'a> {
    source: &'a Source,
    limits: ReadLimits,
    cancellation: Cancellation,
    /// Whether points become fewer as the store rolls them up, where no call says otherwise.
    consolidates_as_stored: bool,
    memory: Memory,
    resolved: Mutex<HashMap<Leaf, Arc<[Found]>>>,
    held: Mutex<HashMap<Read, Held>>,
    used: Mutex<Used>,
}

/// What was read and is still expected to be asked for.
struct Held {
    series: Vec<Stored>,
    uses_left: usize,
    /// What of the query's memory they take.
    bytes: usize,
}

/// One series as the store gave it.
#[derive(Clone)]
struct Stored {
    name: SmolStr,
    /// Of the name: shared by all that take the series.
    tags: Tags,
    start: i64,
    step: i64,
    values: Arc<Vec<f64>>,
    consolidation: Aggregation,
}

#[derive(Default)]
struct Used {
    series: usize,
    points: usize,
    reports: Vec<ReadReport>,
}

/// What reading a series costs beside its points, in points.
const SERIES_COST: usize = 256;

/// What reading so many series with so many points in all costs, in points.
fn cost(series: usize, points: usize) -> usize {
    points.saturating_add(series.saturating_mul(SERIES_COST))
}

/// What one leaf over one window cost, for statistics and `explain`.
#[derive(Clone, Debug)]
pub struct ReadReport {
    /// The path or the `seriesByTag` call.
    pub path_expression: String,
    /// The window; what an incremental cache had of it was not read.
    pub window: Window,
    /// Series that answered.
    pub series: usize,
    /// Their points.
    pub points: usize,
    /// Steps and archives (0 = finest) that answered, each pair once.
    pub archives: Vec<(i64, usize)>,
}

/// A series to be read: the position of its read in the batch, and how many slots it has.
struct Task {
    read: usize,
    found: Found,
    slots: Slots,
}

/// Which slots.
#[derive(Clone, Copy)]
enum Slots {
    /// Those that the store chooses for a window.
    Of(Window),
    /// A part of those that it would choose.
    These(Selection),
}

/// What a task gave.
struct Answer {
    read: usize,
    archive: usize,
    stored: Stored,
}

impl<'a> Reader<'a> {
    /// A reader for one request.
    pub fn new(source: &'a Source, limits: ReadLimits, cancellation: Cancellation) -> Self {
        Self {
            source,
            limits,
            cancellation,
            consolidates_as_stored: false,
            memory: Memory::new(limits.bytes_max),
            resolved: Mutex::default(),
            held: Mutex::default(),
            used: Mutex::default(),
        }
    }

    /// Gives series that are consolidated as the store rolls them up, unless a call says otherwise.
    #[must_use]
    pub fn consolidating_as_stored(mut self, consolidates_as_stored: bool) -> Self {
        self.consolidates_as_stored = consolidates_as_stored;
        self
    }

    /// Whether the query may go on.
    ///
    /// # Errors
    /// [`EvaluationError::Cancelled`].
    pub fn check(&self) -> Result<(), EvaluationError> {
        self.cancellation.check()
    }

    /// What stops the query.
    pub fn cancellation(&self) -> &Cancellation {
        &self.cancellation
    }

    /// What the query holds.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The series of a leaf; looked up once a request.
    ///
    /// # Errors
    /// As [`Source::resolve`].
    pub fn resolve(&self, leaf: &Leaf) -> Result<Arc<[Found]>, EvaluationError> {
        if let Some(known) = self.resolved.lock().get(leaf) {
            return Ok(Arc::clone(known));
        }
        let found: Arc<[Found]> = self.source.resolve(leaf, self.limits.series_max)?.into();
        self.resolved
            .lock()
            .insert(leaf.clone(), Arc::clone(&found));
        Ok(found)
    }

    /// The slots that a window of a series has.
    pub fn select(&self, found: &Found, window: Window) -> Option<Selection> {
        self.source.select(found, window)
    }

    /// The steps of the series that a leaf gives over a window, without reading them.
    ///
    /// # Errors
    /// As [`Source::resolve`].
    pub fn steps(&self, leaf: &Leaf, window: Window) -> Result<Vec<i64>, EvaluationError> {
        let found = self.resolve(leaf)?;
        let selections = found
            .iter()
            .filter_map(|found| self.source.select(found, window));
        Ok(selections
            .map(|selection| i64::from(selection.step))
            .collect())
    }

    /// Reads all of these in one batch and keeps each until it was taken as often as it occurs.
    ///
    /// # Errors
    /// When a leaf cannot be resolved, a limit would be passed, the store fails or the query is
    /// cancelled.
    pub fn read(&self, reads: &[Read]) -> Result<(), EvaluationError> {
        let mut uses: HashMap<&Read, usize> = HashMap::new();
        for read in reads {
            *uses.entry(read).or_default() += 1;
        }
        self.expect_again(&mut uses);
        let wanted: Vec<(&Read, usize)> = uses.into_iter().collect();
        let (tasks, points) = self.tasks(&wanted)?;
        let answers = self.run(tasks, points)?;
        self.keep(&wanted, answers);
        Ok(())
    }

    /// The series of a leaf over a window, sorted by name, with `x_files_factor`. What was not planned
    /// is read now. They are no longer counted as held: that is for who takes them to do.
    ///
    /// # Errors
    /// As [`Reader::read`].
    pub fn take(&self, read: &Read, x_files_factor: f64) -> Result<Vec<Series>, EvaluationError> {
        let stored = match self.take_held(read) {
            Some(stored) => stored,
            None => {
                self.read(std::slice::from_ref(read))?;
                self.take_held(read).unwrap_or_default()
            }
        };
        let path_expression = SmolStr::from(read.leaf.path_expression());
        let series = stored
            .into_iter()
            .map(|stored| stored.into_series(path_expression.clone(), x_files_factor));
        Ok(series.collect())
    }

    /// What was read so far, in points: a measure of what evaluating it will cost.
    pub fn cost(&self) -> usize {
        let used = self.used.lock();
        cost(used.series, used.points)
    }

    /// What was read so far, in the order it was read.
    pub fn reports(&self) -> Vec<ReadReport> {
        self.used.lock().reports.clone()
    }

    /// Takes out what is held already, which will be asked for more often than it was to be.
    fn expect_again(&self, uses: &mut HashMap<&Read, usize>) {
        let mut held = self.held.lock();
        uses.retain(|read, uses| match held.get_mut(*read) {
            Some(known) => {
                known.uses_left += *uses;
                false
            }
            None => true,
        });
    }

    fn take_held(&self, read: &Read) -> Option<Vec<Stored>> {
        let mut held = self.held.lock();
        let known = held.get_mut(read)?;
        known.uses_left -= 1;
        if known.uses_left == 0 {
            self.memory.give_back(known.bytes);
            return held.remove(read).map(|last| last.series);
        }
        Some(known.series.clone())
    }

    /// Resolves all leaves and counts what reading them takes.
    fn tasks(&self, wanted: &[(&Read, usize)]) -> Result<(Vec<Task>, usize), EvaluationError> {
        let (mut tasks, mut points_in_all) = (Vec::new(), 0_usize);
        for (number, (read, _)) in wanted.iter().enumerate() {
            let (first, mut points) = (tasks.len(), 0_usize);
            for found in self.resolve(&read.leaf)?.iter() {
                let Some(selection) = self.source.select(found, read.window) else {
                    continue;
                };
                let (slots, count) = if read.cut.is_whole() {
                    (Slots::Of(read.window), selection.slots())
                } else {
                    let part = read.cut.select(selection);
                    (Slots::These(part), part.slots())
                };
                points = points.saturating_add(count);
                tasks.push(Task {
                    read: number,
                    found: found.clone(),
                    slots,
                });
            }
            // Read by read: the windows of nested `timeStack`s over many series would fill the memory
            // with tasks alone.
            let series = tasks.len() - first;
            self.reserve(series, points)?;
            self.memory.take(bytes_of(series, points))?;
            points_in_all = points_in_all.saturating_add(points);
        }
        Ok((tasks, points_in_all))
    }

    /// Counts series and points against the limits.
    ///
    /// # Errors
    /// When there is no room for so many.
    pub fn reserve(&self, series: usize, points: usize) -> Result<(), EvaluationError> {
        let mut used = self.used.lock();
        let series = used.series.saturating_add(series);
        let points = used.points.saturating_add(points);
        let limits = self.limits;
        if series > limits.series_max {
            let message = format!(
                "the query takes {series} series; at most {} are allowed",
                limits.series_max
            );
            return Err(EvaluationError::Limit(message));
        }
        if points > limits.points_max {
            let message = format!(
                "the query takes {points} points; at most {} are allowed",
                limits.points_max
            );
            return Err(EvaluationError::Limit(message));
        }
        used.series = series;
        used.points = points;
        Ok(())
    }

    fn run(&self, tasks: Vec<Task>, points: usize) -> Result<Vec<Answer>, EvaluationError> {
        let answers = if cost(tasks.len(), points) < VALUES_MIN {
            tasks
                .into_iter()
                .map(|task| self.run_task(task))
                .collect::<Result<Vec<_>, _>>()?
        } else {
            let parallel = tasks.into_par_iter().with_min_len(4);
            parallel
                .map(|task| self.run_task(task))
                .collect::<Result<Vec<_>, _>>()?
        };
        Ok(answers.into_iter().flatten().collect())
    }

    fn run_task(&self, task: Task) -> Result<Option<Answer>, EvaluationError> {
        self.cancellation.check()?;
        let fetched = match task.slots {
            Slots::Of(window) => self.source.store.fetch(task.found.id, range(window)),
            Slots::These(selection) => self.source.fetch_exactly(&task.found, selection),
        };
        let fetched = fetched.map_err(|error| EvaluationError::Store(error.to_string()))?;
        let name = SmolStr::from(task.found.name);
        Ok(fetched.map(|fetched| Answer {
            read: task.read,
            archive: fetched.archive,
            stored: Stored {
                consolidation: self.consolidation(task.found.id, fetched.archive),
                tags: tags_of(&name),
                name,
                start: fetched.start,
                step: i64::from(fetched.step),
                values: Arc::new(fetched.values),
            },
        }))
    }

    /// How the points of a series become fewer unless a call says so.
    fn consolidation(&self, series: SeriesId, archive: usize) -> Aggregation {
        if !self.consolidates_as_stored {
            return Aggregation::default();
        }
        let definition = self.source.store.definition(series);
        definition.map_or(Aggregation::default(), |(_, rollup)| {
            Aggregation::of_rollup(rollup.method, archive)
        })
    }

    fn keep(&self, wanted: &[(&Read, usize)], answers: Vec<Answer>) {
        let mut reports: Vec<ReadReport> = wanted
            .iter()
            .map(|(read, _)| ReadReport::of(read))
            .collect();
        let mut series: Vec<Vec<Stored>> = wanted.iter().map(|_| Vec::new()).collect();
        for answer in answers {
            reports[answer.read].count(&answer);
            series[answer.read].push(answer.stored);
        }
        let mut held = self.held.lock();
        for ((read, uses), series) in wanted.iter().zip(series) {
            let points = series.iter().map(|one| one.values.len()).sum();
            let entry = Held {
                bytes: bytes_of(series.len(), points),
                series,
                uses_left: *uses,
            };
            held.insert((*read).clone(), entry);
        }
        let mut used = self.used.lock();
        for (report, (read, _)) in reports.into_iter().zip(wanted) {
            if read.cut.is_whole() {
                used.reports.push(report);
            } else {
                used.report_part(report);
            }
        }
    }
}

impl Stored {
    fn into_series(self, path_expression: SmolStr, x_files_factor: f64) -> Series {
        Series {
            name: self.name,
            path_expression,
            tags: self.tags,
            start: self.start,
            end: self.start + self.step * self.values.len() as i64,
            step: self.step.max(1),
            values: self.values,
            consolidation: self.consolidation,
            x_files_factor,
            options: DrawingOptions::default(),
            kept: None,
        }
    }
}

impl Used {
    /// Adds the report of a part of a window to that of its other part.
    fn report_part(&mut self, report: ReadReport) {
        let same = |known: &&mut ReadReport| {
            known.window == report.window && known.path_expression == report.path_expression
        };
        // Both parts are read in one batch, mostly one after the other.
        match self.reports.iter_mut().rev().find(same) {
            Some(known) => {
                known.points += report.points;
                known.series = known.series.max(report.series);
            }
            None => self.reports.push(report),
        }
    }
}

impl ReadReport {
    fn of(read: &Read) -> Self {
        Self {
            path_expression: read.leaf.path_expression().to_owned(),
            window: read.window,
            series: 0,
            points: 0,
            archives: Vec::new(),
        }
    }

    fn count(&mut self, answer: &Answer) {
        self.series += 1;
        self.points += answer.stored.values.len();
        let archive = (answer.stored.step, answer.archive);
        if !self.archives.contains(&archive) {
            self.archives.push(archive);
        }
    }
}
