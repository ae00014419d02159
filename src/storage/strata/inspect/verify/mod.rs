//! Checking a store: every file is read whole and compared with what its format and its neighbours
//! say of it.
//!
//! Opening looks at headers alone and reading at what it needs; here nothing is left out but the
//! ring's cells, which carry no checksum. Each group is checked on its own: its `manifest` first,
//! then the `block`s that it names, the `ring` and the `late` log. When something is amiss and the
//! manifest is no longer the one that the check began with, a daemon was at work: the group is
//! checked again, so that a file that went with a merge is no damage.
//!
//! Threads: groups and blocks are spread over rayon's threads.

mod block;
mod group;
mod late;
mod manifest;
mod ring;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use super::super::disk::{Disk, RealDisk, failed};
use super::super::families::Families;
use super::super::group::GroupPlace;
use super::super::meta::{META_FILE, read_meta};
use super::ATTEMPTS_MAX;
use super::disk::ReadOnlyDisk;
use super::stamp::Stamp;
use crate::storage::StoreError;
use crate::storage::damage::{Damage, Findings};

/// What the check asks of whoever started it.
pub trait Watch: Sync {
    /// The shard of a series, by the catalog; `None` for one that is no more.
    fn shard(&self, series: u32) -> Option<usize>;

    /// Told of each file that was read, with its length.
    fn advance(&self, bytes: u64);

    /// True when the check should end early, with what it has found so far.
    fn is_cancelled(&self) -> bool;
}

/// How many shards the store of a data folder has.
///
/// # Errors
/// When there is none, or its table cannot be read.
pub fn shards(path: &Path) -> Result<usize, StoreError> {
    let folder = path.join("strata");
    let shards = read_meta(&RealDisk, &folder)?;
    shards.ok_or_else(|| missing_meta(&folder))
}

fn missing_meta(folder: &Path) -> StoreError {
    StoreError::Damaged {
        path: folder.join(META_FILE),
        reason: "the file is missing".to_owned(),
    }
}

/// Checks the store of a data folder.
///
/// # Errors
/// When the folder or a file in it cannot be read.
pub fn verify(path: &Path, watch: &dyn Watch) -> Result<Findings, StoreError> {
    let folder = path.join("strata");
    let mut findings = Findings::default();
    let Some((shards, families)) = tables(&folder, &mut findings)? else {
        return Ok(findings);
    };
    let mut places = Vec::new();
    for shard in 0..shards {
        for (family, retention) in families.all().iter().enumerate() {
            places.push(GroupPlace {
                number: 0,
                shard: shard as u32,
                family: family as u32,
                retention: Arc::clone(retention),
            });
        }
    }
    let groups: Result<Vec<Findings>, StoreError> = places
        .par_iter()
        .map(|place| settled(&folder, place, watch))
        .collect();
    let found = groups?.into_iter().fold(findings, Findings::with);
    strangers(&folder, shards, families.all().len()).map(|strangers| found.with(strangers))
}

/// The two tables without which nothing can be read; `None` when one of them is damaged.
fn tables(folder: &Path, findings: &mut Findings) -> Result<Option<(usize, Families)>, StoreError> {
    let cost = "no point of the store can be read and the daemon does not start: bring the file back \
        from a copy of the folder";
    let tables = read_meta(&RealDisk, folder).and_then(|shards| {
        let shards = shards.ok_or_else(|| missing_meta(folder))?;
        Ok((shards, Families::open(&ReadOnlyDisk, folder)?))
    });
    match tables {
        Ok(tables) => {
            for name in [META_FILE, Families::FILE] {
                let length = std::fs::metadata(folder.join(name)).map_or(0, |file| file.len());
                findings.read(length);
            }
            Ok(Some(tables))
        }
        Err(StoreError::Damaged { path, reason }) => {
            findings.damage.push(Damage::new(&path, reason, cost));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Checks a group until it held still, or had nothing amiss.
fn settled(folder: &Path, place: &GroupPlace, watch: &dyn Watch) -> Result<Findings, StoreError> {
    let shard = folder.join(format!("shard-{}", place.shard));
    let folder = shard.join(format!("family-{}", place.family));
    let mut attempt = 0;
    loop {
        let stamp = Stamp::take(&folder)?;
        let found = group::Check::new(&folder, place, watch).run();
        let is_fine = matches!(&found, Ok(findings) if findings.damage.is_empty());
        attempt += 1;
        if is_fine || attempt == ATTEMPTS_MAX || watch.is_cancelled() || stamp.is_current()? {
            return found;
        }
    }
}

/// Folders that no shard and no family of the store has, and damage that was set aside before.
fn strangers(folder: &Path, shards: usize, families: usize) -> Result<Findings, StoreError> {
    let mut findings = Findings::default();
    let beyond = |path: &PathBuf, prefix: &str, count: usize| {
        let name = path.file_name().and_then(|name| name.to_str());
        let number = name.and_then(|name| name.strip_prefix(prefix)?.parse().ok());
        number.is_none_or(|number: usize| number >= count)
    };
    for shard in super::names_like(folder, "shard-")? {
        if beyond(&shard, "shard-", shards) {
            findings.remark(&shard, "no shard of this store: nothing reads it");
            continue;
        }
        for family in super::names_like(&shard, "family-")? {
            if beyond(&family, "family-", families) {
                findings.remark(&family, "no family of this store: nothing reads it");
            }
        }
    }
    Ok(findings)
}

/// What became of reading a file.
enum Read {
    /// All its bytes.
    Whole(Vec<u8>),
    /// There is none.
    Missing,
    /// The device does not give it back, which was told.
    Lost,
}

/// Reads a file whole.
///
/// # Errors
/// When this process may not read it.
fn read(path: &Path, watch: &dyn Watch, findings: &mut Findings) -> Result<Read, StoreError> {
    match RealDisk.read(path) {
        Ok(bytes) => {
            findings.read(bytes.len() as u64);
            watch.advance(bytes.len() as u64);
            Ok(Read::Whole(bytes))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Read::Missing),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Err(failed(path, "read")(error))
        }
        Err(error) => {
            let problem = format!("it cannot be read: {error}");
            let cost = "what it holds is not served as long as that is so";
            findings.damage.push(Damage::new(path, problem, cost));
            Ok(Read::Lost)
        }
    }
}

/// The little-endian words of a file; a tail that is no whole word is left out.
fn words(bytes: &[u8]) -> impl Fn(usize) -> u64 {
    let (words, _) = bytes.as_chunks::<8>();
    move |index| words.get(index).map_or(0, |word| u64::from_le_bytes(*word))
}

/// The first byte of a range that is not zero.
fn not_zero(bytes: &[u8], range: std::ops::Range<usize>) -> Option<u64> {
    let start = range.start;
    let reserved = bytes.get(range)?;
    let at = reserved.iter().position(|byte| *byte != 0)?;
    Some((start + at) as u64)
}
