//! The operations over the native engine with workers, catalog and clock as a daemon has them.

use super::*;
use crate::ingest::{self, Ingest, Workers};
use crate::metric::schema::{AggregationRule, NamePattern, SchemaRule};
use crate::metric::{Retention, Rollup};
use crate::queue::{QueueLimits, Router, Routes};
use crate::storage::TimeRange;
use crate::storage::strata::{Strata, StrataConfig};
use crate::telemetry::ingest::IngestTelemetry;
use crate::telemetry::refused::Peer;

const NOW: i64 = 1_700_000_000 / 7200 * 7200;
const PATIENCE: Duration = Duration::from_secs(20);

/// A house with one kind of schema.
struct House {
    lifecycle: Lifecycle,
    ingest: Ingest,
    workers: Workers,
    clock: Clock,
    _folder: tempfile::TempDir,
}

fn schemas(retention: &str) -> Schemas {
    let rule = SchemaRule {
        name: "all".to_owned(),
        pattern: NamePattern::new("").unwrap(),
        retention: Arc::new(Retention::parse(retention).unwrap()),
    };
    Schemas::new(vec![rule], Vec::new())
}

impl House {
    fn new(retention: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Strata::open(&StrataConfig {
            shards: 2,
            // Its clock leaps by hours.
            clock_votes: 0,
            ..StrataConfig::new(folder.path())
        });
        let (catalog, _) = Catalog::open(&folder.path().join("catalog")).unwrap();
        let clock = Clock::manual(NOW);
        let telemetry = Arc::new(IngestTelemetry::new(2));
        let ingest = Ingest {
            catalog: Arc::new(catalog),
            store: Arc::new(store.unwrap()),
            schemas: Arc::new(ArcSwap::from_pointee(schemas(retention))),
            clock: clock.clone(),
            routes: Routes::new(QueueLimits::default(), &telemetry),
            telemetry,
        };
        let workers = ingest::start_workers(&ingest).unwrap();
        let lifecycle = Lifecycle::new(Parts {
            catalog: Arc::clone(&ingest.catalog),
            store: Arc::clone(&ingest.store),
            controls: workers.controls(),
            schemas: Arc::clone(&ingest.schemas),
            clock: clock.clone(),
        });
        Self {
            lifecycle,
            ingest,
            workers,
            clock,
            _folder: folder,
        }
    }

    fn send(&self, name: &str, timestamp: i64, value: f64) {
        let mut router = Router::new(Arc::clone(&self.ingest.routes));
        router.push(name.as_bytes(), timestamp, value, Peer::Own("test"));
        router.try_send();
        assert!(router.is_empty());
    }

    /// A point every ten seconds of the minute before `end`, so that a coarser archive has its value.
    fn send_minute(&self, name: &str, end: i64) {
        for timestamp in (end - 60..end).step_by(10) {
            self.send(name, timestamp, 1.0);
        }
        self.settle();
    }

    fn settle(&self) {
        let until = Instant::now() + PATIENCE;
        while self.ingest.routes.points_queued() > 0 {
            assert!(Instant::now() < until);
            std::thread::sleep(Duration::from_millis(1));
        }
        // A worker follows orders between batches: its answer says that the last one is stored.
        drop(self.workers.controls().hold([]).unwrap());
    }

    /// The known points of an archive, by how long ago they were.
    fn points(&self, name: &str, ago: i64) -> Vec<(i64, f64)> {
        let now = self.clock.now();
        let id = self.ingest.catalog.id(name).unwrap();
        let range = TimeRange {
            from: now - ago,
            until: now,
            now,
        };
        let fetched = self.ingest.store.fetch(id, range).unwrap().unwrap();
        let times = (fetched.start..).step_by(fetched.step as usize);
        let points = times.zip(fetched.values);
        points.filter(|(_, value)| !value.is_nan()).collect()
    }

    fn set_schema(&self, retention: &str) {
        self.ingest.schemas.store(Arc::new(schemas(retention)));
    }

    fn delete(&self, patterns: &[&str], dry_run: bool) -> Result<Deleted, LifecycleError> {
        let selection = select(patterns, &[]);
        self.lifecycle
            .delete(&selection, dry_run, NAMES_SHOWN, &Stop::default())
    }

    fn end(self) {
        self.ingest.routes.close();
        self.workers.join(PATIENCE).unwrap();
    }
}

fn select(patterns: &[&str], regexes: &[&str]) -> Selection {
    let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    Selection {
        patterns: owned(patterns),
        regexes: owned(regexes),
    }
}

#[test]
fn deletion_by_glob_regex_and_tags_takes_what_matches_and_nothing_else() {
    let house = House::new("10s:6h");
    let names = [
        "a.web1.cpu",
        "a.web2.cpu",
        "a.db.cpu",
        "b.old",
        "b.new",
        "m;dc=east;host=1",
        "m;dc=west;host=2",
    ];
    for name in names {
        house.send(name, NOW, 1.0);
    }
    house.settle();
    let planned = house.delete(&["a.web*.cpu", "a.*.cpu"], true).unwrap();
    let shown: Vec<&str> = planned.names.iter().map(|name| &**name).collect();
    assert_eq!(shown, ["a.db.cpu", "a.web1.cpu", "a.web2.cpu"]);
    assert_eq!((planned.matched, planned.deleted), (3, 0));
    assert_eq!(house.ingest.catalog.len(), 7);
    let tags = house
        .delete(&["seriesByTag('name=m', 'dc=~e.*')"], false)
        .unwrap();
    assert_eq!(tags.deleted, 1);
    assert_eq!(house.ingest.catalog.id("m;dc=east;host=1"), None);
    let regex = select(&[], &["^b\\.(old|x)$"]);
    let gone = house.lifecycle.delete(&regex, false, 0, &Stop::default());
    assert_eq!(gone.unwrap().deleted, 1);
    assert_eq!(house.delete(&["a.web*.cpu"], false).unwrap().deleted, 2);
    let left = house.ingest.catalog.definitions();
    let left: Vec<Arc<str>> = left.map(|series| series.name).collect();
    assert_eq!(left.len(), 3, "{left:?}");
    assert_eq!(house.delete(&["nothing.*"], false).unwrap().matched, 0);
    house.end();
}

#[test]
fn patterns_that_make_no_sense_are_refused_by_name_and_change_nothing() {
    let house = House::new("10s:6h");
    house.send("a", NOW, 1.0);
    house.settle();
    for bad in [
        "",
        " ",
        "seriesByTag('x')",
        "seriesByTag()",
        "seriesByTag('a=b'",
        "seriesByTag('a=')",
    ] {
        let error = house.delete(&[bad], false).unwrap_err();
        assert!(error.is_bad_input(), "{bad}: {error}");
        assert!(!error.to_string().contains('\n'), "{error}");
    }
    let regex = select(&[], &["(unclosed"]);
    let error = house.lifecycle.delete(&regex, false, 0, &Stop::default());
    assert!(error.unwrap_err().to_string().contains("(unclosed"));
    let nothing = house
        .lifecycle
        .delete(&Selection::default(), false, 0, &Stop::default());
    assert!(nothing.unwrap_err().is_bad_input());
    assert_eq!(house.ingest.catalog.len(), 1);
    house.end();
}

#[test]
fn deleted_name_comes_back_without_a_past() {
    let house = House::new("10s:6h");
    house.send("a", NOW - 20, 1.0);
    house.settle();
    let first = house.ingest.catalog.id("a").unwrap();
    house.delete(&["a"], false).unwrap();
    house.send("a", NOW, 2.0);
    house.settle();
    assert_ne!(house.ingest.catalog.id("a"), Some(first));
    assert_eq!(house.points("a", 3600), [(NOW, 2.0)]);
    house.end();
}

#[test]
fn stopped_deletion_leaves_whole_series() {
    let house = House::new("10s:6h");
    house.send("a", NOW, 1.0);
    house.settle();
    let stop = Stop::default();
    stop.ask();
    let deleted = house
        .lifecycle
        .delete(&select(&["a"], &[]), false, 0, &stop)
        .unwrap();
    assert!(deleted.stopped && deleted.deleted == 0 && deleted.matched == 1);
    assert_eq!(house.points("a", 60), [(NOW, 1.0)]);
    assert_eq!(house.lifecycle.progress(), None);
    house.end();
}

#[test]
fn only_series_without_a_readable_point_expire_by_default() {
    let house = House::new("10s:1h,1m:6h");
    for name in ["dead", "old", "alive"] {
        house.send_minute(name, NOW);
    }
    let expire = |older_than, dry_run| {
        let all = Selection::default();
        let stop = Stop::default();
        house
            .lifecycle
            .expire(&all, older_than, dry_run, NAMES_SHOWN, &stop)
            .unwrap()
    };
    house.clock.set(NOW + 3 * 3600);
    house.send_minute("old", NOW + 3 * 3600);
    assert_eq!(expire(None, false).expired, 0, "all can be read");
    house.clock.set(NOW + 7 * 3600);
    house.send_minute("alive", NOW + 7 * 3600);
    let planned = expire(None, true);
    assert_eq!(
        (planned.examined, planned.matched, planned.expired),
        (3, 1, 0)
    );
    assert_eq!(
        (&*planned.series[0].name, planned.series[0].newest),
        ("dead", None)
    );
    assert_eq!(expire(None, false).expired, 1);
    assert_eq!(house.ingest.catalog.id("dead"), None);
    // `old` is four hours old by now and can be read.
    assert_eq!(expire(Some(5 * 3600), false).expired, 0);
    let planned = expire(Some(3 * 3600), true);
    // Its last minute, or the last point of it while the finer archive's block has not left yet.
    let newest = planned.series[0].newest.unwrap() - (NOW + 3 * 3600);
    assert!([-60, -10].contains(&newest), "{newest}");
    assert_eq!(expire(Some(3 * 3600), false).expired, 1);
    assert_eq!(house.ingest.catalog.len(), 1);
    house.end();
}

#[test]
fn plan_groups_what_changes_and_says_what_it_takes() {
    let house = House::new("10s:1h");
    for number in 0..7 {
        house.send(&format!("n{number}"), NOW, 1.0);
    }
    house.settle();
    let plan = house
        .lifecycle
        .retention_plan(&Selection::default())
        .unwrap();
    assert_eq!((plan.examined, plan.matched, plan.moves.len()), (7, 0, 0));
    house.set_schema("10s:2h,1m:1d");
    let plan = house
        .lifecycle
        .retention_plan(&select(&["n[0-4]"], &[]))
        .unwrap();
    assert_eq!((plan.examined, plan.matched), (5, 5));
    let change = &plan.moves[0];
    assert_eq!((change.series, change.redefine_only), (5, false));
    assert_eq!(change.from.retention, "10s:1h");
    assert_eq!(change.to.retention, "10s:2h,1m:1d");
    house.end();
}

/// Sends a point every ten seconds until the clock shows `until`.
fn feed(house: &House, names: &[&str], until: i64) {
    while house.clock.now() < until {
        let now = house.clock.now() + 10;
        house.clock.set(now);
        for (place, name) in names.iter().enumerate() {
            house.send(name, now, (now / 10 % 1000) as f64 + place as f64);
        }
        house.settle();
    }
}

fn apply(lifecycle: &Lifecycle) -> Applied {
    let all = Selection::default();
    lifecycle
        .retention_apply(&all, false, &Stop::default())
        .unwrap()
}

#[test]
fn series_moves_to_longer_archives_with_every_value_and_goes_on() {
    let house = House::new("10s:1h,1m:1d");
    feed(&house, &["a.b", "a.c;t=1"], NOW + 5000);
    let now = house.clock.now();
    let fine = house.points("a.b", 3600);
    let coarse = house.points("a.b", 86_000);
    let id = house.ingest.catalog.id("a.b");
    house.set_schema("10s:6h,1m:7d,10m:30d");
    let dry = house
        .lifecycle
        .retention_apply(&Selection::default(), true, &Stop::default());
    assert_eq!(dry.unwrap().plan.matched, 2);
    assert_eq!(house.ingest.catalog.id("a.b"), id);
    let applied = apply(&house.lifecycle);
    assert_eq!((applied.moved, applied.skipped), (2, 0));
    assert_ne!(house.ingest.catalog.id("a.b"), id);
    assert_eq!(house.points("a.b", 3600), fine);
    assert_eq!(house.points("a.b", 86_000 * 6), coarse);
    assert!(!house.points("a.b", 86_400 * 20).is_empty());
    feed(&house, &["a.b", "a.c;t=1"], now + 3000);
    let later = house.points("a.b", 6600);
    assert_eq!(later.len(), 660);
    assert!(
        later
            .iter()
            .all(|(time, value)| *value == (time / 10 % 1000) as f64)
    );
    assert_eq!(apply(&house.lifecycle).plan.matched, 0);
    house.end();
}

#[test]
fn series_moves_to_coarser_and_shorter_archives() {
    let house = House::new("10s:2h");
    feed(&house, &["a"], NOW + 3000);
    let fine = house.points("a", 3600);
    house.set_schema("1m:1h,10m:1d");
    assert_eq!(apply(&house.lifecycle).moved, 1);
    let minutes = house.points("a", 3600);
    let window = |time: i64| {
        fine.iter()
            .filter(move |(at, _)| at.div_euclid(60) * 60 == time)
    };
    for &(time, value) in &minutes[1..minutes.len() - 1] {
        let sum: f64 = window(time).map(|(_, value)| value).sum();
        assert_eq!(value, sum / window(time).count() as f64, "{time}");
    }
    assert!(minutes.len() > 45);
    house.end();
}

#[test]
fn change_of_the_method_keeps_the_history_and_the_id() {
    let house = House::new("10s:1h,1m:1d");
    feed(&house, &["a"], NOW + 300);
    let id = house.ingest.catalog.id("a").unwrap();
    let rule = AggregationRule {
        name: "sums".to_owned(),
        pattern: NamePattern::new("").unwrap(),
        rollup: Rollup {
            method: crate::metric::AggregationMethod::Sum,
            x_files_factor: 0.0,
        },
    };
    let schemas = house.ingest.schemas.load();
    let with_sums = Schemas::new(schemas.schemas().to_vec(), vec![rule.clone()]);
    house.ingest.schemas.store(Arc::new(with_sums));
    let applied = apply(&house.lifecycle);
    assert_eq!((applied.moved, applied.redefined), (0, 1));
    assert!(applied.plan.moves[0].redefine_only);
    assert_eq!(house.ingest.catalog.id("a"), Some(id));
    assert_eq!(house.ingest.store.definition(id).unwrap().1, rule.rollup);
    assert_eq!(house.points("a", 3600).len(), 30);
    house.end();
}

#[test]
fn points_that_come_while_series_move_are_all_there_afterwards() {
    let house = House::new("10s:1h,1m:1d");
    let names: Vec<String> = (0..200).map(|number| format!("n.{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    feed(&house, &names, NOW + 2000);
    let first = house.clock.now();
    house.set_schema("10s:6h,5m:30d");
    let lifecycle = &house.lifecycle;
    std::thread::scope(|scope| {
        let moving = scope.spawn(|| apply(lifecycle));
        let mut router = Router::new(Arc::clone(&house.ingest.routes));
        let mut round = 0;
        while !moving.is_finished() || round < 6 {
            round += 1;
            // The same few slots again and again: the last value wins, moved or not.
            for name in &names {
                let slot = first + (round % 6) * 10;
                router.push(name.as_bytes(), slot, round as f64, Peer::Own("test"));
            }
            while !router.is_empty() {
                router.try_send();
            }
        }
        assert_eq!(moving.join().unwrap().moved, 200);
        house.clock.set(first + 50);
        house.settle();
        for name in &names {
            let points = house.points(name, 50);
            assert_eq!(points.len(), 5, "{name}");
            for (time, value) in points {
                let newest = (0..=round)
                    .rev()
                    .find(|round| first + round % 6 * 10 == time);
                assert_eq!(value, newest.unwrap() as f64, "{name} {time}");
            }
            assert_eq!(house.points(name, 2000).len(), 200, "{name}");
        }
    });
    house.end();
}

#[test]
fn rule_expires_dead_series_but_never_all_of_them() {
    let house = House::new("10s:1h,1m:6h");
    for name in ["dead", "alive"] {
        house.send(name, NOW, 1.0);
    }
    house.settle();
    house.clock.set(NOW + 5 * 3600);
    let by_rule = || house.lifecycle.expire_by_rule(2 * 3600).unwrap();
    assert_eq!(by_rule(), 0, "the feed or the clock is at fault");
    house.send("alive", NOW + 5 * 3600, 1.0);
    house.settle();
    assert_eq!(by_rule(), 1);
    assert_eq!(house.ingest.catalog.id("dead"), None);
    assert_eq!(by_rule(), 0);
    house.lifecycle.close();
    house.clock.set(NOW + 20 * 3600);
    house.send("new", NOW + 20 * 3600, 1.0);
    house.settle();
    assert_eq!(by_rule(), 0, "the daemon ends");
    house.end();
}
