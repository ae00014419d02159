//! `plumbago import` of full Whisper files: files a second of one core, what strata takes of the tree's
//! size, and the comparison of every slot.
//!
//! ```sh
//! cargo bench --bench import -- --files 10000
//! ```
//!
//! 10s:6h,1m:7d,10m:1y, a quarter each of counters (+0..999 a step), constants, two-decimal walks
//! (+-0.50) and full-precision random floats. A year of ten-second steps is generated for each series
//! and rolled up by averages, as carbon would have. 10,000 files take 7.8 GB, in the folder of
//! `TMPDIR`; all is removed at the end.

#![allow(clippy::unwrap_used, reason = "a bench that cannot go on has failed")]

use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use plumbago_storage_format::whisper::{ArchiveSpec, Dialect, Header, Method};
use rayon::prelude::*;

const ARCHIVES: [(u32, u32); 3] = [(10, 2160), (60, 10_080), (600, 52_560)];
const YEAR_STEPS: i64 = 31_536_000 / 10;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |flag: &str, default: usize| {
        let at = arguments.iter().position(|argument| argument == flag);
        at.and_then(|at| arguments.get(at + 1)?.parse().ok())
            .unwrap_or(default)
    };
    let files = number("--files", 400);
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = number("--threads", processors);
    let folder = tempfile::tempdir().unwrap();
    let (tree, data) = (folder.path().join("whisper"), folder.path().join("data"));
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs() as i64;
    let started = Instant::now();
    (0..files)
        .into_par_iter()
        .for_each(|file| write_file(&tree, file, now));
    println!(
        "{files} files written in {:.1} s",
        started.elapsed().as_secs_f64()
    );

    let plain = import(&tree, &data, now, threads, &[]);
    let compared = import(&tree, &data, now, threads, &["--verify"]);
    let (whisper, strata) = (bytes_below(&tree), bytes_below(&data));
    let points = files as f64
        * ARCHIVES
            .iter()
            .map(|archive| f64::from(archive.1))
            .sum::<f64>();
    let rate = files as f64 / plain.cpu.as_secs_f64();
    println!(
        "import: {:.1} s with {threads} threads, {:.1} s of CPU: {rate:.0} files a second a core (100 wanted)",
        plain.wall.as_secs_f64(),
        plain.cpu.as_secs_f64(),
    );
    println!(
        "disk: {:.0} MB of {:.0} MB, {:.1} % (25 at most), {:.2} bytes a point",
        strata as f64 / 1e6,
        whisper as f64 / 1e6,
        strata as f64 * 100.0 / whisper as f64,
        strata as f64 / points,
    );
    println!(
        "verify: {} s, {}",
        compared.wall.as_secs(),
        compared
            .output
            .lines()
            .find(|line| line.starts_with("verified"))
            .unwrap_or("failed")
    );
}

struct Run {
    wall: Duration,
    cpu: Duration,
    output: String,
}

fn import(tree: &Path, data: &Path, now: i64, threads: usize, flags: &[&str]) -> Run {
    let started = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_plumbago"))
        .arg("import")
        .arg(tree)
        .arg("--into")
        .arg(data)
        .args(["--at", &now.to_string(), "--threads", &threads.to_string()])
        .args(flags)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stat = format!("/proc/{}/stat", child.id());
    let mut output = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut output)
        .unwrap();
    let wall = started.elapsed();
    // A process that nobody has waited for shows what it used in all.
    let usage = loop {
        let text = fs::read_to_string(&stat).unwrap();
        let fields: Vec<&str> = text[text.rfind(')').unwrap() + 2..].split(' ').collect();
        if fields[0] == "Z" {
            break fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        }
        std::thread::yield_now();
    };
    let status = child.wait().unwrap();
    assert!(status.success(), "{status}");
    Run {
        wall,
        cpu: Duration::from_millis(usage * 10),
        output,
    }
}

fn write_file(tree: &Path, file: usize, now: i64) {
    let specs = ARCHIVES.map(|(step_s, points)| ArchiveSpec { step_s, points });
    let header = Header::new(&specs, Method::Average, 0.5, Dialect::Reference).unwrap();
    let mut image = header.image();
    let mut load = Load::new(file);
    let last = now / 10;
    let (mut minute, mut ten_minutes) = (Mean::default(), Mean::default());
    for step in last - YEAR_STEPS - 120..=last {
        let time = step * 10;
        let value = load.next();
        put(&header, &mut image, 0, time, value, now);
        minute.add(value);
        if (time + 10) % 60 != 0 && step != last {
            continue;
        }
        // The window that the present lies in is rolled up from what there is, half of it at least.
        if let Some(mean) = minute.take(3) {
            put(&header, &mut image, 1, time - time % 60, mean, now);
            ten_minutes.add(mean);
        }
        if ((time + 10) % 600 == 0 || step == last)
            && let Some(mean) = ten_minutes.take(5)
        {
            put(&header, &mut image, 2, time - time % 600, mean, now);
        }
    }
    let path = tree.join(format!("load/s{}/m{file}.wsp", file % 100));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, image).unwrap();
}

fn put(header: &Header, image: &mut [u8], archive: usize, time: i64, value: f64, now: i64) {
    let archive = &header.archives()[archive];
    if now - time >= archive.retention_s() as i64 {
        return;
    }
    let slot = time / i64::from(archive.step_s()) % i64::from(archive.points());
    let at = archive.offset_bytes() as usize + slot as usize * 12;
    image[at..at + 4].copy_from_slice(&(time as u32).to_be_bytes());
    image[at + 4..at + 12].copy_from_slice(&value.to_be_bytes());
}

#[derive(Default)]
struct Mean {
    sum: f64,
    count: u32,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1;
    }

    fn take(&mut self, least: u32) -> Option<f64> {
        let Self { sum, count } = std::mem::take(self);
        (count >= least).then(|| sum / f64::from(count))
    }
}

/// The values of one series.
struct Load {
    state: u64,
    kind: usize,
    integer: i64,
}

impl Load {
    fn new(file: usize) -> Self {
        Self {
            state: file as u64 + 1,
            kind: file % 4,
            integer: file as i64 * 7 % 1000,
        }
    }

    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn next(&mut self) -> f64 {
        match self.kind {
            0 => {
                self.integer += (self.random() % 1000) as i64;
                self.integer as f64
            }
            1 => self.integer as f64,
            2 => {
                self.integer += (self.random() % 101) as i64 - 50;
                self.integer as f64 / 100.0
            }
            _ => (self.random() >> 11) as f64 / (1u64 << 53) as f64,
        }
    }
}

fn bytes_below(path: &Path) -> u64 {
    let entries = fs::read_dir(path).unwrap().map(Result::unwrap);
    let bytes = entries.map(|entry| {
        let metadata = entry.metadata().unwrap();
        match metadata.is_dir() {
            true => bytes_below(&entry.path()),
            false => metadata.blocks() * 512,
        }
    });
    bytes.sum()
}
