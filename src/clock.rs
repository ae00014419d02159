//! Where the time comes from: the system, or a hand that tests turn.
//!
//! Everything that asks for an age, a retention or a default window asks a [`Clock`]; nothing
//! else in the daemon reads the system's time. `serve --at TIME` is a [`Clock::starting_at`].

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A cheap, cloneable source of the current time in seconds since the Unix epoch.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    source: Source,
}

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    /// Stands at the epoch until it is started.
    Shifted {
        epoch: i64,
        started: Arc<OnceLock<Instant>>,
    },
    Manual(Arc<AtomicI64>),
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands at `epoch` seconds until [`Clock::start`] lets it run; clones run together.
    pub fn starting_at(epoch: i64) -> Self {
        Self {
            source: Source::Shifted {
                epoch,
                started: Arc::default(),
            },
        }
    }

    /// Lets a clock run that was made to start somewhere: the time that the daemon takes to come up must
    /// not be missing from the time it was told to show. Other clocks run anyway.
    pub fn start(&self) {
        if let Source::Shifted { started, .. } = &self.source {
            started.get_or_init(Instant::now);
        }
    }

    /// A clock that stands at `epoch` seconds until [`Clock::set`] moves it; clones move together.
    pub fn manual(epoch: i64) -> Self {
        Self {
            source: Source::Manual(Arc::new(AtomicI64::new(epoch))),
        }
    }

    /// Moves a manual clock.
    ///
    /// # Panics
    /// On a clock that is not manual: a test that means to turn the time would turn nothing.
    pub fn set(&self, epoch: i64) {
        match &self.source {
            Source::Manual(time) => time.store(epoch, Ordering::SeqCst),
            other => panic!("only a manual clock can be set, not {other:?}"),
        }
    }

    /// Seconds since the Unix epoch, rounded down.
    pub fn now(&self) -> i64 {
        match &self.source {
            Source::System => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |elapsed| elapsed.as_secs() as i64),
            Source::Shifted { epoch, started } => {
                let elapsed = started
                    .get()
                    .map_or(0, |started| started.elapsed().as_secs());
                epoch + elapsed as i64
            }
            Source::Manual(time) => time.load(Ordering::SeqCst),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manual_clocks_move_together() {
        let clock = Clock::manual(100);
        let other = clock.clone();
        clock.set(200);
        assert_eq!(other.now(), 200);
    }

    #[test]
    fn shifted_clock_starts_where_it_is_told() {
        let clock = Clock::starting_at(1_750_000_000);
        let other = clock.clone();
        assert_eq!(other.now(), 1_750_000_000);
        clock.start();
        assert!((1_750_000_000..1_750_000_010).contains(&other.now()));
    }
}
