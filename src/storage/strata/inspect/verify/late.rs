//! A segment of the late log: header, and each place free or a whole record.
//!
//! What a power loss tore cannot be told from damage, and costs the same: the point. A daemon may be
//! writing a record meanwhile, so only what a second look finds again is told.

use std::path::Path;

use plumbago_storage_format::late::{self, HEADER_WORDS, LateRecord, RECORD_WORDS};
use plumbago_storage_format::ring::PAGE_BYTES;

use super::group::Check;
use super::{Read, not_zero, read, words};
use crate::storage::StoreError;
use crate::storage::damage::{Damage, Findings};

const HEADER_FIELDS_BYTES: usize = 16;

/// Checks a segment; one that does not count any more was flushed and waits to be removed.
///
/// # Errors
/// When it cannot be read.
pub(super) fn check(
    group: &Check<'_>,
    path: &Path,
    counts: bool,
    findings: &mut Findings,
) -> Result<(), StoreError> {
    if !counts {
        findings.remark(path, "flushed into patches: the next start removes it");
    }
    let mut found = check_once(group, path)?;
    if !found.damage.is_empty() {
        let again = check_once(group, path)?;
        found.damage.retain(|damage| again.damage.contains(damage));
    }
    if !counts {
        found.damage.clear();
    }
    *findings = std::mem::take(findings).with(found);
    Ok(())
}

fn check_once(group: &Check<'_>, path: &Path) -> Result<Findings, StoreError> {
    let mut findings = Findings::default();
    let Read::Whole(bytes) = read(path, group.watch, &mut findings)? else {
        return Ok(findings);
    };
    if let Err(error) = late::check_header(&bytes) {
        let cost = "the next start sets it aside: late points that were not flushed yet are lost";
        findings.damage.push(Damage::of_format(path, &error, cost));
        return Ok(findings);
    }
    if let Some(at) = not_zero(&bytes, HEADER_FIELDS_BYTES..PAGE_BYTES) {
        let damage = Damage::new(path, "reserved bytes are not zero", "none");
        findings.damage.push(damage.at(at));
    }
    let word = words(&bytes);
    let capacity = (bytes.len() / 8).saturating_sub(HEADER_WORDS) / RECORD_WORDS;
    for place in 0..capacity {
        let at = HEADER_WORDS + place * RECORD_WORDS;
        let record = [word(at), word(at + 1), word(at + 2)];
        let offset = at as u64 * 8;
        match LateRecord::decode(record) {
            Some(record) => check_record(group, path, offset, &record, &mut findings),
            None if record == [0; RECORD_WORDS] => {}
            None => {
                let problem = "the record fails its checksum: damaged, or torn by a power loss";
                let damage = Damage::new(path, problem, "a late point is lost");
                findings.damage.push(damage.at(offset));
            }
        }
    }
    Ok(findings)
}

fn check_record(
    group: &Check<'_>,
    path: &Path,
    at: u64,
    record: &LateRecord,
    findings: &mut Findings,
) {
    let archives = group.layout.archives().len();
    let problem = if usize::from(record.archive) >= archives {
        format!(
            "a point of archive {}, there are {archives}",
            record.archive
        )
    } else if group.is_misplaced(record.series) {
        format!("a point of series {}, of another shard", record.series)
    } else {
        return;
    };
    findings.damage.push(Damage {
        series: vec![record.series],
        ..Damage::new(path, problem, "nobody reads the point").at(at)
    });
}
