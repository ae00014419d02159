//! Limits on how often something may be done: creations a minute, updates a second.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// So many turns in a span of time, saved up for at most one span; none of it is a limit.
#[derive(Debug)]
pub(super) struct Rate {
    turns: f64,
    span: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    left: f64,
    filled: Instant,
}

impl Rate {
    /// `turns` a `span`; zero for no limit.
    pub(super) fn new(turns: u32, span: Duration) -> Self {
        let turns = f64::from(turns);
        let state = State {
            left: turns,
            filled: Instant::now(),
        };
        Self {
            turns,
            span,
            state: Mutex::new(state),
        }
    }

    /// True when there is a turn; it is then used up.
    pub(super) fn take(&self) -> bool {
        self.take_at(Instant::now())
    }

    /// True when [`Rate::take`] would find a turn.
    pub(super) fn has_turn(&self) -> bool {
        if self.turns == 0.0 {
            return true;
        }
        let mut state = self.state.lock();
        self.fill(&mut state, Instant::now());
        state.left >= 1.0
    }

    fn take_at(&self, now: Instant) -> bool {
        if self.turns == 0.0 {
            return true;
        }
        let mut state = self.state.lock();
        self.fill(&mut state, now);
        if state.left < 1.0 {
            return false;
        }
        state.left -= 1.0;
        true
    }

    fn fill(&self, state: &mut State, now: Instant) {
        let passed = now.saturating_duration_since(state.filled).as_secs_f64();
        let gained = passed / self.span.as_secs_f64() * self.turns;
        // At least one turn is saved up, or a rate below one a span would never give any.
        state.left = (state.left + gained).min(self.turns.max(1.0));
        state.filled = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_used_up_and_come_back_with_time() {
        let rate = Rate::new(60, Duration::from_secs(60));
        let start = Instant::now();
        assert!((0..60).all(|_| rate.take_at(start)));
        assert!(!rate.take_at(start));
        let later = start + Duration::from_millis(2_500);
        assert!(rate.take_at(later) && rate.take_at(later));
        assert!(!rate.take_at(later));
    }

    #[test]
    fn no_more_than_one_span_is_saved_up() {
        let rate = Rate::new(3, Duration::from_secs(1));
        let later = Instant::now() + Duration::from_secs(100);
        assert_eq!((0..10).filter(|_| rate.take_at(later)).count(), 3);
    }

    #[test]
    fn zero_is_no_limit() {
        let rate = Rate::new(0, Duration::from_secs(1));
        assert!((0..1000).all(|_| rate.take()) && rate.has_turn());
    }
}
