//! The data: Whisper files, full to the last slot, written as they lie on disk.

use std::fs;
use std::path::Path;

use plumbago_storage_format::whisper::{ArchiveSpec, Dialect, Header, Method};

use crate::Outcome;

pub(crate) const STEP: i64 = 10;
/// A thousand series of a day at ten seconds, and an hour more for windows that begin earlier.
pub(crate) const DAY_SERIES: usize = 1_000;
const DAY_POINTS: i64 = 9_000;
/// Ten thousand series of an hour, and of one before.
pub(crate) const HOUR_SERIES: usize = 10_000;
const HOUR_POINTS: i64 = 720;

/// Writes all files; the newest points are at `end`.
pub(crate) fn write(whisper: &Path, end: i64) -> Outcome<()> {
    for number in 0..DAY_SERIES {
        let path = format!("day/rack{:02}/host{number:05}/cpu.wsp", number % 40);
        write_file(&whisper.join(path), number, DAY_POINTS, end)?;
    }
    for number in 0..HOUR_SERIES {
        let path = format!("hour/rack{:02}/host{number:05}/cpu.wsp", number % 40);
        write_file(&whisper.join(path), number, HOUR_POINTS, end)?;
    }
    Ok(())
}

fn write_file(path: &Path, series: usize, points: i64, end: i64) -> Outcome<()> {
    let archive = ArchiveSpec {
        step_s: STEP as u32,
        points: points as u32,
    };
    let header = Header::new(&[archive], Method::Average, 0.5, Dialect::Reference)?;
    let mut bytes = header.image();
    // The first slot says where the round begins, so the oldest point goes there.
    let slots = &mut bytes[header.header_bytes()..];
    for (slot, bytes) in slots.chunks_exact_mut(12).enumerate() {
        let timestamp = end - (points - 1 - slot as i64) * STEP;
        bytes[..4].copy_from_slice(&(timestamp as u32).to_be_bytes());
        let value = value(series as i64, timestamp / STEP);
        bytes[4..].copy_from_slice(&value.to_be_bytes());
    }
    fs::create_dir_all(path.parent().ok_or("a path without a folder")?)?;
    fs::write(path, bytes)?;
    Ok(())
}

/// Load in percent with two decimals, as agents send it: a slow wave, and noise.
fn value(series: i64, slot: i64) -> f64 {
    let wave = ((slot + series * 37) % 720 - 360).abs() / 8;
    let noise = (slot * 7_919 + series * 104_729) % 1_009;
    (wave * 100 + noise) as f64 / 100.0
}
