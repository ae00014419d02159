//! A named thread that does one thing at an interval, and once more when it is told to end.

use std::io;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The running thread.
#[derive(Debug)]
pub(super) struct Periodic {
    stop: mpsc::Sender<()>,
    thread: JoinHandle<()>,
}

impl Periodic {
    /// Starts the thread; it works for the first time after one interval. What the work takes is
    /// not part of the interval.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(
        name: &str,
        interval: Duration,
        mut work: impl FnMut() + Send + 'static,
    ) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let builder = std::thread::Builder::new().name(name.to_owned());
        let thread = builder.spawn(move || {
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                work();
            }
            work();
        })?;
        Ok(Self { stop, thread })
    }

    /// Asks for the last round and the end; the thread is given back to be waited for.
    pub(super) fn stop(self) -> JoinHandle<()> {
        // A thread that is gone already needs no word.
        let _ = self.stop.send(());
        self.thread
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_at_the_interval_and_once_more_at_the_end() {
        let (done, rounds) = mpsc::channel();
        let work = move || done.send(()).unwrap();
        let periodic = Periodic::start("test", Duration::from_millis(1), work).unwrap();
        for _ in 0..3 {
            rounds.recv().unwrap();
        }
        periodic.stop().join().unwrap();
        assert!(rounds.iter().count() >= 1);
    }

    #[test]
    fn long_interval_does_not_delay_the_end() {
        let (done, rounds) = mpsc::channel();
        let work = move || done.send(()).unwrap();
        let periodic = Periodic::start("test", Duration::from_secs(3600), work).unwrap();
        periodic.stop().join().unwrap();
        assert_eq!(rounds.iter().count(), 1);
    }
}
