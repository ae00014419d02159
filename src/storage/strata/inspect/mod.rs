//! Looking at a data folder without being its daemon: no lock is taken, nothing is written.
//!
//! The command line's tools (`tool`) open a folder through [`Inspection`], whether a daemon lives in
//! it or not. What it shows of a folder without a daemon is what the next start will find: the very
//! same recovery runs, on a disk that lets writes pass (`disk`). Beside a living daemon it shows the
//! points as they stand; what is replaced meanwhile (`stamp`) is opened again and read once more, so
//! that no answer mixes two states. Series that came after the opening are not in it.
//!
//! [`verify`] is the check of every file; it opens nothing and reads the files one by one.
//!
//! Threads: an [`Inspection`] is shared; answers are read under the read lock of `stamps`, a group
//! that has changed is opened again under the write lock.

mod disk;
mod groups;
mod series;
mod stamp;
mod tally;
mod verify;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;

use super::disk::{Disk, RealDisk, failed};
use super::group::Group;
use super::meta::META_FILE;
use super::read::Slots;
use super::store::Shared;
use super::{Strata, StrataConfig};
use crate::metric::{Retention, Rollup, SeriesId, name};
use crate::storage::{Fetched, Selection, SeriesDefinition, StoreError, TimeRange};
use disk::ReadOnlyDisk;
use stamp::Stamp;

pub use groups::{ArchiveSummary, GroupSummary, RingSummary};
pub use series::{Held, SeriesArchive, SeriesPlace};
pub use tally::{ArchiveTally, FormTally, SeriesTally, Tally};
pub use verify::{Watch, shards, verify};

/// How often a group is opened again for one answer. A daemon replaces a manifest a few times a
/// minute, and reading a group takes far less than that.
const ATTEMPTS_MAX: usize = 100;

/// A look at a store.
#[derive(Debug)]
pub struct Inspection {
    strata: Strata,
    /// By group number.
    stamps: RwLock<Vec<Option<Stamp>>>,
}

impl Inspection {
    /// Opens the store of a data folder.
    ///
    /// # Errors
    /// When there is none, it cannot be read, or one of the tables without which nothing can be read
    /// (`meta`, `families`) is damaged.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let folder = path.join("strata");
        let meta = folder.join(META_FILE);
        std::fs::metadata(&meta).map_err(failed(&meta, "open"))?;
        let mut attempt = 0;
        let (strata, mut found) = loop {
            let stamps = stamps_below(&folder)?;
            match Strata::open_on(Arc::new(ReadOnlyDisk), &config(path)) {
                Ok(strata) => break (strata, stamps),
                Err(error) if attempt == ATTEMPTS_MAX || all_current(&stamps)? => {
                    return Err(error);
                }
                Err(_) => attempt += 1,
            }
        };
        let groups = strata.shared.all_groups();
        let mut stamps = Vec::new();
        for group in &groups {
            let number = usize::from(group.place.number);
            stamps.resize_with(number.max(stamps.len().saturating_sub(1)) + 1, || None);
            stamps[number] = found.remove(&group.folder);
        }
        let inspection = Self {
            strata,
            stamps: RwLock::new(stamps),
        };
        for group in &groups {
            if !inspection.is_current(group)? {
                inspection.reopen(group)?;
            }
        }
        Ok(inspection)
    }

    /// Makes a series of the catalog known. False when the store has no place for it, which is so
    /// for the first series of a retention that came after the opening.
    ///
    /// # Errors
    /// When there are more series or definitions than fit.
    pub fn define(&self, series: &SeriesDefinition) -> Result<bool, StoreError> {
        let shared = self.shared();
        let hash = name::hash(series.name.as_bytes());
        let shard = name::shard_of(hash, shared.shards());
        let Some(group) = shared.known_group(shard, &series.retention) else {
            return Ok(false);
        };
        let table = &shared.common.table;
        let mut entry = table.get(series.id);
        if entry.group != Some(group) {
            entry.group = Some(group);
            entry.column = None;
        }
        entry.rollup = Some(shared.rollup_number(series.rollup)?);
        Ok(table.set(series.id, entry))
    }

    /// How many shards the store has.
    pub fn shards(&self) -> usize {
        self.shared().shards()
    }

    /// All retentions, in the order of their families.
    pub fn families(&self) -> Vec<Arc<Retention>> {
        self.shared().retentions()
    }

    /// What was found damaged so far: by opening, and by what was read since.
    pub fn damaged(&self) -> Vec<(PathBuf, String)> {
        let damaged = self.shared().common.health.report().damaged;
        let as_found = damaged.into_iter().map(|(path, reason)| {
            // Recovery sets aside before it tells; here nothing was.
            let is_aside = path.extension().is_some_and(|end| end == "damaged");
            let path = match is_aside && !path.exists() {
                true => path.with_extension(""),
                false => path,
            };
            (path, reason)
        });
        as_found.collect()
    }

    /// As [`crate::storage::Store::fetch`].
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn fetch(&self, series: SeriesId, range: TimeRange) -> Result<Option<Fetched>, StoreError> {
        let Some((group, _)) = self.shared().group_of(series) else {
            return Ok(None);
        };
        let Some(selection) = Selection::of(&group.place.retention, range) else {
            return Ok(None);
        };
        self.fetch_slots(series, &selection).map(Some)
    }

    /// The slots of one archive, whatever their age.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn fetch_slots(
        &self,
        series: SeriesId,
        selection: &Selection,
    ) -> Result<Fetched, StoreError> {
        let slots = Slots {
            archive: selection.archive,
            first: selection.start.div_euclid(i64::from(selection.step)),
            count: selection.slots(),
        };
        let read = |group: &Group, rollup| group.read_once(series, rollup, slots);
        let values = self.answer(series, read)?;
        Ok(Fetched {
            archive: selection.archive,
            start: selection.start,
            step: selection.step,
            values: values.unwrap_or_else(|| vec![f64::NAN; slots.count]),
        })
    }

    fn shared(&self) -> &Shared {
        &self.strata.shared
    }

    /// Asks the group of a series until the answer is of one state. `None` for a series that the
    /// store does not know.
    fn answer<T>(
        &self,
        series: SeriesId,
        ask: impl Fn(&Group, Rollup) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        let Some((group, rollup)) = self.shared().group_of(series) else {
            return Ok(None);
        };
        let number = group.place.number;
        self.answer_of_group(number, |group| ask(group, rollup))
            .map(Some)
    }

    /// Asks a group until the answer is of one state.
    fn answer_of_group<T>(
        &self,
        number: u16,
        ask: impl Fn(&Group) -> Option<T>,
    ) -> Result<T, StoreError> {
        let mut group = self.group(number);
        for _ in 0..ATTEMPTS_MAX {
            {
                let stamps = self.stamps.read();
                group = self.group(number);
                let answer = ask(&group);
                if let Some(answer) = answer
                    && is_current(&stamps, number)?
                {
                    return Ok(answer);
                }
            }
            self.reopen(&group)?;
        }
        Err(restless(&group))
    }

    fn group(&self, number: u16) -> Arc<Group> {
        let group = self.shared().numbered_group(number);
        group.expect("a group that was opened is there for good")
    }

    fn is_current(&self, group: &Group) -> Result<bool, StoreError> {
        is_current(&self.stamps.read(), group.place.number)
    }

    /// Opens a group that has changed, unless another thread did so already.
    fn reopen(&self, stale: &Arc<Group>) -> Result<(), StoreError> {
        let mut stamps = self.stamps.write();
        let number = stale.place.number;
        if !Arc::ptr_eq(&self.group(number), stale) {
            return Ok(());
        }
        for _ in 0..ATTEMPTS_MAX {
            let stamp = Stamp::take(&stale.folder)?;
            self.shared().common.health.forget_below(&stale.folder);
            let opened = self.shared().reopen_group(stale);
            if stamp.is_current()? {
                stamps[usize::from(number)] = Some(stamp);
                return opened.map(|_| ());
            }
        }
        Err(restless(stale))
    }
}

fn is_current(stamps: &[Option<Stamp>], number: u16) -> Result<bool, StoreError> {
    match &stamps[usize::from(number)] {
        Some(stamp) => stamp.is_current(),
        None => Ok(false),
    }
}

fn config(path: &Path) -> StrataConfig {
    StrataConfig {
        background: false,
        ..StrataConfig::new(path)
    }
}

fn restless(group: &Group) -> StoreError {
    StoreError::Io {
        path: group.folder.clone(),
        action: "read",
        source: std::io::Error::other("it changes faster than it can be read"),
    }
}

/// The stamps of all groups, by their folders.
fn stamps_below(folder: &Path) -> Result<HashMap<PathBuf, Stamp>, StoreError> {
    let mut stamps = HashMap::new();
    for shard in names_like(folder, "shard-")? {
        for group in names_like(&shard, "family-")? {
            stamps.insert(group.clone(), Stamp::take(&group)?);
        }
    }
    Ok(stamps)
}

fn all_current(stamps: &HashMap<PathBuf, Stamp>) -> Result<bool, StoreError> {
    for stamp in stamps.values() {
        if !stamp.is_current()? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn names_like(folder: &Path, prefix: &str) -> Result<Vec<PathBuf>, StoreError> {
    let names = RealDisk.list(folder).map_err(failed(folder, "list"))?;
    let like = names.into_iter().filter(|name| name.starts_with(prefix));
    Ok(like.map(|name| folder.join(name)).collect())
}
