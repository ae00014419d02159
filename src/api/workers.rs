//! The threads that evaluate: as many as there are cores, with a short line in front of them.
//!
//! Evaluation computes; on the network's own threads it would keep every other connection waiting.
//! A full line is answered at once, so that a flood of heavy queries costs little more than the
//! allowed ones. Writers have threads of their own and are not part of this.
//!
//! A job whose client has left is not started; one that runs asks its [`Cancellation`] now and then.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use super::error::ApiError;
use crate::evaluate::Cancellation;
use crate::telemetry::{Kind, Sample, Source};

/// Cancels when the waiting future is dropped; harmless when the job is done by then.
struct CancelOnDrop(Cancellation);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Work in line.
pub(super) trait Job: Send {
    /// False once its client has left.
    fn is_wanted(&self) -> bool;
    /// Does it.
    fn run(self: Box<Self>);
}

struct Task<T, F> {
    work: F,
    sender: oneshot::Sender<T>,
}

impl<T: Send, F: FnOnce() -> T + Send> Job for Task<T, F> {
    fn is_wanted(&self) -> bool {
        !self.sender.is_closed()
    }

    fn run(self: Box<Self>) {
        if self.is_wanted() {
            // The client may leave while this runs; then nobody wants the result.
            let _ = self.sender.send((self.work)());
        }
    }
}

/// The pool.
pub(super) struct Workers {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

struct Shared {
    line: Mutex<Line>,
    arrived: Condvar,
    waiting_max: usize,
    running: AtomicUsize,
}

#[derive(Default)]
struct Line {
    jobs: VecDeque<Box<dyn Job>>,
    closed: bool,
}

impl Workers {
    /// Starts `threads` threads, called `name-0` and so on, with a line of at most `waiting_max` jobs.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub(super) fn start(name: &str, threads: usize, waiting_max: usize) -> std::io::Result<Self> {
        Self::start_with(name, threads, waiting_max, || ())
    }

    /// The same with threads that each do something first.
    ///
    /// # Errors
    /// As [`Workers::start`].
    pub(super) fn start_with(
        name: &str,
        threads: usize,
        waiting_max: usize,
        first: fn(),
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            line: Mutex::default(),
            arrived: Condvar::new(),
            waiting_max,
            running: AtomicUsize::new(0),
        });
        let pool = Self {
            shared,
            threads: Mutex::default(),
        };
        for number in 0..threads.max(1) {
            let shared = Arc::clone(&pool.shared);
            let thread = std::thread::Builder::new()
                .name(format!("{name}-{number}"))
                .spawn(move || {
                    first();
                    shared.work();
                })?;
            pool.threads.lock().push(thread);
        }
        Ok(pool)
    }

    /// Runs a job and waits for its result. A job whose future is dropped is not started.
    ///
    /// # Errors
    /// [`ApiError::busy`] when the line is full or the pool is closing; an internal error when the
    /// job panicked.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        self.run_cancelling(Cancellation::never(), job).await
    }

    /// The same for a job that asks `cancellation` while it runs: dropping the future cancels it.
    ///
    /// # Errors
    /// As [`Workers::run`].
    pub(super) async fn run_cancelling<T: Send + 'static>(
        &self,
        cancellation: Cancellation,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let _guard = CancelOnDrop(cancellation);
        let (sender, receiver) = oneshot::channel();
        self.shared.enqueue(Box::new(Task { work: job, sender }))?;
        receiver
            .await
            .map_err(|_| ApiError::internal("the evaluation failed; the log says more"))
    }

    /// Puts a job in line; who waits for it is for the job to know.
    ///
    /// # Errors
    /// [`ApiError::busy`] when the line is full or the pool is closing.
    pub(super) fn enqueue(&self, job: Box<dyn Job>) -> Result<(), ApiError> {
        self.shared.enqueue(job)
    }

    /// How busy it is, for `/metrics`.
    pub(super) fn load(&self, pool: &'static str) -> Load {
        Load {
            pool,
            shared: Arc::clone(&self.shared),
        }
    }
}

/// Tells how busy a pool is.
pub(super) struct Load {
    pool: &'static str,
    shared: Arc<Shared>,
}

impl Load {
    pub(super) fn running(&self) -> usize {
        self.shared.running.load(Ordering::Relaxed)
    }

    /// Jobs in line whose clients still wait.
    pub(super) fn waiting(&self) -> usize {
        let line = self.shared.line.lock();
        line.jobs.iter().filter(|job| job.is_wanted()).count()
    }
}

impl Source for Load {
    fn collect(&self, samples: &mut Vec<Sample>) {
        let numbers = [
            (
                "plumbago_query_threads_busy",
                "Query threads at work.",
                self.running(),
            ),
            (
                "plumbago_queries_waiting",
                "Queries that wait for a thread.",
                self.waiting(),
            ),
        ];
        for (name, help, value) in numbers {
            samples.push(Sample {
                name,
                help,
                kind: Kind::Gauge,
                labels: vec![("pool", self.pool.to_owned())],
                value: value as f64,
            });
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.shared.line.lock().closed = true;
        self.shared.arrived.notify_all();
        for thread in self.threads.lock().drain(..) {
            // A thread that panicked has said so in the log; there is nothing to add.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn enqueue(&self, job: Box<dyn Job>) -> Result<(), ApiError> {
        let mut line = self.line.lock();
        if line.closed {
            return Err(ApiError::busy("the daemon is shutting down"));
        }
        if line.jobs.len() >= self.waiting_max {
            // Those whose clients have left must not keep others out.
            line.jobs.retain(|job| job.is_wanted());
        }
        if line.jobs.len() >= self.waiting_max {
            let waiting = line.jobs.len();
            let message = format!("{waiting} queries are waiting already; try again soon");
            return Err(ApiError::busy(message));
        }
        line.jobs.push_back(job);
        self.arrived.notify_one();
        Ok(())
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            self.running.fetch_add(1, Ordering::Relaxed);
            // A panic in one query must not take a thread from all later ones.
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| job.run()));
            self.running.fetch_sub(1, Ordering::Relaxed);
            if outcome.is_err() {
                tracing::error!("an evaluation panicked");
            }
        }
    }

    fn next(&self) -> Option<Box<dyn Job>> {
        let mut line = self.line.lock();
        loop {
            if let Some(job) = line.jobs.pop_front() {
                return Some(job);
            }
            if line.closed {
                return None;
            }
            self.arrived.wait(&mut line);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn job_runs_on_a_named_thread() {
        let workers = Workers::start("render", 2, 4).unwrap();
        let name = workers
            .run(|| std::thread::current().name().map(str::to_owned))
            .await
            .unwrap();
        assert!(name.unwrap().starts_with("render-"));
    }

    #[tokio::test]
    async fn full_line_is_refused_and_left_jobs_are_not_started() {
        let workers = Workers::start("render", 1, 1).unwrap();
        let (release, held) = mpsc::channel::<()>();
        let (started, running) = mpsc::channel::<()>();
        let mut first = Box::pin(workers.run(move || {
            started.send(()).unwrap();
            held.recv().unwrap();
        }));
        assert!(futures_poll(&mut first).is_none());
        running.recv().unwrap();

        let mut second = Box::pin(workers.run(|| panic!("its client has left")));
        assert!(futures_poll(&mut second).is_none());
        let refused = workers.run(|| ()).await.unwrap_err();
        assert_eq!(
            refused.status(),
            axum::http::StatusCode::SERVICE_UNAVAILABLE
        );
        let load = workers.load("test");
        assert_eq!((load.running(), load.waiting()), (1, 1));

        drop(second);
        assert_eq!(load.waiting(), 0);
        let mut third = Box::pin(workers.run(|| 3));
        assert!(
            futures_poll(&mut third).is_none(),
            "a place that was left is free"
        );
        release.send(()).unwrap();
        first.await.unwrap();
        assert_eq!(third.await, Ok(3));
        assert_eq!(workers.run(|| 7).await, Ok(7));
    }

    #[tokio::test]
    async fn running_job_learns_that_its_client_left() {
        let workers = Workers::start("render", 1, 1).unwrap();
        let (started, running) = mpsc::channel();
        let (done, seen) = mpsc::channel();
        let cancellation = Cancellation::never();
        let question = cancellation.clone();
        let mut future = Box::pin(workers.run_cancelling(cancellation, move || {
            started.send(()).unwrap();
            while question.check().is_ok() {
                std::thread::yield_now();
            }
            done.send(()).unwrap();
        }));
        assert!(futures_poll(&mut future).is_none());
        running.recv().unwrap();
        drop(future);
        seen.recv().unwrap();
    }

    #[tokio::test]
    async fn panic_costs_one_answer_and_no_thread() {
        let workers = Workers::start("render", 1, 1).unwrap();
        let failed = workers.run(|| panic!("on purpose")).await;
        assert_eq!(
            failed.unwrap_err().status(),
            axum::http::StatusCode::INTERNAL_SERVER_ERROR
        );
        assert_eq!(workers.run(|| 1).await, Ok(1));
    }

    /// Polls once without waiting.
    fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match std::pin::Pin::new(future).poll(&mut context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        }
    }
}
