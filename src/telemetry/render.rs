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
const DURATION_BOUNDS: &[f64] = &[0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0];

/// Upper bounds of the histogram of series.
const SERIES_BOUNDS: &[f64] = &[1.0, 10.0, 100.0, 1e3, 1e4, 1e5, 1e6];

/// Upper bounds of the histogram of points.
const POINTS_BOUNDS: &[f64] = &[1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/// Names of a histogram's samples.
struct Names {
    bucket: &'static str,
    sum: &'static str,
    count: &'static str,
    help: &'static str,
}

const DURATION: Names = Names {
    bucket: "plumbago_render_duration_seconds_bucket",
    sum: "plumbago_render_duration_seconds_sum",
    count: "plumbago_render_duration_seconds_count",
    help: "Time from a render's arrival to its first byte, by how it ended.",
};

const SERIES: Names = Names {
    bucket: "plumbago_render_series_bucket",
    sum: "plumbago_render_series_sum",
    count: "plumbago_render_series_count",
    help: "Series that an evaluation read.",
};

const POINTS: Names = Names {
    bucket: "plumbago_render_points_bucket",
    sum: "plumbago_render_points_sum",
    count: "plumbago_render_points_count",
    help: "Points that an evaluation read; what a cache had is not read.",
};

/// Counts of values up to each bound.
#[derive(Debug)]
struct Histogram {
    bounds: &'static [f64],
    /// One more than there are bounds: the last counts everything beyond.
    counts: Box<[AtomicU64]>,
    /// In millionths, so that it fits an integer.
    sum: AtomicU64,
}

impl Histogram {
    fn new(bounds: &'static [f64]) -> Self {
        Self {
            bounds,
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
        }
    }

    fn count(&self, value: f64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add((value * 1e6) as u64, Ordering::Relaxed);
    }

    fn collect(&self, names: &Names, labels: &[(&'static str, String)], samples: &mut Vec<Sample>) {
        let mut push = |name, labels, value| {
            samples.push(Sample {
                name,
                help: names.help,
                kind: Kind::Counter,
                labels,
                value,
            });
        };
        let mut total = 0;
        for (position, count) in self.counts.iter().enumerate() {
            total += count.load(Ordering::Relaxed);
            let bound = self.bounds.get(position);
            let bound = bound.map_or_else(|| "+Inf".to_owned(), f64::to_string);
            let mut labels = labels.to_vec();
            labels.push(("le", bound));
            push(names.bucket, labels, total as f64);
        }
        let sum = self.sum.load(Ordering::Relaxed) as f64 / 1e6;
        push(names.sum, labels.to_vec(), sum);
        push(names.count, labels.to_vec(), total as f64);
    }
}

/// Counters of renders.
#[derive(Debug)]
pub struct RenderTelemetry {
    /// By outcome.
    durations: [Histogram; 5],
    series: Histogram,
    points: Histogram,
    series_read: AtomicU64,
    points_read: AtomicU64,
}

impl Default for RenderTelemetry {
    fn default() -> Self {
        Self {
            durations: std::array::from_fn(|_| Histogram::new(DURATION_BOUNDS)),
            series: Histogram::new(SERIES_BOUNDS),
            points: Histogram::new(POINTS_BOUNDS),
            series_read: AtomicU64::new(0),
            points_read: AtomicU64::new(0),
        }
    }
}

impl RenderTelemetry {
    /// Counts a render that ended.
    pub fn ended(&self, outcome: RenderOutcome, duration: Duration) {
        self.durations[outcome as usize].count(duration.as_secs_f64());
    }

    /// Counts what an evaluation read.
    pub fn read(&self, series: usize, points: usize) {
        self.series.count(series as f64);
        self.points.count(points as f64);
        self.series_read.fetch_add(series as u64, Ordering::Relaxed);
        self.points_read.fetch_add(points as u64, Ordering::Relaxed);
    }
}

impl Source for RenderTelemetry {
    fn collect(&self, samples: &mut Vec<Sample>) {
        for (outcome, label) in RenderOutcome::ALL {
            let durations = &self.durations[outcome as usize];
            let counts = durations.counts.iter();
            let total: u64 = counts.map(|count| count.load(Ordering::Relaxed)).sum();
            samples.push(Sample {
                name: "plumbago_renders_total",
                help: "Render requests by how they ended.",
                kind: Kind::Counter,
                labels: vec![("outcome", label.to_owned())],
                value: total as f64,
            });
        }
        for (outcome, label) in RenderOutcome::ALL {
            let labels = [("outcome", label.to_owned())];
            self.durations[outcome as usize].collect(&DURATION, &labels, samples);
        }
        self.series.collect(&SERIES, &[], samples);
        self.points.collect(&POINTS, &[], samples);
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

    fn value(samples: &[Sample], name: &str, labels: &[&str]) -> f64 {
        let found = samples.iter().find(|sample| {
            let has = |label: &&str| sample.labels.iter().any(|(_, value)| value == label);
            sample.name == name && labels.iter().all(has)
        });
        found.unwrap().value
    }

    #[test]
    fn renders_are_counted_by_outcome_duration_and_size() {
        let telemetry = RenderTelemetry::default();
        telemetry.ended(RenderOutcome::Answered, Duration::from_millis(3));
        telemetry.ended(RenderOutcome::Answered, Duration::from_millis(300));
        telemetry.ended(RenderOutcome::TooLarge, Duration::from_secs(100));
        telemetry.read(3, 400);
        let mut samples = Vec::new();
        telemetry.collect(&mut samples);
        let renders = |outcome| value(&samples, "plumbago_renders_total", &[outcome]);
        assert_eq!((renders("answered"), renders("too_large")), (2.0, 1.0));
        let bucket = |outcome, le| value(&samples, DURATION.bucket, &[outcome, le]);
        assert_eq!(bucket("answered", "0.001"), 0.0);
        assert_eq!(bucket("answered", "0.005"), 1.0);
        assert_eq!(bucket("answered", "0.5"), 2.0);
        assert_eq!(bucket("too_large", "60"), 0.0);
        assert_eq!(bucket("too_large", "+Inf"), 1.0);
        assert_eq!(value(&samples, DURATION.sum, &["too_large"]), 100.0);
        assert_eq!(value(&samples, SERIES.bucket, &["1"]), 0.0);
        assert_eq!(value(&samples, SERIES.bucket, &["10"]), 1.0);
        assert_eq!(value(&samples, POINTS.sum, &[]), 400.0);
        assert_eq!(
            value(&samples, "plumbago_render_points_read_total", &[]),
            400.0
        );
    }
}
