//! Reading: a day of one series and of a thousand, cold and warm, from the native engine and from
//! Whisper files with the same points, as JSON.
//!
//! `cargo bench --bench read`. `READ_SERIES` series (2,000) get a point every 10 s for 26 hours, a
//! quarter each of counters, constants, two-decimal walks and random floats; the archive holds two
//! days. The same points go to one `.wsp` file a series. Both are read over the last 24 hours:
//!
//! - *one_cold*: one random series, nothing of the data in the page cache. Before each read every file
//!   is evicted (`posix_fadvise(DONTNEED)` after a sync, while nothing maps it); the native store is
//!   then opened anew, which is not timed, and so are the `.wsp` files, which is.
//! - *one_warm*: random series one after the other, all of it in the page cache.
//! - *thousand_cold*, *thousand_warm*: a thousand series, one request.
//!
//! `whisper` is this project's reader of the format (open, header, the slots that the range needs);
//! `python` is the reference package from PyPI, if `tests/install.sh` has installed it. Folders are in
//! the system's temporary folder; set `TMPDIR` to choose the disk: on tmpfs nothing is ever cold.

mod whisper;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use plumbago::metric::{Retention, Rollup, SeriesId};
use plumbago::storage::strata::{Strata, StrataConfig};
use plumbago::storage::{SeriesDefinition, ShardWriter, Store, TimeRange};

pub(crate) const STEP_S: i64 = 10;
pub(crate) const ARCHIVE_POINTS: u32 = 17_280;
const START: i64 = 1_700_000_000 / 7200 * 7200;
const STEPS: i64 = 26 * 360;
const NOW: i64 = START + (STEPS - 1) * STEP_S;
pub(crate) const DAY_S: i64 = 86_400;
/// Random reads of one series: cold ones need an eviction each.
const ONE_COLD: u32 = 30;
const ONE_WARM: u32 = 2000;
const THOUSANDS: u32 = 5;

/// The middle time of a read in microseconds, by kind.
type Times = [(&'static str, f64); 4];

fn main() {
    let series = std::env::var("READ_SERIES").ok();
    let series: u32 = series.and_then(|text| text.parse().ok()).unwrap_or(2000);
    assert!(series >= 1000, "a thousand series are read at once");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let native = folder.path().join("native");
    let classic = folder.path().join("classic");
    let files: Vec<PathBuf> = (0..series)
        .map(|id| classic.join(format!("series{id}.wsp")))
        .collect();
    fill(&native, series);
    fs::create_dir_all(&classic).expect("a folder for Whisper files");
    for (id, path) in files.iter().enumerate() {
        whisper::write(path, &points(id as u32), NOW);
    }
    compare(&native, &files);
    let ours = time_native(&native, series);
    let theirs = whisper::time(&files, &evict_of(&classic));
    print_times("native", &ours, &ours);
    print_times("whisper", &theirs, &ours);
    match whisper::time_python(&files, NOW) {
        Some(times) => print_times("python", &times, &ours),
        None => println!("{{\"reader\":\"python\",\"left_out\":\"run tests/install.sh\"}}"),
    }
}

fn print_times(reader: &str, times: &Times, ours: &Times) {
    let fields: Vec<String> = times
        .iter()
        .zip(ours)
        .map(|((kind, time), (_, native))| {
            format!(
                "\"{kind}_us\":{time:.1},\"{kind}_ratio\":{:.2}",
                time / native
            )
        })
        .collect();
    println!("{{\"reader\":\"{reader}\",{}}}", fields.join(","));
}

/// A series' values are drawn from its number.
fn points(id: u32) -> Vec<(i64, f64)> {
    let mut random = 0x9e37_79b9_7f4a_7c15 ^ u64::from(id + 1) << 20;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let mut value = (next() % 10_000) as f64 / 100.0;
    let values = (0..STEPS).map(|step| {
        match id % 4 {
            0 => value = value.trunc() + (next() % 1000) as f64,
            1 => {}
            2 => value = ((value * 100.0).round() + (next() % 101) as f64 - 50.0) / 100.0,
            _ => value = (next() >> 11) as f64 / (1u64 << 53) as f64,
        }
        (START + step * STEP_S, value)
    });
    values.collect()
}

fn open(folder: &Path, series: u32) -> (Strata, Box<dyn ShardWriter>) {
    let config = StrataConfig {
        shards: 1,
        ..StrataConfig::new(folder)
    };
    let store = Strata::open(&config).expect("the folder opens");
    let mut writer = store.writer(0);
    let text = format!("{STEP_S}s:{}s", STEP_S * i64::from(ARCHIVE_POINTS));
    let retention = Arc::new(Retention::parse(&text).expect("a valid retention"));
    for id in 0..series {
        let definition = SeriesDefinition {
            id: SeriesId(id),
            name: Arc::from("read"),
            retention: Arc::clone(&retention),
            rollup: Rollup::default(),
        };
        writer.define(&definition).expect("a series is defined");
    }
    (store, writer)
}

fn fill(folder: &Path, series: u32) {
    fs::create_dir_all(folder).expect("a folder for the store");
    let (store, mut writer) = open(folder, series);
    let all: Vec<_> = (0..series).map(points).collect();
    for step in 0..STEPS as usize {
        let now = all[0][step].0;
        for (id, points) in all.iter().enumerate() {
            let stored = writer.store(SeriesId(id as u32), now, points[step].1, now);
            stored.expect("a point of now is stored");
        }
        let _ = writer.maintain(now, Duration::from_millis(2));
    }
    // Merging goes on in the background; it is waited for until nothing changes any more.
    let mut former = 0;
    loop {
        std::thread::sleep(Duration::from_secs(2));
        let sealed = store.statistics().bytes_on_disk;
        if sealed == former {
            break;
        }
        former = sealed;
    }
    store.sync().expect("a sync");
}

fn range() -> TimeRange {
    TimeRange {
        from: NOW - DAY_S,
        until: NOW,
        now: NOW,
    }
}

fn values(store: &Strata, id: u32) -> Vec<f64> {
    let fetched = store.fetch(SeriesId(id), range()).expect("a read");
    fetched.expect("the series is known").values
}

/// Both must hold the same, or their times mean nothing.
fn compare(native: &Path, files: &[PathBuf]) {
    let (store, _writer) = open(native, files.len() as u32);
    for (id, path) in files.iter().enumerate().step_by(97) {
        let bits =
            |values: Vec<f64>| -> Vec<u64> { values.into_iter().map(f64::to_bits).collect() };
        let (ours, theirs) = (values(&store, id as u32), whisper::read(path));
        assert_eq!(bits(ours), bits(theirs), "series {id}");
    }
}

/// A walk over all series that looks random and is the same each time.
pub(crate) fn scattered(count: u32, series: u32) -> impl Iterator<Item = u32> {
    (0..count).map(move |turn| (turn.wrapping_mul(2_654_435_761) >> 7) % series)
}

fn time_native(folder: &Path, series: u32) -> Times {
    let evict = evict_of(folder);
    let cold = |ids: &mut dyn Iterator<Item = u32>| {
        evict();
        let (store, _writer) = open(folder, series);
        elapsed(|| ids.for_each(|id| drop(values(&store, id))))
    };
    let one_cold = scattered(ONE_COLD, series).map(|id| cold(&mut std::iter::once(id)));
    let one_cold = middle(one_cold.collect());
    let thousand_cold = middle((0..THOUSANDS).map(|_| cold(&mut (0..1000))).collect());
    let (store, _writer) = open(folder, series);
    let one = |id| elapsed(|| drop(values(&store, id)));
    scattered(ONE_WARM, series).for_each(|id| drop(values(&store, id)));
    let one_warm = middle(scattered(ONE_WARM, series).map(one).collect());
    let thousand = || elapsed(|| (0..1000).for_each(|id| drop(values(&store, id))));
    let thousand_warm = middle((0..THOUSANDS).map(|_| thousand()).collect());
    [
        ("one_cold", one_cold),
        ("one_warm", one_warm),
        ("thousand_cold", thousand_cold),
        ("thousand_warm", thousand_warm),
    ]
}

/// Microseconds.
pub(crate) fn elapsed(work: impl FnOnce()) -> f64 {
    let started = Instant::now();
    work();
    started.elapsed().as_secs_f64() * 1e6
}

pub(crate) fn middle(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// What takes all files of a folder out of the page cache.
fn evict_of(folder: &Path) -> impl Fn() {
    let mut files = Vec::new();
    collect(folder, &mut files);
    move || {
        for path in &files {
            if let Ok(file) = File::open(path) {
                let _ = file.sync_all();
                let advice = rustix::fs::Advice::DontNeed;
                rustix::fs::fadvise(&file, 0, None, advice).expect("the advice is taken");
            }
        }
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder)
        .expect("a folder of the bench")
        .flatten()
    {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}
