//! Stopping in order: each phase has a deadline, and whoever misses it is named.
//!
//! A phase that is late does not hold up the next one: what is behind it is more useful done than
//! not. The process then ends with a failure, so that a supervisor sees it.

use std::time::{Duration, Instant};

/// How often a thread is asked whether it has ended.
const POLL: Duration = Duration::from_millis(2);

/// Those who missed a deadline.
type Late = Vec<String>;

/// A shutdown under way.
#[derive(Debug)]
pub(super) struct Shutdown {
    deadline: Duration,
    late: Late,
}

impl Shutdown {
    /// Gives each phase this long.
    pub(super) fn new(deadline: Duration) -> Self {
        let late = Vec::new();
        Self { deadline, late }
    }

    /// Waits for work that keeps the deadline itself and says who missed it.
    pub(super) async fn phase(
        &mut self,
        phase: &str,
        work: impl Future<Output = Result<(), Late>>,
    ) {
        let started = Instant::now();
        if let Err(late) = work.await {
            for who in late {
                self.is_late(phase, &who);
            }
        }
        done(phase, started);
    }

    /// The same for work that blocks its thread.
    pub(super) async fn blocking(
        &mut self,
        phase: &str,
        work: impl FnOnce() -> Result<(), Late> + Send + 'static,
    ) {
        let work = async {
            let result = tokio::task::spawn_blocking(work).await;
            result.unwrap_or_else(|error| Err(vec![error.to_string()]))
        };
        self.phase(phase, work).await;
    }

    /// Waits for a task that was told to end.
    pub(super) async fn task<T, E: std::fmt::Display>(
        &mut self,
        phase: &str,
        task: impl Future<Output = Result<T, E>>,
    ) {
        let started = Instant::now();
        match tokio::time::timeout(self.deadline, task).await {
            Ok(Ok(_)) => done(phase, started),
            Ok(Err(error)) => self.is_late(phase, &error.to_string()),
            Err(_) => self.is_late(phase, phase),
        }
    }

    /// Waits for a thread that was told to end.
    pub(super) async fn thread(&mut self, phase: &str, thread: std::thread::JoinHandle<()>) {
        let started = Instant::now();
        while !thread.is_finished() {
            if started.elapsed() >= self.deadline {
                let who = thread.thread().name().unwrap_or(phase).to_owned();
                return self.is_late(phase, &who);
            }
            tokio::time::sleep(POLL).await;
        }
        match thread.join() {
            Ok(()) => done(phase, started),
            Err(_) => self.is_late(phase, &format!("{phase} (panicked)")),
        }
    }

    fn is_late(&mut self, phase: &str, who: &str) {
        let deadline_ms = self.deadline.as_millis() as u64;
        tracing::error!(
            phase,
            who,
            deadline_ms,
            "late at shutdown, going on without it"
        );
        self.late.push(who.to_owned());
    }

    /// Who missed a deadline.
    pub(super) fn into_late(self) -> Late {
        self.late
    }
}

fn done(phase: &str, started: Instant) {
    let elapsed_ms = started.elapsed().as_millis() as u64;
    tracing::debug!(phase, elapsed_ms, "shutdown phase over");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn run<T>(work: impl Future<Output = T>) -> T {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_time().build().unwrap().block_on(work)
    }

    #[test]
    fn punctual_work_leaves_nobody_late() {
        let late = run(async {
            let mut shutdown = Shutdown::new(Duration::from_secs(10));
            shutdown.phase("nothing", async { Ok(()) }).await;
            shutdown.blocking("queues", || Ok(())).await;
            shutdown.task("requests", tokio::spawn(async {})).await;
            shutdown.thread("sync", std::thread::spawn(|| {})).await;
            shutdown.into_late()
        });
        assert!(late.is_empty());
    }

    #[test]
    fn late_ones_are_named_and_not_waited_for() {
        let (release, wait) = mpsc::channel::<()>();
        let builder = std::thread::Builder::new().name("stuck".to_owned());
        let stuck = builder
            .spawn(move || assert!(wait.recv().is_err()))
            .unwrap();
        let late = run(async {
            let mut shutdown = Shutdown::new(Duration::from_millis(20));
            let peers = async { Err(vec!["tcp 127.0.0.1:1".to_owned()]) };
            shutdown.phase("connections", peers).await;
            shutdown
                .blocking("queues", || Err(vec!["shard-7".to_owned()]))
                .await;
            shutdown.thread("sync", stuck).await;
            shutdown
                .task("requests", tokio::spawn(std::future::pending::<()>()))
                .await;
            shutdown.into_late()
        });
        assert_eq!(late, ["tcp 127.0.0.1:1", "shard-7", "stuck", "requests"]);
        drop(release);
    }

    #[test]
    fn panicked_thread_is_reported() {
        let thread = std::thread::spawn(|| panic!("on purpose"));
        let late = run(async {
            let mut shutdown = Shutdown::new(Duration::from_secs(10));
            shutdown.thread("sync", thread).await;
            shutdown.into_late()
        });
        assert_eq!(late, ["sync (panicked)"]);
    }
}
