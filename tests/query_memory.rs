//! What a query really takes from the allocator, against what is counted for it and what it may take.
//!
//! Every function of the registry is called over shapes of data that make it hold much: many series, one
//! long series, one against many, short series against a long one, long names. The allocator counts
//! everything in the process, so the tests wait for each other.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use plumbago::catalog::Catalog;
use plumbago::evaluate::{Engine, ErrorKind, RenderError, RenderRequest, Source};
use plumbago::events::EventLog;
use plumbago::functions::call::takes_series;
use plumbago::functions::{Kind, Literal, Parameter, Signature, Window, registry};
use plumbago::metric::{Retention, Rollup, name};
use plumbago::storage::memory::MemoryStore;
use plumbago::storage::{SeriesDefinition, Store};

const NOW: i64 = 1_750_000_000;
const SERIES: usize = 100;
const POINTS: i64 = 4_320;
/// Bytes of the values of `a.*`.
const VALUES: usize = SERIES * POINTS as usize * size_of::<f64>();

/// Real bytes for each byte that is counted, beside [`SLACK`]: what a query takes is at most this times
/// its limit.
const FACTOR: f64 = 1.25;

/// What two threads hold of their own whatever the query: spans of rows, a regular expression.
const SLACK: usize = 768 << 10;

/// The system's allocator with a count of what is out, and the most that was.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator as it came; counting touches nothing else.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let held = HELD.fetch_add(layout.size(), Ordering::SeqCst) + layout.size();
        PEAK.fetch_max(held, Ordering::SeqCst);
        // SAFETY: the caller keeps the rules of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::SeqCst);
        // SAFETY: the pointer came from `alloc` above with the same layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A store with the series of all shapes, for one test at a time.
struct House {
    engine: Engine,
    _alone: MutexGuard<'static, ()>,
}

/// What a query took.
struct Taken {
    /// From the allocator, at most.
    real: usize,
    /// What was counted at most; `None` when the query was refused for its limit.
    counted: Option<usize>,
}

impl House {
    fn new() -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        static ENGINE: LazyLock<Engine> = LazyLock::new(engine);
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        Self {
            engine: ENGINE.clone(),
            _alone: alone,
        }
    }

    fn take(&self, targets: &[&str], bytes_max: usize) -> Result<Taken, RenderError> {
        let window = Window {
            from: NOW - POINTS * 10,
            until: NOW,
            now: NOW,
        };
        let targets = targets.iter().map(|target| (*target).to_owned()).collect();
        let mut request = RenderRequest::new(targets, window);
        request.limits.reads.bytes_max = bytes_max;
        let before = HELD.load(Ordering::SeqCst);
        PEAK.store(before, Ordering::SeqCst);
        let answer = self.engine.render(&request);
        let real = PEAK.load(Ordering::SeqCst) - before;
        let counted = match answer {
            Ok(rendered) => Some(rendered.statistics.memory_peak),
            Err(error) if error.kind() == ErrorKind::TooLarge => None,
            Err(error) => return Err(error),
        };
        Ok(Taken { real, counted })
    }

    /// Takes a query with room for anything, and again with room for half of what it took. Bytes that
    /// were taken and not counted are faults. False when the query is an error.
    fn check(&self, targets: &[&str], faults: &mut Vec<String>) -> bool {
        let Ok(free) = self.take(targets, usize::MAX) else {
            return false;
        };
        let counted = free.counted.unwrap();
        let bound = self.take(targets, counted / 2).unwrap();
        let shown: String = targets.join(" & ").chars().take(150).collect();
        let mut expect = |real: usize, allowed: usize, what: &str| {
            if real as f64 > allowed as f64 * FACTOR + SLACK as f64 {
                faults.push(format!("{shown} took {real} bytes, {what} {allowed}"));
            }
        };
        expect(free.real, counted, "counted were");
        expect(bound.real, counted / 2, "allowed were");
        let is_refused = bound.counted.is_none() || counted == 0;
        assert!(is_refused, "{shown} had room in half of what it takes");
        true
    }
}

fn engine() -> Engine {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2);
    pool.build_global().unwrap();
    let catalog = Arc::new(Catalog::in_memory());
    let store = MemoryStore::new(1);
    let mut writer = store.writer(0);
    let mut add = |name: &str, retention: &str, points: i64| {
        let retention = Arc::new(Retention::parse(retention).unwrap());
        let (hash, rollup) = (name::hash(name.as_bytes()), Rollup::default());
        let id = catalog.create(name, hash, &retention, rollup).unwrap();
        let step = i64::from(retention.finest().step);
        let definition = SeriesDefinition {
            id,
            name: name.into(),
            retention,
            rollup,
        };
        writer.define(&definition).unwrap();
        for slot in 0..points {
            let timestamp = NOW - slot * step;
            writer.store(id, timestamp, slot as f64, NOW).unwrap();
        }
    };
    for number in 0..SERIES {
        add(&format!("a.s{number:03}"), "10s:25h", POINTS);
        add(&format!("short.s{number:03}"), "1s:3s", 3);
    }
    add("long.one", "1s:25h", POINTS * 10);
    for version in ["mark.1_0", "mark.2_0"] {
        add(version, "10s:25h", POINTS);
    }
    drop(writer);
    let store = Arc::new(store);
    let source = Source { catalog, store };
    let engine = Engine::new(source, Arc::new(EventLog::in_memory()));
    // What threads and libraries make once is no query's.
    let request = RenderRequest::new(
        vec!["sumSeries(a.*)".to_owned()],
        Window {
            from: 0,
            until: NOW,
            now: NOW,
        },
    );
    engine.render(&request).unwrap();
    engine
}

/// What the arguments of a call are.
struct Shape {
    /// The first list of series.
    first: String,
    /// The other lists.
    others: String,
    /// Text that becomes part of names.
    text: String,
}

fn shapes() -> Vec<Shape> {
    let shape = |first: &str, others: &str, text: &str| Shape {
        first: first.to_owned(),
        others: others.to_owned(),
        text: text.to_owned(),
    };
    let long = "x".repeat(20_000);
    let named = |series: &str| format!("scale(alias({series},'{long}'),2)");
    vec![
        shape("a.*", "a.*", "sum"),
        shape("long.one", "long.one", "sum"),
        shape("a.*", "a.s000", "sum"),
        shape("a.s000", "a.*", "sum"),
        shape("short.*", "long.one", "sum"),
        shape("long.one", "short.*", "sum"),
        shape("short.*", "short.s000", &long),
        shape(&named("short.*"), &named("short.s000"), "sum"),
        shape("short.*", &named("short.s000"), "sum"),
    ]
}

/// Calls of a function over a shape: with what it needs, and with all that it takes.
fn calls(signature: &Signature, shape: &Shape) -> [String; 2] {
    let call = |is_whole: bool| {
        let mut is_first = true;
        let mut arguments = Vec::new();
        for parameter in signature.parameters {
            if is_whole || parameter.required || (parameter.multiple && is_first) {
                arguments.push(argument(signature.names[0], parameter, shape, is_first));
            }
            is_first &= !takes_series(parameter.kind);
        }
        format!("{}({})", signature.names[0], arguments.join(","))
    };
    [call(false), call(true)]
}

fn argument(function: &str, parameter: &Parameter, shape: &Shape, is_first: bool) -> String {
    if let Some(special) = special_argument(function, parameter.name) {
        return special.to_owned();
    }
    let options = registry::options(parameter);
    let mut literals = options.iter().chain(&parameter.default);
    let literal = literals.find(|literal| **literal != Literal::Null);
    if let Some(literal) = literal.or(parameter.suggestions.first()) {
        return literal_text(*literal);
    }
    let series = if is_first {
        &shape.first
    } else {
        &shape.others
    };
    match parameter.kind {
        Kind::SeriesLists => format!("mapSeries({series},1)"),
        kind if takes_series(kind) => series.clone(),
        Kind::Boolean => "true".to_owned(),
        Kind::Float => "2.5".to_owned(),
        Kind::Integer | Kind::IntOrInf => "3".to_owned(),
        Kind::IntOrInterval | Kind::Interval => "'5min'".to_owned(),
        Kind::Date => "'-1h'".to_owned(),
        Kind::Node | Kind::NodeOrTag => "1".to_owned(),
        Kind::Tag => "'name'".to_owned(),
        _ => format!("'{}'", shape.text),
    }
}

/// Arguments that make a function do much, or do anything at all.
fn special_argument(function: &str, parameter: &str) -> Option<&'static str> {
    Some(match (function, parameter) {
        ("aliasQuery" | "useSeriesAbove", "search") => "'^.+$'",
        ("aliasQuery" | "useSeriesAbove", "replace") => "'long.one'",
        ("aliasQuery", "newName") => "'%d'",
        ("applyByNode", "templateFunction") => "'scale(%.*,2)'",
        ("applyByNode", "nodeNum") => "0",
        ("areaBetween", _) => "{a.s000,long.one}",
        ("holtWintersConfidenceArea", "seriesList") => "long.one",
        ("legendValue", "valuesTypes") => "'avg'",
        ("reduceSeries", "reduceFunction") => "'sumSeries'",
        ("timeShiftByMetric", "markSource") => "mark.*",
        ("timeShiftByMetric", "versionRankIndex") => "0",
        ("exclude" | "grep", "pattern") => "'s0'",
        (_, "bootstrapInterval" | "intervalUnit") => "'1h'",
        (_, "intervalString") => "'1s'",
        (_, "seasonality" | "timeShift" | "timeShiftUnit" | "interval") => "'10min'",
        (_, "reduceMatchers") => "'s001'",
        (_, "search") => "'^'",
        (_, "step") => "1",
        (_, "timeShiftEnd") => "5",
        _ => return None,
    })
}

fn literal_text(literal: Literal) -> String {
    match literal {
        Literal::Null => "None".to_owned(),
        Literal::Boolean(value) => value.to_string(),
        Literal::Integer(number) => number.to_string(),
        Literal::Float(number) => number.to_string(),
        Literal::String(text) => format!("'{text}'"),
    }
}

#[test]
fn every_function_takes_what_is_counted() {
    let house = House::new();
    let mut faults = Vec::new();
    let mut unseen: BTreeSet<&str> = BTreeSet::new();
    for signature in registry::all().map(|function| function.signature()) {
        // Many take one list only, or nothing that can be left out: each call once.
        let shapes = shapes();
        let calls = shapes.iter().flat_map(|shape| calls(signature, shape));
        let calls: BTreeSet<String> = calls.collect();
        let mut answered = 0;
        for call in &calls {
            answered += usize::from(house.check(&[call], &mut faults));
        }
        if answered == 0 {
            unseen.insert(signature.names[0]);
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    // It is a leaf: evaluation reads it itself.
    assert_eq!(Vec::from_iter(unseen), ["seriesByTag"]);
}

#[test]
fn whole_requests_take_what_is_counted() {
    let house = House::new();
    let many: Vec<String> = (0..30)
        .map(|number| format!("scale(a.*,{number})"))
        .collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let requests: &[&[&str]] = &[
        &many,
        &["a.*", "a.*", "sumSeries(a.*)", "scale(a.*,2)"],
        &["timeStack(a.*,'1h',0,20)"],
        &["timeStack(timeStack(a.*,'1h',0,5),'1h',0,5)"],
        &["timeShift(timeShift(a.*,'1h'),'1h')", "timeShift(a.*,'1h')"],
        &["group(a.*,long.*,short.*)|scale(2)"],
        &["group(scale(a.*,1),scale(a.*,2),scale(a.*,3))"],
        &["group(group(a.*,a.*),group(a.*,a.*))|invert()"],
        &["applyByNode(a.*,1,'group(scale(%,2),scale(%,3))')"],
        &["applyByNode(a.*,1,'group(a.*,%)')"],
        &["aliasQuery(a.*,'^.+$','movingMedian(long.one,5)','%d')"],
        &["useSeriesAbove(a.*,-1,'^.+$','scale(a.*,2)')"],
        &["asPercent(scale(a.*,1),sumSeries(scale(a.*,1)))"],
        &["divideSeries(short.*,sumSeries(scale(scale(a.*,1),2)))"],
        &["group(randomWalk('a',1),randomWalk('b',1),randomWalk('c',1))"],
        &["movingMax(derivative(movingMedian(a.*,9)),5)|sortByMaxima()"],
        &["holtWintersAberration(movingAverage(a.*,5),3,'2h','10min')"],
        &[
            "aliasSub(aliasSub(short.*,'(.*)','\\1\\1\\1\\1\\1\\1\\1\\1'),'(.*)','\\1\\1\\1\\1\\1\\1')",
        ],
    ];
    let mut faults = Vec::new();
    for targets in requests {
        assert!(house.check(targets, &mut faults), "{targets:?} failed");
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn what_fits_is_answered() {
    let house = House::new();
    let is_answered = |target: &str, limit: usize| {
        let taken = house.take(&[target], limit).unwrap();
        taken.counted.is_some()
    };
    // Values are there once, twice with all results, and not at all.
    for target in [
        "a.*",
        "sumSeries(a.*)",
        "scale(a.*,2)",
        "movingMedian(a.*,9)",
    ] {
        assert!(is_answered(target, VALUES * 5 / 4), "{target}");
        assert!(!is_answered(target, VALUES / 2), "{target}");
    }
    assert!(is_answered(
        "holtWintersForecast(a.*,'1h','10min')",
        VALUES * 5 / 4
    ));
    assert!(is_answered("fft(a.*)", VALUES * 5 / 2));
}

#[test]
fn names_that_would_double_without_end_are_refused() {
    let house = House::new();
    let doubled = |inner: String, _| format!("aliasSub({inner},'(.*)','\\1\\1')");
    let target = (0..40).fold("a.s000".to_owned(), doubled);
    let error = house.take(&[&target], usize::MAX).err().unwrap();
    assert!(error.to_string().contains("longer"), "{error}");
}
