//! `--dry-run`: how long an import will take and how much disk, judged by a sample of the files.

use std::time::{Duration, Instant};

use plumbago_storage_format::block::{Place, Span, Writer};

use super::super::ToolError;
use super::super::interrupt::Interrupt;
use super::super::progress::Progress;
use super::work::{Job, Taking, known_values};
use crate::storage::strata::ImportedArchive;

/// Files of a sample.
const SAMPLE_MAX: usize = 200;
/// Slots of the blocks that a sample is compressed into; real ones have 120 to 4096.
const BLOCK_SLOTS: usize = 1024;

/// What a sample says of all.
#[derive(Clone, Debug, Default)]
pub(super) struct Estimate {
    pub(super) sampled: usize,
    pub(super) unreadable: Vec<(String, String)>,
    pub(super) points: u64,
    pub(super) disk_bytes: u64,
    pub(super) duration: Duration,
}

/// Reads and compresses a sample of the jobs, spread over all of them, and writes nothing.
///
/// # Errors
/// When the operator wants an end.
pub(super) fn estimate(
    jobs: &[Job],
    taking: &Taking<'_>,
    threads: usize,
    progress: &Progress,
    interrupt: &Interrupt,
) -> Result<Estimate, ToolError> {
    let mut estimate = Estimate::default();
    let stride = jobs.len().div_ceil(SAMPLE_MAX).max(1);
    let mut buffer = Vec::new();
    let (mut bytes, mut points) = (0, 0);
    let started = Instant::now();
    for (number, job) in jobs.iter().step_by(stride).enumerate() {
        interrupt.check(|| "nothing was written".to_owned())?;
        match taking.read(job, &mut buffer) {
            Ok(contents) => {
                points += known_values(&contents.archives);
                bytes += compressed_bytes(number as u32, &contents.archives);
            }
            Err(reason) => {
                let path = job.file.path.display().to_string();
                progress.warn(format_args!("{path}: {reason}"));
                estimate.unreadable.push((path, reason));
            }
        }
        estimate.sampled += 1;
        progress.advance(1);
    }
    let share = jobs.len() as f64 / estimate.sampled.max(1) as f64;
    estimate.points = (points as f64 * share) as u64;
    estimate.disk_bytes = (bytes as f64 * share) as u64;
    estimate.duration = started.elapsed().mul_f64(share / threads as f64);
    Ok(estimate)
}

fn compressed_bytes(id: u32, archives: &[ImportedArchive]) -> u64 {
    let chunks = archives
        .iter()
        .flat_map(|archive| archive.values.chunks(BLOCK_SLOTS));
    let bytes = chunks.map(|values| {
        let mut writer = Writer::new(Span {
            place: Place {
                shard: 0,
                family: 0,
                archive: 0,
            },
            sequence: 0,
            first_slot_s: 0,
            step_s: 1,
            slots: values.len() as u32,
        });
        let empty = writer.bytes_so_far();
        writer.push(id, values);
        (writer.bytes_so_far() - empty) as u64
    });
    bytes.sum()
}
