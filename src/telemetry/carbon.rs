//! Samples under the names that carbon gives its own metrics, which dashboards rely on.
//!
//! Carbon clears its counters at each round, so a counter here is what was added since the round
//! before; a gauge is what it is now. The daemon stores the result through the ordinary road.

use std::collections::HashMap;
use std::time::Instant;

use super::{Kind, Sample};

/// Where a carbon metric comes from: the sum of these samples, over all their labels or over the
/// label values given.
struct Origin {
    carbon: &'static str,
    samples: &'static [(&'static str, Option<(&'static str, &'static str)>)],
}

const RECEIVED: &str = "plumbago_receiver_points_total";
const RECEIVER_REFUSED: &str = "plumbago_receiver_points_refused_total";
const SHARD_REFUSED: &str = "plumbago_shard_points_refused_total";
const ACTIVE: &str = "plumbago_receiver_connections_active";
const QUEUED: &str = "plumbago_shard_points_queued";
const STORED: &str = "plumbago_shard_points_total";
const BATCHES: &str = "plumbago_shard_batches_total";

/// Carbon's names for the whole daemon. An update operation is a batch that a shard worked off.
const WHOLE: &[Origin] = &[
    Origin {
        carbon: "metricsReceived",
        samples: &[(RECEIVED, None)],
    },
    Origin {
        carbon: "activeConnections",
        samples: &[(ACTIVE, None)],
    },
    Origin {
        carbon: "committedPoints",
        samples: &[(STORED, None)],
    },
    Origin {
        carbon: "updateOperations",
        samples: &[(BATCHES, None)],
    },
    Origin {
        carbon: "creates",
        samples: &[("plumbago_shard_series_created_total", None)],
    },
    Origin {
        carbon: "droppedCreates",
        samples: &[("plumbago_shard_series_failed_total", None)],
    },
    Origin {
        carbon: "errors",
        samples: &[(RECEIVER_REFUSED, None), (SHARD_REFUSED, None)],
    },
    Origin {
        carbon: "cache.size",
        samples: &[
            (QUEUED, None),
            ("plumbago_shard_points_deferred", None),
            ("plumbago_store_points_pending", None),
        ],
    },
    Origin {
        carbon: "cache.overflow",
        samples: &[
            (RECEIVER_REFUSED, Some(("reason", "queue_full"))),
            ("plumbago_receiver_datagrams_dropped_total", None),
        ],
    },
    Origin {
        carbon: "memUsage",
        samples: &[("process_resident_memory_bytes", None)],
    },
];

/// go-carbon's names for one receiver, after its name and a dot.
const EACH_RECEIVER: &[Origin] = &[
    Origin {
        carbon: "metricsReceived",
        samples: &[(RECEIVED, None)],
    },
    Origin {
        carbon: "errors",
        samples: &[(RECEIVER_REFUSED, None)],
    },
    Origin {
        carbon: "active",
        samples: &[(ACTIVE, None)],
    },
];

/// Makes rounds of carbon's metrics; remembers the counters of the round before.
#[derive(Debug)]
pub struct CarbonMetrics {
    previous: HashMap<String, f64>,
    previous_cpu_seconds: f64,
    previous_round: Instant,
}

impl CarbonMetrics {
    /// Counts from what `samples` say now; the first round is one interval later.
    pub fn starting_from(samples: &[Sample]) -> Self {
        let mut metrics = Self {
            previous: HashMap::new(),
            previous_cpu_seconds: 0.0,
            previous_round: Instant::now(),
        };
        metrics.round(samples);
        metrics
    }

    /// The names, without the prefix, and the values of this round.
    pub fn round(&mut self, samples: &[Sample]) -> Vec<(String, f64)> {
        let mut round: Vec<(String, f64)> = Vec::new();
        for origin in WHOLE {
            round.extend(self.value(origin.carbon.to_owned(), origin, None, samples));
        }
        let of = |name: &str| round.iter().find(|(known, _)| known == name);
        if let (Some((_, points)), Some((_, updates))) =
            (of("committedPoints"), of("updateOperations"))
            && *updates > 0.0
        {
            let points_per_update = points / updates;
            round.push(("pointsPerUpdate".to_owned(), points_per_update));
        }
        for receiver in receivers(samples) {
            for origin in EACH_RECEIVER {
                let name = format!("{receiver}.{}", origin.carbon);
                round.extend(self.value(name, origin, Some(receiver), samples));
            }
        }
        round.extend(self.cpu_usage(samples));
        round
    }

    /// `None` when no sample is there to make it of.
    fn value(
        &mut self,
        name: String,
        origin: &Origin,
        receiver: Option<&str>,
        samples: &[Sample],
    ) -> Option<(String, f64)> {
        let matches = |sample: &&Sample| {
            let by_label = |key: &str, value: &str| {
                let mut labels = sample.labels.iter();
                labels.any(|(known, found)| *known == key && found == value)
            };
            let by_origin = origin.samples.iter().any(|(name, label)| {
                *name == sample.name && label.is_none_or(|(key, value)| by_label(key, value))
            });
            by_origin && receiver.is_none_or(|receiver| by_label("receiver", receiver))
        };
        let found: Vec<_> = samples.iter().filter(matches).collect();
        let kind = found.first()?.kind;
        let sum: f64 = found.iter().map(|sample| sample.value).sum();
        let value = match kind {
            Kind::Gauge => sum,
            Kind::Counter => sum - self.previous.insert(name.clone(), sum).unwrap_or(0.0),
        };
        Some((name, value))
    }

    /// Percent of one processor since the round before.
    fn cpu_usage(&mut self, samples: &[Sample]) -> Option<(String, f64)> {
        let cpu = |sample: &&Sample| sample.name == "process_cpu_seconds_total";
        let seconds = samples.iter().find(cpu)?.value;
        let elapsed = self.previous_round.elapsed().as_secs_f64();
        let used = seconds - self.previous_cpu_seconds;
        self.previous_cpu_seconds = seconds;
        self.previous_round = Instant::now();
        (elapsed > 0.0).then(|| ("cpuUsage".to_owned(), used / elapsed * 100.0))
    }
}

/// The names of all receivers, each once, in the order of the samples.
fn receivers(samples: &[Sample]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for sample in samples.iter().filter(|sample| sample.name == RECEIVED) {
        for (label, value) in &sample.labels {
            if *label == "receiver" && !names.contains(&value.as_str()) {
                names.push(value);
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(
        name: &'static str,
        kind: Kind,
        labels: &[(&'static str, &str)],
        value: f64,
    ) -> Sample {
        Sample {
            name,
            help: "",
            kind,
            labels: labels
                .iter()
                .map(|(key, value)| (*key, (*value).to_owned()))
                .collect(),
            value,
        }
    }

    fn samples(scale: f64) -> Vec<Sample> {
        let (tcp, udp) = (("receiver", "tcp"), ("receiver", "udp"));
        let (full, bad) = (("reason", "queue_full"), ("reason", "bad_line"));
        vec![
            sample(RECEIVED, Kind::Counter, &[tcp], 10.0 * scale),
            sample(RECEIVED, Kind::Counter, &[udp], 5.0 * scale),
            sample(RECEIVER_REFUSED, Kind::Counter, &[udp, full], 2.0 * scale),
            sample(RECEIVER_REFUSED, Kind::Counter, &[tcp, bad], 1.0 * scale),
            sample(ACTIVE, Kind::Gauge, &[tcp], 7.0),
            sample(QUEUED, Kind::Gauge, &[("shard", "0")], 4.0),
            sample(STORED, Kind::Counter, &[("shard", "0")], 12.0 * scale),
            sample(BATCHES, Kind::Counter, &[("shard", "0")], 3.0 * scale),
            sample("process_cpu_seconds_total", Kind::Counter, &[], scale),
        ]
    }

    #[test]
    fn counters_are_told_by_round_and_gauges_as_they_are() {
        let mut metrics = CarbonMetrics::starting_from(&samples(1.0));
        let round = metrics.round(&samples(3.0));
        let value = |name: &str| {
            let found = round.iter().find(|(known, _)| known == name);
            found.unwrap_or_else(|| panic!("{name} is missing")).1
        };
        assert_eq!(value("metricsReceived"), 30.0);
        assert_eq!(value("tcp.metricsReceived"), 20.0);
        assert_eq!(value("udp.errors"), 4.0);
        assert_eq!(value("errors"), 6.0);
        assert_eq!(value("cache.overflow"), 4.0);
        assert_eq!(value("cache.size"), 4.0);
        assert_eq!(value("activeConnections"), 7.0);
        assert_eq!(value("pointsPerUpdate"), 4.0);
        assert!(value("cpuUsage") > 0.0);
    }

    #[test]
    fn quiet_round_has_no_points_per_update() {
        let mut metrics = CarbonMetrics::starting_from(&samples(1.0));
        let round = metrics.round(&samples(1.0));
        assert!(round.iter().all(|(name, _)| name != "pointsPerUpdate"));
        assert!(round.contains(&("metricsReceived".to_owned(), 0.0)));
    }
}
