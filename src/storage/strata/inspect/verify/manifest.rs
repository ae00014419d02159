//! What a manifest says of itself and of its blocks' places in time.

use std::path::Path;

use plumbago_storage_format::block::Reader;
use plumbago_storage_format::manifest::{BlockEntry, Manifest};

use super::super::super::disk::{Disk, RealDisk, failed};
use super::group::Check;
use crate::storage::StoreError;
use crate::storage::damage::{Damage, Findings};

/// Checks a manifest that could be read.
pub(super) fn check(
    group: &Check<'_>,
    path: &Path,
    manifest: &Manifest,
    cost: &str,
    findings: &mut Findings,
) {
    let mut report = |problem: String, cost: &str| {
        findings.damage.push(Damage::new(path, problem, cost));
    };
    let archives = group.layout.archives().len();
    if manifest.archives.len() != archives {
        let found = manifest.archives.len();
        let problem = format!("it has {found} archives, the retention has {archives}");
        report(problem, cost);
        return;
    }
    if manifest.cleared > manifest.low {
        let (low, cleared) = (manifest.low, manifest.cleared);
        let problem = format!("slots up to {cleared} are cleared, only those up to {low} sealed");
        report(
            problem,
            "rows may have been cleared before they were sealed",
        );
    }
    let mut generations: Vec<u64> = Vec::new();
    for (archive, state) in manifest.archives.iter().enumerate() {
        let end = match archive {
            0 => manifest.low,
            _ => state.rolled,
        };
        for block in &state.blocks {
            generations.push(block.generation);
            let block_end = block.first_slot + i64::from(block.slots);
            if !block.is_patch && block_end > end {
                let problem = format!(
                    "block {} of archive {archive} ends at slot {block_end}, sealed is up to {end}",
                    block.generation
                );
                report(
                    problem,
                    "the slots beyond are computed or read from the ring",
                );
            }
        }
    }
    generations.sort_unstable();
    let has_twins = generations.windows(2).any(|pair| pair[0] == pair[1]);
    let newest = generations.last().copied();
    if has_twins || newest >= Some(manifest.next_generation) {
        let problem = "its blocks are not numbered one by one".to_owned();
        report(
            problem,
            "which of two values of a slot is served is not certain",
        );
    }
}

/// Bases of one archive that have the same series at the same time.
///
/// # Errors
/// When a block cannot be read.
pub(super) fn overlaps(
    group: &Check<'_>,
    folder: &Path,
    archive: usize,
    entries: &[BlockEntry],
) -> Result<Findings, StoreError> {
    let mut findings = Findings::default();
    let mut bases: Vec<&BlockEntry> = entries.iter().filter(|entry| !entry.is_patch).collect();
    bases.sort_by_key(|entry| (entry.first_slot, entry.generation));
    let end = |entry: &BlockEntry| entry.first_slot + i64::from(entry.slots);
    let step = group.layout.archives()[archive].step;
    let mut from = 0;
    while from < bases.len() {
        // A run of bases that touch each other in time: mostly the stripes of one span.
        let mut until = from + 1;
        let mut reach = end(bases[from]);
        while until < bases.len() && bases[until].first_slot < reach {
            reach = reach.max(end(bases[until]));
            until += 1;
        }
        let twins = twins(group, folder, &bases[from..until])?;
        if !twins.is_empty() {
            let path = group.block_path(folder, bases[until - 1]);
            let count = twins.len();
            findings.damage.push(Damage {
                span: Some(bases[from].first_slot * step..reach * step),
                series: twins,
                ..Damage::new(
                    &path,
                    format!("it has {count} series that another block of the same time has too"),
                    "which of two values of a slot is served is not certain",
                )
            });
        }
        from = until;
    }
    Ok(findings)
}

/// The series that more than one of the blocks have, where they overlap.
fn twins(group: &Check<'_>, folder: &Path, blocks: &[&BlockEntry]) -> Result<Vec<u32>, StoreError> {
    if blocks.len() < 2 {
        return Ok(Vec::new());
    }
    let mut ids: Vec<(u32, i64, i64)> = Vec::new();
    for entry in blocks {
        let path = group.block_path(folder, entry);
        let bytes = match RealDisk.map(&path) {
            Ok(bytes) => bytes,
            // What is missing was told already.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(failed(&path, "map")(error)),
        };
        let Ok(reader) = Reader::open(&bytes) else {
            continue;
        };
        let end = entry.first_slot + i64::from(entry.slots);
        ids.extend(reader.ids().flatten().map(|id| (id, entry.first_slot, end)));
    }
    ids.sort_unstable();
    let pairs = ids.windows(2);
    let twins = pairs.filter(|pair| pair[0].0 == pair[1].0 && pair[1].1 < pair[0].2);
    let mut twins: Vec<u32> = twins.map(|pair| pair[0].0).collect();
    twins.dedup();
    Ok(twins)
}
