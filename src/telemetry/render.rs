//! What renders cost, for `/metrics`.
//!
//! Threads: any; all counters are relaxed atomics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{Kind, Sample, Source};

/// How a render ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RenderOutcome {
    /// With an answer.
    Answered,
    /// The request had no meaning.
    Refused,
    /// A limit was passed.
    TooLarge,
    /// The line was full, the client left, or the time was up.
    Abandoned,
    /// The daemon failed.
    Failed,
}

impl RenderOutcome {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Answered, "answered"),
        (Self::Refused, "refused"),
        (Self::TooLarge, "too_large"),
        (Self::Abandoned, "abandoned"),
        (Self::Failed, "failed"),
    ];
}

/// Upper bounds of the histogram of durations, in seconds.
const DURATION_BOUNDS: [f64; 10] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0];

/// Counters of renders.
#[derive(Debug, Default)]
pub struct RenderTelemetry {
    outcomes: [AtomicU64; 5],
    /// One more than there are bounds: the last counts everything beyond.
    durations: [AtomicU64; DURATION_BOUNDS.len() + 1],
    duration_us: AtomicU64,
    series_read: AtomicU64,
    points_read: AtomicU64,
}

impl RenderTelemetry {
    /// Counts a render that ended.
    pub fn ended(&self, outcome: RenderOutcome, duration: Duration) {
        self.outcomes[outcome as usize].fetch_add(1, Ordering::Relaxed);
        let seconds = duration.as_secs_f64();
        let bucket = DURATION_BOUNDS.partition_point(|bound| *bound < seconds);
        self.durations[bucket].fetch_add(1, Ordering::Relaxed);
        let microseconds = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.duration_us.fetch_add(microseconds, Ordering::Relaxed);
    }

    /// Counts what a render read.
    pub fn read(&self, series: usize, points: usize) {
        self.series_read.fetch_add(series as u64, Ordering::Relaxed);
        self.points_read.fetch_add(points as u64, Ordering::Relaxed);
    }

    fn histogram(&self, samples: &mut Vec<Sample>) {
        const HELP: &str = "Time from a render's arrival to its first byte.";
        let mut push = |name, labels, value| {
            samples.push(Sample {
                name,
                help: HELP,
                kind: Kind::Counter,
                labels,
                value,
            });
        };
        let mut total = 0;
        for (position, count) in self.durations.iter().enumerate() {
            total += count.load(Ordering::Relaxed);
            let bound = DURATION_BOUNDS
                .get(position)
                .map_or_else(|| "+Inf".to_owned(), f64::to_string);
            push(
                "plumbago_render_duration_seconds_bucket",
                vec![("le", bound)],
                total as f64,
            );
        }
        let sum = self.duration_us.load(Ordering::Relaxed) as f64 / 1e6;
        push("plumbago_render_duration_seconds_sum", Vec::new(), sum);
        push(
            "plumbago_render_duration_seconds_count",
            Vec::new(),
            total as f64,
        );
    }
}

impl Source for RenderTelemetry {
    fn collect(&self, samples: &mut Vec<Sample>) {
        for (outcome, label) in RenderOutcome::ALL {
            samples.push(Sample {
                name: "plumbago_renders_total",
                help: "Render requests by how they ended.",
                kind: Kind::Counter,
                labels: vec![("outcome", label.to_owned())],
                value: self.outcomes[outcome as usize].load(Ordering::Relaxed) as f64,
            });
        }
        self.histogram(samples);
        let totals = [
            (
                "plumbago_render_series_read_total",
                "Series read for renders.",
                &self.series_read,
            ),
            (
                "plumbago_render_points_read_total",
                "Points read for renders.",
                &self.points_read,
            ),
        ];
        for (name, help, counter) in totals {
            samples.push(Sample {
                name,
                help,
                kind: Kind::Counter,
                labels: Vec::new(),
                value: counter.load(Ordering::Relaxed) as f64,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(samples: &[Sample], name: &str, label: Option<&str>) -> f64 {
        let found = samples.iter().find(|sample| {
            sample.name == name && label.is_none_or(|label| sample.labels[0].1 == label)
        });
        found.unwrap().value
    }

    #[test]
    fn renders_are_counted_by_outcome_and_duration() {
        let telemetry = RenderTelemetry::default();
        telemetry.ended(RenderOutcome::Answered, Duration::from_millis(3));
        telemetry.ended(RenderOutcome::Answered, Duration::from_millis(300));
        telemetry.ended(RenderOutcome::TooLarge, Duration::from_secs(100));
        telemetry.read(3, 400);
        let mut samples = Vec::new();
        telemetry.collect(&mut samples);
        let renders = |outcome| value(&samples, "plumbago_renders_total", Some(outcome));
        assert_eq!(renders("answered"), 2.0);
        assert_eq!(renders("too_large"), 1.0);
        let bucket = |le| {
            value(
                &samples,
                "plumbago_render_duration_seconds_bucket",
                Some(le),
            )
        };
        assert_eq!(bucket("0.001"), 0.0);
        assert_eq!(bucket("0.005"), 1.0);
        assert_eq!(bucket("0.5"), 2.0);
        assert_eq!(bucket("60"), 2.0);
        assert_eq!(bucket("+Inf"), 3.0);
        assert_eq!(
            value(&samples, "plumbago_render_points_read_total", None),
            400.0
        );
    }
}
