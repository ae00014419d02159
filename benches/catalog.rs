//! What the catalog costs at a million series: memory, creation, opening, finding.
//!
//! `cargo bench --bench catalog` prints a table of the first three, measured once in processor time,
//! and then lets divan measure the finds.

use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use plumbago::catalog::{Catalog, FindOptions, NameTable};
use plumbago::metric::{Retention, Rollup, name};

const SERIES: usize = 1_000_000;
const SHARDS: usize = 2;

/// Counts what is allocated and not freed.
struct Counting;

static HELD: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count(bytes: usize) {
    let held = HELD.fetch_add(bytes, Ordering::Relaxed) + bytes;
    PEAK.fetch_max(held, Ordering::Relaxed);
}

// SAFETY: every call is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps `dealloc`'s contract.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps `realloc`'s contract.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// A hundred series a host, ten thousand hosts, four nodes a name.
fn wide_name(number: usize) -> String {
    let (host, metric) = (number / 100, number % 100);
    format!(
        "servers.dc{}.web{host:06}.collectd_cpu_percent_{metric:02}",
        host % 4
    )
}

/// Agents with 250 series of deeper names; every host has all of its own, in runs.
fn deep_name(number: usize) -> String {
    let (host, metric) = (number / 250, number % 250);
    let (plugin, rest) = (metric / 25, metric % 25);
    format!(
        "prod.eu-west.host{host:05}.plugin{plugin}.instance{}.value_{}",
        rest / 5,
        rest % 5
    )
}

/// As `wide_name`, tagged.
fn tagged_name(number: usize) -> String {
    let (host, metric) = (number / 100, number % 100);
    format!(
        "cpu.percent;core={metric};dc=dc{};host=web{host:06}",
        host % 4
    )
}

/// Time spent on a processor by this thread, which other work on the machine hardly changes.
struct Stopwatch(f64);

impl Stopwatch {
    fn start() -> Self {
        Self(Self::now())
    }

    fn seconds(&self) -> f64 {
        Self::now() - self.0
    }

    fn now() -> f64 {
        let mut time = libc::timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        // SAFETY: the pointer is to a timespec that lives through the call.
        let status = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
        assert_eq!(status, 0);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    }
}

fn create(catalog: &Catalog, tables: &mut [NameTable], names: &[String]) {
    let retention = Arc::new(Retention::parse("10s:6h,1m:7d,10m:1y").expect("it is well formed"));
    for text in names {
        let hash = name::hash(text.as_bytes());
        let table = &mut tables[name::shard_of(hash, SHARDS)];
        assert!(table.lookup(hash, text.as_bytes()).is_none());
        let id = catalog.create(text, hash, &retention, Rollup::default());
        table.insert(hash, text, id.expect("there is room"));
    }
}

fn new_tables() -> Vec<NameTable> {
    (0..SHARDS).map(|_| NameTable::new()).collect()
}

fn report(label: &str, name_of: fn(usize) -> String) {
    let names: Vec<String> = (0..SERIES).map(name_of).collect();
    let name_bytes = names.iter().map(String::len).sum::<usize>() / SERIES;
    println!("{label}: {SERIES} names of {name_bytes} bytes");

    let before = HELD.load(Ordering::Relaxed);
    let (catalog, mut tables) = (Catalog::in_memory(), new_tables());
    let start = Stopwatch::start();
    create(&catalog, &mut tables, &names);
    let seconds = start.seconds();
    let held = HELD.load(Ordering::Relaxed) - before;
    drop(tables);
    let without_tables = HELD.load(Ordering::Relaxed) - before;
    println!(
        "  memory       {:>8.1} bytes a series, {:.1} of them the shards' name tables",
        held as f64 / SERIES as f64,
        (held - without_tables) as f64 / SERIES as f64
    );
    println!(
        "  create       {:>8.0} ns a series in memory",
        seconds * 1e9 / SERIES as f64
    );
    drop(catalog);

    let folder = tempfile::tempdir().expect("a temporary folder");
    let (catalog, _) = Catalog::open(folder.path()).expect("an empty folder opens");
    let start = Stopwatch::start();
    create(&catalog, &mut new_tables(), &names);
    let seconds = start.seconds();
    println!(
        "  create       {:>8.0} ns a series with its log",
        seconds * 1e9 / SERIES as f64
    );
    drop(names);
    let start = Stopwatch::start();
    catalog.close().expect("a sync");
    println!("  sync         {:>8.0} ms", start.seconds() * 1e3);
    drop(catalog);
    open("log", folder.path());
    let (catalog, _) = Catalog::open(folder.path()).expect("it opens");
    let start = Stopwatch::start();
    catalog.snapshot().expect("a snapshot");
    println!("  snapshot     {:>8.0} ms", start.seconds() * 1e3);
    drop(catalog);
    open("snapshot", folder.path());
}

fn open(from: &str, folder: &Path) {
    let before = HELD.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let start = Stopwatch::start();
    let (catalog, _) = Catalog::open(folder).expect("it opens");
    let opened = start.seconds();
    let tables = catalog.name_tables(SHARDS);
    let with_tables = start.seconds();
    println!(
        "  open         {:>8.0} ms from a {from}, {:.0} ms with the name tables; peak {:.1} bytes a series",
        opened * 1e3,
        with_tables * 1e3,
        (PEAK.load(Ordering::Relaxed) - before) as f64 / SERIES as f64
    );
    assert_eq!(tables.iter().map(NameTable::len).sum::<usize>(), SERIES);
}

/// A million series of the wide kind and as many of `a.<200,000>.c.d.<5>`.
fn catalog() -> &'static Catalog {
    static CATALOG: OnceLock<Catalog> = OnceLock::new();
    CATALOG.get_or_init(|| {
        let catalog = Catalog::in_memory();
        let fan = |number: usize| format!("a.x{:x}y.c.d.v{}", (number / 5) * 7_919, number % 5);
        let names: Vec<_> = (0..SERIES)
            .map(wide_name)
            .chain((0..SERIES).map(fan))
            .collect();
        create(&catalog, &mut new_tables(), &names);
        catalog
    })
}

#[divan::bench(sample_count = 20, args = [
    "servers.dc1.web000013.collectd_cpu_percent_07",
    "servers.dc1.web000013.*",
    "*.*.web00001*.*",
    "servers.*.*.collectd_cpu_percent_07",
    "servers.*.*9.*_07",
    "*.*.*b00001*.*",
    "a.*b7*.c.d.*",
    "a.*b77b*.c.d.*",
    "a.*.c.d.v1",
    "**.collectd_cpu_percent_99",
    "servers.**",
])]
fn find(bencher: divan::Bencher<'_, '_>, pattern: &str) {
    let catalog = catalog();
    bencher
        .counter(divan::counter::ItemsCount::new(
            catalog
                .find(pattern, FindOptions::LEAVES)
                .map_or(0, |found| found.len()),
        ))
        .bench(|| catalog.find(pattern, FindOptions::LEAVES));
}

#[divan::bench(sample_count = 20, args = [
    &["name=cpu.percent", "core=7"][..],
    &["host=~web00001.*"],
    &["name=cpu.percent", "host=web000013"],
    &["name=cpu.percent", "dc!=dc1", "core=~7$"],
])]
fn find_by_tag(bencher: divan::Bencher<'_, '_>, expressions: &[&str]) {
    static CATALOG: OnceLock<Catalog> = OnceLock::new();
    let catalog = CATALOG.get_or_init(|| {
        let catalog = Catalog::in_memory();
        let names: Vec<_> = (0..SERIES).map(tagged_name).collect();
        create(&catalog, &mut new_tables(), &names);
        catalog
    });
    bencher.bench(|| catalog.find_series(expressions));
}

#[divan::bench]
fn lookup(bencher: divan::Bencher<'_, '_>) {
    let names: Vec<_> = (0..SERIES).map(wide_name).collect();
    let mut tables = new_tables();
    create(&Catalog::in_memory(), &mut tables, &names);
    let hashes: Vec<_> = names
        .iter()
        .map(|text| name::hash(text.as_bytes()))
        .collect();
    let mut next = 0;
    bencher.bench_local(|| {
        next = (next + 7_919) % SERIES;
        let hash = hashes[next];
        tables[name::shard_of(hash, SHARDS)].lookup(hash, names[next].as_bytes())
    });
}

fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        // `cargo test --benches` only wants to know that it builds and runs.
        return;
    }
    report("wide", wide_name);
    report("deep", deep_name);
    report("tagged", tagged_name);
    divan::main();
}
