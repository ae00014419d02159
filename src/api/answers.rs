//! Answers shared by requests: those that ask the same at once, and those that may get an old one.
//!
//! A *flight* is an evaluation under way. A request joins one that asks the same (the same targets
//! over the same seconds) while that waits in line or has just begun: not later, because what was
//! stored since must be in its answer. The work stops when the last that waits for it has left.
//!
//! An answer is *kept* when the request, or the config, says for how long it may be given again. What
//! counts then is what was asked, not when: `from=-1h` is the same question a few seconds later.
//!
//! Kept and shared are series, not bytes: formats are made for each client while it reads.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::watch;

use super::error::ApiError;
use super::workers::{Job, Workers};
use crate::cache::{Cache, CacheNumbers};
use crate::evaluate::{
    Cancellation, Engine, ErrorKind, GIVEN_BACK_FROM_BYTES, RenderError, RenderRequest, Rendered,
    give_memory_back,
};
use crate::functions::Window;
use crate::functions::series::bytes_held;
use crate::telemetry::{Kind, Sample, Source};

/// How long after its beginning an evaluation can be joined. A point that was stored before a request
/// came is in its answer unless it is younger than this.
const JOINED_WITHIN: Duration = Duration::from_millis(20);

/// What an evaluation gave.
pub(super) type Outcome = Result<Arc<Answer>, Arc<RenderError>>;

/// Series that may go to several clients.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) rendered: Rendered,
    pub(super) window: Window,
    made: Instant,
}

/// Everything that decides the series of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct QuestionKey {
    /// Targets, zone, factor, template and points, as one text.
    request: String,
    times: Times,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Times {
    /// Of what is asked now.
    Seconds(Window),
    /// As they were typed: from, until, now.
    Typed([Option<String>; 3]),
}

/// Flights and kept answers.
pub(super) struct Answers {
    kept: Cache<QuestionKey, Answer>,
    flights: Mutex<HashMap<QuestionKey, Arc<Flight>>>,
    joined: AtomicU64,
}

/// An evaluation that somebody waits for.
struct Flight {
    cancellation: Cancellation,
    outcome: watch::Receiver<Option<Outcome>>,
    progress: Mutex<Progress>,
}

struct Progress {
    waiters: usize,
    begun: Option<Instant>,
}

/// A request that waits for a flight; when the last one is dropped, the work stops.
struct Waiter<'a> {
    answers: &'a Answers,
    key: &'a QuestionKey,
    flight: Arc<Flight>,
}

/// A flight in line for a thread.
struct FlightJob<F> {
    flight: Arc<Flight>,
    sender: watch::Sender<Option<Outcome>>,
    window: Window,
    work: F,
}

impl QuestionKey {
    /// The question over exactly its window.
    pub(super) fn of(request: &RenderRequest) -> Self {
        let zone = match request.timezone.iana_name() {
            Some(name) => name.to_owned(),
            None => format!("{:?}", request.timezone),
        };
        let text = format!(
            "{:?} {zone} {:x} {:?} {:?} {} {} {}",
            request.targets,
            request.x_files_factor.to_bits(),
            request.variables,
            request.max_data_points,
            request.uses_cache,
            request.drops_unfinished,
            request.consolidates_as_stored
        );
        Self {
            request: text,
            times: Times::Seconds(request.window),
        }
    }

    /// The same question whenever it is asked with these words.
    pub(super) fn typed(&self, times: &[Option<String>; 3]) -> Self {
        Self {
            request: self.request.clone(),
            times: Times::Typed(times.clone()),
        }
    }
}

impl Answers {
    /// No answers yet, and at most so many bytes of kept ones.
    pub(super) fn new(kept_bytes_max: usize) -> Self {
        Self {
            kept: Cache::new(kept_bytes_max),
            flights: Mutex::default(),
            joined: AtomicU64::new(0),
        }
    }

    /// A kept answer that is not older than `age_max`.
    pub(super) fn find(&self, key: &QuestionKey, age_max: Duration) -> Option<Arc<Answer>> {
        let found = self.kept.get(key);
        let found = found.filter(|answer| answer.made.elapsed() < age_max);
        self.kept.count(found.is_some());
        found
    }

    /// Keeps an answer.
    pub(super) fn keep(&self, key: QuestionKey, answer: &Arc<Answer>) {
        let bytes = bytes_held(&answer.rendered.series);
        self.kept.insert(key, Arc::clone(answer), bytes);
    }

    /// True when answers may be kept at all.
    pub(super) fn keeps(&self) -> bool {
        self.kept.is_enabled()
    }

    /// The answer of `work`, run on the threads of `workers`; or of the same question's that somebody
    /// else just asked.
    ///
    /// # Errors
    /// When the line is full or the pool is closing; when the evaluation panicked.
    pub(super) async fn compute(
        &self,
        key: &QuestionKey,
        request: RenderRequest,
        workers: &Workers,
        work: impl FnOnce(&RenderRequest) -> Result<Rendered, RenderError> + Send + 'static,
    ) -> Result<Outcome, ApiError> {
        let waiter = self.board(key, request, workers, work)?;
        let mut outcome = waiter.flight.outcome.clone();
        let ready = outcome.wait_for(Option::is_some).await;
        match ready.as_deref() {
            Ok(Some(outcome)) => Ok(outcome.clone()),
            _ => Err(ApiError::internal(
                "the evaluation failed; the log says more",
            )),
        }
    }

    /// Renders that took the answer of another so far.
    pub(super) fn joined(&self) -> u64 {
        self.joined.load(Ordering::Relaxed)
    }

    /// Joins a flight, or starts one.
    fn board<'a>(
        &'a self,
        key: &'a QuestionKey,
        request: RenderRequest,
        workers: &Workers,
        work: impl FnOnce(&RenderRequest) -> Result<Rendered, RenderError> + Send + 'static,
    ) -> Result<Waiter<'a>, ApiError> {
        let mut flights = self.flights.lock();
        if let Some(flight) = flights.get(key).filter(|flight| flight.join()) {
            self.joined.fetch_add(1, Ordering::Relaxed);
            return Ok(self.waiter(key, Arc::clone(flight)));
        }
        let (sender, outcome) = watch::channel(None);
        let flight = Arc::new(Flight {
            cancellation: request.cancellation.clone(),
            outcome,
            progress: Mutex::new(Progress {
                waiters: 1,
                begun: None,
            }),
        });
        workers.enqueue(Box::new(FlightJob {
            flight: Arc::clone(&flight),
            sender,
            window: request.window,
            work: move || work(&request),
        }))?;
        flights.insert(key.clone(), Arc::clone(&flight));
        Ok(self.waiter(key, flight))
    }

    fn waiter<'a>(&'a self, key: &'a QuestionKey, flight: Arc<Flight>) -> Waiter<'a> {
        Waiter {
            answers: self,
            key,
            flight,
        }
    }
}

impl Flight {
    /// One more waits for it, unless it is too late for that.
    fn join(&self) -> bool {
        let mut progress = self.progress.lock();
        let is_early = progress
            .begun
            .is_none_or(|begun| begun.elapsed() < JOINED_WITHIN);
        let joins = is_early && progress.waiters > 0;
        progress.waiters += usize::from(joins);
        joins
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        // The map first, as in `board`: nobody joins a flight that is about to be cancelled.
        let mut flights = self.answers.flights.lock();
        let mut progress = self.flight.progress.lock();
        progress.waiters -= 1;
        if progress.waiters == 0 {
            self.flight.cancellation.cancel();
            let known = flights.get(self.key);
            if known.is_some_and(|known| Arc::ptr_eq(known, &self.flight)) {
                flights.remove(self.key);
            }
        }
    }
}

impl<F: FnOnce() -> Result<Rendered, RenderError> + Send> Job for FlightJob<F> {
    fn is_wanted(&self) -> bool {
        self.flight.progress.lock().waiters > 0
    }

    fn run(self: Box<Self>) {
        if !self.is_wanted() {
            return;
        }
        let made = Instant::now();
        self.flight.progress.lock().begun = Some(made);
        let window = self.window;
        let outcome = (self.work)();
        let was_large = match &outcome {
            Ok(rendered) => rendered.statistics.memory_peak >= GIVEN_BACK_FROM_BYTES,
            Err(error) => matches!(error.kind(), ErrorKind::TooLarge | ErrorKind::Cancelled),
        };
        let outcome = outcome.map_err(Arc::new).map(|rendered| {
            Arc::new(Answer {
                rendered,
                window,
                made,
            })
        });
        // Everybody may have left meanwhile.
        let _ = self.sender.send(Some(outcome));
        if was_large {
            give_memory_back();
        }
    }
}

impl Answer {
    /// The series and what they took; copies names where somebody else has the answer as well.
    pub(super) fn rendered(this: Arc<Self>) -> Rendered {
        match Arc::try_unwrap(this) {
            Ok(answer) => answer.rendered,
            Err(shared) => shared.rendered.clone(),
        }
    }

    /// How long ago its evaluation began.
    pub(super) fn age(&self) -> Duration {
        self.made.elapsed()
    }
}

impl Source for Answers {
    fn collect(&self, samples: &mut Vec<Sample>) {
        samples.extend(cache_samples("response", self.kept.numbers()));
        samples.push(Sample {
            name: "plumbago_renders_joined_total",
            help: "Renders that took the answer of another that asked the same at the same time.",
            kind: Kind::Counter,
            labels: Vec::new(),
            value: self.joined() as f64,
        });
    }
}

/// Tells of an engine's incremental cache.
pub(super) struct IncrementalNumbers(pub(super) Engine);

impl Source for IncrementalNumbers {
    fn collect(&self, samples: &mut Vec<Sample>) {
        samples.extend(cache_samples("incremental", self.0.cache_numbers()));
    }
}

/// The numbers of a cache as samples.
fn cache_samples(cache: &'static str, numbers: CacheNumbers) -> impl Iterator<Item = Sample> {
    const NUMBERS: [(&str, &str, Kind); 5] = [
        (
            "plumbago_cache_hits_total",
            "Look-ups that found something of use.",
            Kind::Counter,
        ),
        (
            "plumbago_cache_misses_total",
            "Look-ups that found nothing of use.",
            Kind::Counter,
        ),
        (
            "plumbago_cache_evictions_total",
            "Values that made room for others.",
            Kind::Counter,
        ),
        ("plumbago_cache_entries", "Values in a cache.", Kind::Gauge),
        ("plumbago_cache_bytes", "Bytes in a cache.", Kind::Gauge),
    ];
    let values = [
        numbers.hits as f64,
        numbers.misses as f64,
        numbers.evictions as f64,
        numbers.entries as f64,
        numbers.bytes as f64,
    ];
    let both = NUMBERS.into_iter().zip(values);
    both.map(move |((name, help, kind), value)| Sample {
        name,
        help,
        kind,
        labels: vec![("cache", cache.to_owned())],
        value,
    })
}
