//! Which time a writer believes: a clock that leaps far ahead for a moment must not close the rows of
//! the present, nor let history fall out of retention.
//!
//! A leap is believed when the points say the same: more of them carry the new time than the old one,
//! and at least a few do, or all of them once the question has stood for some seconds. Until then time
//! goes on from where it was, by the monotonic clock, and points of the new time wait rather than be
//! refused ([`TrustedClock::is_asking`]). A clock that goes back, or ahead by less than an hour, is
//! followed at once; and so is the first time that a process is told, since a daemon may have been
//! down for days.
//!
//! Threads: the shard's writer.

use std::time::{Duration, Instant};

use crate::metric::SeriesId;

/// Seconds that the clock may go ahead unasked.
const LEAP_S: i64 = 3600;
/// How long points of the new time wait for an answer. Two intervals of most senders would be better
/// still, but the points that wait are bounded, and beyond that the shard stands still.
const ASKING_MAX: Duration = Duration::from_secs(10);

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
    /// The points that carry the new time, each once: one that waits is brought again and again.
    agreeing: Vec<(SeriesId, i64)>,
    points_old: usize,
}

impl Leap {
    fn count(&mut self, now: i64, (series, timestamp): (SeriesId, i64), votes: usize) {
        if now.abs_diff(timestamp) > LEAP_S as u64 {
            self.points_old += 1;
        } else if self.agreeing.len() <= self.points_old.max(votes)
            && !self.agreeing.contains(&(series, timestamp))
        {
            self.agreeing.push((series, timestamp));
        }
    }

    fn is_agreed(&self, votes: usize) -> bool {
        let points_new = self.agreeing.len();
        let are_enough = points_new >= votes && points_new > self.points_old;
        let are_all = points_new > 0 && self.points_old == 0;
        are_enough || (are_all && self.since.elapsed() >= ASKING_MAX)
    }
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

    /// True for some seconds after a leap that is not decided: points that only the clock's new time
    /// has a row for may wait.
    pub(super) fn is_asking(&self) -> bool {
        let leap = self.leap.as_ref();
        leap.is_some_and(|leap| leap.since.elapsed() < ASKING_MAX)
    }

    /// The time to go by when the clock shows `now`, and a point of a series and a time came with it.
    pub(super) fn hear(&mut self, now: i64, point: Option<(SeriesId, i64)>) -> i64 {
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
            agreeing: Vec::new(),
            points_old: 0,
        });
        let votes = self.votes as usize;
        if let Some(point) = point {
            leap.count(now, point, votes);
        }
        if leap.is_agreed(votes) {
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
            let now = clock.hear(NOON + YEARS, Some((SeriesId(point), timestamp)));
            assert!((NOON..NOON + 60).contains(&now), "{now}");
        }
        assert_eq!(clock.hear(NOON + 5, None), NOON + 5);
    }

    #[test]
    fn leap_that_points_agree_to_is_believed() {
        let mut clock = TrustedClock::new(3);
        clock.hear(NOON, None);
        let later = NOON + 5 * LEAP_S;
        let mut hear = |series| clock.hear(later, Some((SeriesId(series), later - 7)));
        let heard: Vec<i64> = (0..4).map(&mut hear).collect();
        assert!(heard[1] < NOON + 60);
        assert_eq!(heard[2..], [later, later]);
    }

    #[test]
    fn point_that_is_brought_again_counts_once() {
        let mut clock = TrustedClock::new(3);
        clock.hear(NOON, None);
        let later = NOON + 5 * LEAP_S;
        for _ in 0..10 {
            assert!(clock.hear(later, Some((SeriesId(1), later))) < NOON + 60);
            assert!(clock.is_asking());
        }
    }

    #[test]
    fn few_points_are_enough_once_nobody_has_contradicted_for_a_while() {
        let mut clock = TrustedClock::new(3);
        clock.hear(NOON, None);
        let later = NOON + 5 * LEAP_S;
        assert!(clock.hear(later, None) < NOON + 60);
        let leap = clock.leap.as_mut().unwrap();
        leap.since = leap.since.checked_sub(ASKING_MAX).unwrap();
        assert!(clock.hear(later, None) < NOON + 60);
        assert!(!clock.is_asking());
        assert_eq!(clock.hear(later, Some((SeriesId(1), later))), later);
    }
}
