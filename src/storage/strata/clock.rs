//! Which time a writer believes: a clock that leaps far ahead for a moment must not close the rows of
//! the present, nor let history fall out of retention.
//!
//! A leap is believed when the points say the same: more of them carry the new time than the old one,
//! and at least a few do. Until then time goes on from where it was, by the monotonic clock. A clock
//! that goes back, or ahead by less than an hour, is followed at once; and so is the first time that a
//! process is told, since a daemon may have been down for days.
//!
//! Threads: the shard's writer.

use std::time::Instant;

/// Seconds that the clock may go ahead unasked.
const LEAP_S: i64 = 3600;

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct TrustedClock {
    /// The greatest time believed.
    latest: i64,
    leap: Option<Leap>,
    /// Points that must agree with a leap.
    votes: u32,
}

#[derive(Debug)]
struct Leap {
    from: i64,
    since: Instant,
    points_new: u32,
    points_old: u32,
}

impl TrustedClock {
    /// A clock that believes a leap when `votes` points at least agree; with none at once.
    pub(super) fn new(votes: u32) -> Self {
        Self {
            latest: i64::MIN,
            leap: None,
            votes,
        }
    }

    /// The greatest time believed so far.
    #[inline]
    pub(super) fn latest(&self) -> i64 {
        self.latest
    }

    /// The time to go by when the clock shows `now`, and a point of the time `timestamp` came with it.
    pub(super) fn hear(&mut self, now: i64, timestamp: Option<i64>) -> i64 {
        if now <= self.latest {
            self.leap = None;
            return now;
        }
        if self.latest == i64::MIN || self.votes == 0 || now - self.latest <= LEAP_S {
            return self.believe(now);
        }
        let from = self.latest;
        let leap = self.leap.get_or_insert_with(|| Leap {
            from,
            since: Instant::now(),
            points_new: 0,
            points_old: 0,
        });
        match timestamp {
            Some(timestamp) if now.abs_diff(timestamp) <= LEAP_S as u64 => leap.points_new += 1,
            Some(_) => leap.points_old += 1,
            None => {}
        }
        if leap.points_new >= self.votes && leap.points_new > leap.points_old {
            return self.believe(now);
        }
        self.latest = leap.from + leap.since.elapsed().as_secs() as i64;
        self.latest
    }

    fn believe(&mut self, now: i64) -> i64 {
        self.leap = None;
        self.latest = now;
        now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_700_000_000;
    const YEARS: i64 = 10 * 365 * 86_400;

    #[test]
    fn first_time_small_steps_and_steps_back_are_followed() {
        let mut clock = TrustedClock::new(3);
        assert_eq!(clock.hear(NOON, None), NOON);
        assert_eq!(clock.hear(NOON + LEAP_S, None), NOON + LEAP_S);
        assert_eq!(clock.hear(NOON, None), NOON);
        assert_eq!(clock.latest(), NOON + LEAP_S);
    }

    #[test]
    fn leap_that_most_points_contradict_is_not_believed() {
        let mut clock = TrustedClock::new(3);
        clock.hear(NOON, None);
        for point in 0..100 {
            // A few stamp their points by the same wrong clock.
            let timestamp = if point % 3 == 0 { NOON + YEARS } else { NOON };
            let now = clock.hear(NOON + YEARS, Some(timestamp));
            assert!((NOON..NOON + 60).contains(&now), "{now}");
        }
        assert_eq!(clock.hear(NOON + 5, None), NOON + 5);
    }

    #[test]
    fn leap_that_points_agree_to_is_believed() {
        let mut clock = TrustedClock::new(3);
        clock.hear(NOON, None);
        let later = NOON + 5 * LEAP_S;
        let heard: Vec<i64> = (0..4).map(|_| clock.hear(later, Some(later - 7))).collect();
        assert!(heard[1] < NOON + 60);
        assert_eq!(heard[2..], [later, later]);
    }
}
