//! The same reads from Whisper files: by this project's reader, and by the reference package.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use plumbago_storage_format::whisper::{
    ArchiveSpec, Dialect, HEADER_BYTES_MAX, Header, Method, SlotFile,
};

use super::{
    ARCHIVE_POINTS, DAY_S, NOW, ONE_COLD, ONE_WARM, STEP_S, THOUSANDS, Times, elapsed, middle,
    scattered,
};

/// Makes a file with the points.
pub(crate) fn write(path: &Path, points: &[(i64, f64)], now: i64) {
    let archive = ArchiveSpec {
        step_s: STEP_S as u32,
        points: ARCHIVE_POINTS,
    };
    let header = Header::new(&[archive], Method::Average, 0.5, Dialect::Reference);
    let header = header.expect("a valid archive");
    let mut bytes = header.image();
    let written = header.update_many(&mut bytes, points, now);
    written.expect("points within the retention");
    fs::write(path, bytes).expect("a Whisper file");
}

struct Slots(File);

impl SlotFile for Slots {
    type Error = io::Error;

    fn read(&mut self, offset: usize, into: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(into, offset as u64)
    }

    fn write(&mut self, _offset: usize, _bytes: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
}

/// The last day, read as Graphite does: the file is opened, and the range's slots are read.
pub(crate) fn read(path: &Path) -> Vec<f64> {
    let file = File::open(path).expect("a Whisper file");
    let mut head = vec![0; HEADER_BYTES_MAX];
    let length = file.read_at(&mut head, 0).expect("its head");
    let bytes = file.metadata().expect("its length").len();
    let header = Header::parse_head(&head[..length], bytes, Dialect::Reference);
    let header = header.expect("a header");
    let start = NOW - DAY_S;
    let start = start - start.rem_euclid(STEP_S) + STEP_S;
    let slots = (start, (DAY_S / STEP_S) as usize);
    let values = header.read_slots(&mut Slots(file), 0, slots);
    values.expect("its slots")
}

/// The times of this project's reader.
pub(crate) fn time(files: &[PathBuf], evict: &dyn Fn()) -> Times {
    let series = files.len() as u32;
    let one = |id: u32| elapsed(|| drop(read(&files[id as usize])));
    let thousand = || elapsed(|| files[..1000].iter().for_each(|path| drop(read(path))));
    let one_cold = scattered(ONE_COLD, series).map(|id| {
        evict();
        one(id)
    });
    let one_cold = middle(one_cold.collect());
    let thousand_cold = (0..THOUSANDS).map(|_| {
        evict();
        thousand()
    });
    let thousand_cold = middle(thousand_cold.collect());
    files.iter().for_each(|path| drop(read(path)));
    let one_warm = middle(scattered(ONE_WARM, series).map(one).collect());
    let thousand_warm = middle((0..THOUSANDS).map(|_| thousand()).collect());
    [
        ("one_cold", one_cold),
        ("one_warm", one_warm),
        ("thousand_cold", thousand_cold),
        ("thousand_warm", thousand_warm),
    ]
}

/// Four medians in microseconds, in the order of [`Times`].
const SCRIPT: &str = r#"
import os, statistics, sys, time, whisper
folder, now, day, series = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
paths = [os.path.join(folder, "series%d.wsp" % number) for number in range(series)]
def evict():
    for path in paths:
        with open(path) as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
def read(path):
    whisper.fetch(path, now - day, now, now)
def timed(paths):
    started = time.perf_counter()
    for path in paths:
        read(path)
    return (time.perf_counter() - started) * 1e6
def cold(paths):
    evict()
    return timed(paths)
some = [paths[number * 7919 % series] for number in range(200)]
print(statistics.median(cold([path]) for path in some[:20]))
timed(paths[:1000] + some)
print(statistics.median(timed([path]) for path in some))
print(statistics.median(cold(paths[:1000]) for _ in range(3)))
timed(paths[:1000])
print(statistics.median(timed(paths[:1000]) for _ in range(3)))
"#;

/// The times of the reference package; `None` where it is not installed.
pub(crate) fn time_python(files: &[PathBuf], now: i64) -> Option<Times> {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-tools/python/bin/python");
    if !python.exists() {
        return None;
    }
    let arguments = [now, DAY_S, files.len() as i64].map(|number| number.to_string());
    let output = Command::new(python)
        .args(["-c", SCRIPT])
        .arg(files[0].parent()?)
        .args(arguments)
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let times: Vec<f64> = text.lines().filter_map(|line| line.parse().ok()).collect();
    let [one_cold, one_warm, thousand_cold, thousand_warm] = times.try_into().ok()?;
    Some([
        ("one_cold", one_cold),
        ("one_warm", one_warm),
        ("thousand_cold", thousand_cold),
        ("thousand_warm", thousand_warm),
    ])
}
