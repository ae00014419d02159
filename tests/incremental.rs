//! Answers from the incremental cache against answers without it, bit by bit.
//!
//! A store of the native engine lives through hours: points come in, some late, some series are new;
//! in between, dashboards refresh over windows that move along. Every answer is asked for twice, with
//! the cache and without. `PLUMBAGO_SEED=N` runs one seed again, `PLUMBAGO_ROUNDS=N` more rounds.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::Arc;
use std::time::Duration;

use plumbago::catalog::Catalog;
use plumbago::evaluate::{Engine, RenderRequest, Rendered, Source};
use plumbago::events::EventLog;
use plumbago::format::{Encode, Json, JsonOptions, SeriesEncoder};
use plumbago::functions::Window;
use plumbago::metric::{AggregationMethod, Retention, Rollup, SeriesId, name};
use plumbago::storage::strata::{Strata, StrataConfig};
use plumbago::storage::{SeriesDefinition, ShardWriter, Store};
use tempfile::TempDir;

const START: i64 = 1_750_000_000;

/// Whatever says that it may be kept, in and around what does not.
const TARGETS: &[&str] = &[
    "a.h1.cpu",
    "a.*.cpu",
    "sumSeries(a.*.cpu)",
    "averageSeries(a.*.*)",
    "aggregate(a.*.cpu,'median',0.5)",
    "multiplySeries(a.h1.cpu,a.h2.cpu)",
    "stddevSeries(a.*.mem)|scale(2.5)",
    "sumSeriesWithWildcards(a.*.*,1)",
    "aggregateWithWildcards(a.*.*,'max',2)",
    "groupByNode(a.*.*,1,'sum')",
    "groupByNodes(a.*.*,'averageSeries',1,2)",
    "groupByTags(seriesByTag('name=disk'),'sum','dc')",
    "groupByNode(a.*.*,1,'integral')",
    "percentileOfSeries(a.*.cpu,75,true)",
    "powSeries(a.h1.cpu,a.h2.cpu)",
    "countSeries(a.*.*)",
    "divideSeries(a.*.cpu,a.h1.mem)",
    "divideSeriesLists(a.*.cpu,a.*.mem)",
    "sumSeriesLists(a.*.cpu,a.*.mem)",
    "weightedAverage(a.*.cpu,a.*.mem,1)",
    "asPercent(a.*.cpu)",
    "asPercent(a.*.cpu,sumSeries(a.*.mem))",
    "asPercent(a.*.*,None,1)",
    "scaleToSeconds(a.*.cpu,1)",
    "offset(pow(a.h1.cpu,2),-3)",
    "log(absolute(a.h1.cpu))|round(3)",
    "invert(a.*.cpu)",
    "transformNull(a.*.cpu,0,a.h1.mem)",
    "isNonNull(a.*.cpu)|sumSeries()",
    "sigmoid(logit(scale(a.h1.cpu,0.001)))",
    "derivative(a.*.cpu)",
    "perSecond(nonNegativeDerivative(sumSeries(a.*.cpu)))",
    "derivative(derivative(derivative(a.h2.mem)))",
    "delay(a.*.cpu,7)|sumSeries()",
    "delay(a.h1.cpu,-2)",
    "derivative(delay(movingMedian(a.h1.cpu,5),3))",
    "timeShift(a.*.cpu,'30min')",
    "timeShift(derivative(a.h1.cpu),'7min')",
    "sumSeries(timeShift(a.*.cpu,'1h'))",
    "diffSeries(a.h1.cpu,timeShift(a.h1.cpu,'1h'))",
    "movingMedian(a.*.cpu,9)",
    "movingAverage(a.*.cpu,5)",
    "movingAverage(sumSeries(a.*.cpu),50)",
    "movingMax(a.*.cpu,'5min')",
    "movingMin(perSecond(a.*.cpu),4)",
    "movingWindow(a.h1.cpu,6,'sum')",
    "movingMedian(timeShift(a.h1.cpu,'11min'),3)",
    "aliasByNode(a.*.cpu,1)",
    "aliasSub(sumSeries(a.*.cpu),'(^.*$)','\\1 A')",
    "aliasByMetric(a.h1.*)|upper()",
    "alias(removeBelowValue(a.h1.cpu,20),'x')",
    "removeAbovePercentile(a.*.cpu,90)",
    "substr(a.*.cpu,1,2)",
    "sortByName(a.*.*)|limit(3)",
    "exclude(a.*.*,'h1')|grep('cpu')",
    "unique(a.h1.cpu,a.*.cpu)",
    "consolidateBy(a.*.cpu,'max')",
    "cumulative(a.h1.cpu)",
    "color(secondYAxis(a.h1.cpu),'red')",
    "group(a.h1.cpu,a.h2.mem)",
    "integral(sumSeries(a.*.cpu))",
    "summarize(sumSeries(a.*.cpu),'7min','sum')",
    "summarize(a.h1.cpu,'5min','avg',true)",
    "highestAverage(a.*.*,2)",
    "sortByMaxima(derivative(a.*.cpu))",
    "keepLastValue(a.h1.cpu,2)",
    "holtWintersForecast(sumSeries(a.*.cpu),'1h')",
    "legendValue(a.h1.cpu,'avg')",
    "sumSeries(a.*.cpu,b.slow)",
    "b.slow",
    "scale(b.*,2)",
    "setXFilesFactor(a.*.cpu,0.5)|sumSeries()",
    "stacked(a.*.cpu)",
    "mapSeries(a.*.*,1)|reduceSeries('asPercent',2,'cpu','mem')",
    "fallbackSeries(nothing.*,a.h1.cpu)",
    "seriesByTag('name=disk')|sumSeries()",
    "nothing.at.all",
    "sumSeries(nothing.*,a.h1.cpu)",
];

/// Forms of the text of an answer, of which parts are kept.
const ALL_OPTIONS: [JsonOptions; 3] = [
    JsonOptions {
        pretty: false,
        no_null_points: false,
    },
    JsonOptions {
        pretty: true,
        no_null_points: false,
    },
    JsonOptions {
        pretty: false,
        no_null_points: true,
    },
];

/// Numbers that follow from a seed (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: i64) -> i64 {
        (self.next() % end as u64) as i64
    }
}

/// A store in time.
struct House {
    engine: Engine,
    catalog: Arc<Catalog>,
    writer: Box<dyn ShardWriter>,
    series: Vec<(SeriesId, i64)>,
    random: Random,
    now: i64,
    /// Refreshed targets that were given the points of the answer straight away.
    shortened: usize,
    _folder: TempDir,
}

impl House {
    fn new(seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = StrataConfig {
            shards: 1,
            background: false,
            late_records: 200,
            ..StrataConfig::new(folder.path())
        };
        let store = Strata::open(&config).unwrap();
        let writer = store.writer(0);
        let catalog = Arc::new(Catalog::in_memory());
        let source = Source {
            catalog: Arc::clone(&catalog),
            store: Arc::new(store),
        };
        let engine = Engine::new(source, Arc::new(EventLog::in_memory())).with_cache(64 << 20);
        let mut house = Self {
            engine,
            catalog,
            writer,
            series: Vec::new(),
            random: Random(seed),
            now: START,
            shortened: 0,
            _folder: folder,
        };
        for host in 1..=3 {
            for metric in ["cpu", "mem"] {
                house.create(&format!("a.h{host}.{metric}"), "10s:6h,1m:2d");
            }
            house.create(
                &format!("disk;dc=d{};host=h{host}", host % 2),
                "10s:6h,1m:2d",
            );
        }
        house.create("b.slow", "30s:1d");
        house.create("b.fast", "10s:6h,5m:2d");
        house.live(6 * 3_600);
        house
    }

    fn create(&mut self, name: &str, retention: &str) {
        let retention = Arc::new(Retention::parse(retention).unwrap());
        let rollup = Rollup {
            method: if name.ends_with("mem") {
                AggregationMethod::Max
            } else {
                AggregationMethod::Average
            },
            x_files_factor: 0.3,
        };
        let hash = name::hash(name.as_bytes());
        let id = self.catalog.create(name, hash, &retention, rollup).unwrap();
        let definition = SeriesDefinition {
            id,
            name: name.into(),
            retention: Arc::clone(&retention),
            rollup,
        };
        self.writer.define(&definition).unwrap();
        self.series.push((id, i64::from(retention.finest().step)));
    }

    /// Lets time pass, with points of most slots.
    fn live(&mut self, seconds: i64) {
        for _ in 0..seconds / 10 {
            self.now += 10;
            for (id, step) in self.series.clone() {
                if self.now % step == 0 && self.random.below(10) > 0 {
                    self.store(id, self.now);
                }
            }
            self.writer
                .maintain(self.now, Duration::from_secs(1))
                .unwrap();
        }
    }

    fn store(&mut self, id: SeriesId, timestamp: i64) {
        let value = self.random.below(2_000_000) as f64 / 7_919.0 - 5.0;
        self.writer.store(id, timestamp, value, self.now).unwrap();
    }

    fn store_late(&mut self, points: i64) {
        for _ in 0..points {
            let (id, _) = self.series[self.random.below(self.series.len() as i64) as usize];
            let age = self.random.below(23 * 3_600);
            self.store(id, self.now - age);
        }
    }

    fn compare(&mut self, targets: &[&str], window: Window, points_max: Option<u64>) -> usize {
        let targets = targets.iter().map(|&target| target.to_owned()).collect();
        let mut request = RenderRequest::new(targets, window);
        request.max_data_points = points_max;
        // Refreshes of one window with it and without must not get each other's values.
        request.consolidates_as_stored = points_max.is_some();
        let cached = self.engine.render(&request);
        request.uses_cache = false;
        let fresh = self.engine.render(&request);
        match (cached, fresh) {
            (Ok(cached), Ok(fresh)) => {
                assert_eq!(print(&cached), print(&fresh), "{request:?}");
                for options in ALL_OPTIONS {
                    let json = |answer: &Rendered| {
                        // A dashboard's is long enough to come in pieces, which are cut anywhere.
                        let times = if request.targets.len() > 1 { 9 } else { 1 };
                        let series = std::iter::repeat_n(&answer.series, times).flatten();
                        let series = series.cloned().collect();
                        SeriesEncoder::new(Json::new(options), series).collect_bytes()
                    };
                    assert!(json(&cached) == json(&fresh), "{options:?} {request:?}");
                }
                self.shortened += cached.statistics.cache.shortened;
                cached.statistics.cache.refreshed
            }
            (cached, fresh) => {
                let cached = cached.map(|answer| print(&answer));
                panic!(
                    "{request:?}: {cached:?}, {:?}",
                    fresh.map(|answer| print(&answer))
                );
            }
        }
    }
}

/// Everything about an answer, values by their bits but for the many kinds of null.
fn print(rendered: &Rendered) -> Vec<String> {
    let each = rendered.series.iter().map(|series| {
        let bits = |value: &f64| if value.is_nan() { 0 } else { value.to_bits() };
        let values: Vec<u64> = series.values.iter().map(bits).collect();
        let tags: Vec<_> = series.tags.iter().collect();
        format!(
            "{} {} {tags:?} {} {} {} {:?} {} {:?}\n{values:x?}",
            series.name,
            series.path_expression,
            series.start,
            series.end,
            series.step,
            series.consolidation,
            series.x_files_factor,
            series.options
        )
    });
    each.collect()
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn run(seed: u64, rounds: u64) -> usize {
    println!("PLUMBAGO_SEED={seed}");
    let mut house = House::new(seed);
    let mut refreshed = 0;
    for round in 0..rounds {
        let pause = [10, 10, 60, 70, 300, 1_300][house.random.below(6) as usize];
        house.live(pause);
        match house.random.below(8) {
            0 => house.store_late(1),
            1 => house.store_late(40),
            2 => {
                for metric in ["cpu", "mem"] {
                    house.create(&format!("a.n{round}.{metric}"), "10s:6h,1m:2d");
                }
            }
            _ => {}
        }
        // A day is read from the coarser archive.
        let length = [7_200, 7_200, 18_000, 86_400][house.random.below(4) as usize];
        let ahead = [0, 0, 3][house.random.below(3) as usize];
        let window = Window {
            from: house.now - length + ahead,
            until: house.now + ahead,
            now: house.now,
        };
        let points_max = [None, Some(300)][house.random.below(2) as usize];
        for target in TARGETS {
            // Each by itself, so that none that keeps nothing keeps the others from it.
            if house.random.below(3) > 0 {
                refreshed += house.compare(&[target], window, points_max);
            }
        }
        refreshed += house.compare(&TARGETS[..20], window, points_max);
    }
    refreshed
}

#[test]
fn refreshed_answers_are_those_of_an_evaluation_from_nothing() {
    let rounds = number("PLUMBAGO_ROUNDS").unwrap_or(8);
    let seeds = match number("PLUMBAGO_SEED") {
        Some(seed) => vec![seed],
        None => vec![1, 2],
    };
    for seed in seeds {
        let refreshed = run(seed, rounds);
        println!("{refreshed} parts were refreshed");
        assert!(refreshed > 0, "nothing was kept, so nothing was shown");
    }
}

/// As a dashboard that stays open: the same window length, moved on by little each time.
#[test]
fn refreshes_with_few_points_are_those_of_an_evaluation_from_nothing() {
    let mut house = House::new(number("PLUMBAGO_SEED").unwrap_or(3));
    let rounds = number("PLUMBAGO_ROUNDS").unwrap_or(8) * 4;
    for round in 0..rounds {
        house.live([10, 20, 10, 60][round as usize % 4]);
        if round % 11 == 7 {
            house.store_late(2);
        }
        let window = Window {
            from: house.now - 18_000,
            until: house.now,
            now: house.now,
        };
        for target in TARGETS {
            let points_max = [100, 100, 7, 1_000][house.random.below(4) as usize];
            house.compare(&[target], window, Some(points_max));
        }
        house.compare(&TARGETS[..20], window, Some(250));
        house.compare(&["constantLine(7)", "a.h1.cpu"], window, Some(50));
    }
    let least = TARGETS.len() * rounds as usize / 4;
    assert!(house.shortened > least, "{} of {least}", house.shortened);
}

#[test]
fn every_function_that_says_it_may_be_kept_is_refreshed() {
    let mut house = House::new(7);
    let mut never = Vec::new();
    let window = |now| Window {
        from: now - 7_200,
        until: now,
        now,
    };
    for target in TARGETS {
        house.compare(&[target], window(house.now), None);
    }
    house.live(60);
    for target in TARGETS {
        if house.compare(&[target], window(house.now), None) == 0 {
            never.push(*target);
        }
    }
    // Their leaves have several steps, most of the window is still open, state goes from call to call,
    // or there is no series.
    let expected = [
        "sumSeries(a.*.cpu,b.slow)",
        "b.slow",
        "scale(b.*,2)",
        "setXFilesFactor(a.*.cpu,0.5)|sumSeries()",
        "stacked(a.*.cpu)",
        "nothing.at.all",
    ];
    assert_eq!(never, expected);
}
