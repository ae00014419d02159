//! One group: what its manifest names, what is there besides, and each file's own check.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use plumbago_storage_format::block::Place;
use plumbago_storage_format::manifest::{BlockEntry, Manifest};
use rayon::prelude::*;

use super::super::super::block::{self as sealed, span};
use super::super::super::disk::{Disk, RealDisk, failed};
use super::super::super::group::{GroupPlace, MANIFEST_FILE};
use super::super::super::late::segment_number;
use super::super::super::layout::Layout;
use super::super::super::panel;
use super::block::BlockCheck;
use super::{Read, Watch, late, manifest, read, ring};
use crate::storage::StoreError;
use crate::storage::damage::{Damage, Findings};

/// What the loss of a manifest costs.
const REBUILT: &str = "the next start takes all block files for valid and the end of the newest one \
    for the start of the ring: points of the ring before it are not read";

/// The check of one group.
pub(super) struct Check<'a> {
    pub(super) folder: &'a Path,
    pub(super) place: &'a GroupPlace,
    pub(super) layout: Layout,
    pub(super) watch: &'a dyn Watch,
}

impl<'a> Check<'a> {
    /// The check of the group in `folder`.
    pub(super) fn new(folder: &'a Path, place: &'a GroupPlace, watch: &'a dyn Watch) -> Self {
        Self {
            folder,
            layout: Layout::new(&place.retention),
            place,
            watch,
        }
    }

    /// Checks all files of the group.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub(super) fn run(&self) -> Result<Findings, StoreError> {
        let mut findings = Findings::default();
        let manifest = self.manifest(&mut findings)?;
        let names = self.names(self.folder)?;
        let has_file = names.iter().any(|name| name == MANIFEST_FILE);
        if !has_file && self.has_blocks()? {
            let path = self.folder.join(MANIFEST_FILE);
            let damage = Damage::new(&path, "the file is missing", REBUILT);
            findings.damage.push(damage);
        }
        self.aside_and_left(self.folder, &names, &mut findings);
        for name in &names {
            if let Some(number) = segment_number(name) {
                let path = self.folder.join(name);
                let counts = manifest.as_ref().is_none_or(|m| number >= m.late_from);
                late::check(self, &path, counts, &mut findings)?;
            }
        }
        let archives = 0..self.layout.archives().len();
        let archives: Result<Vec<Findings>, StoreError> = archives
            .into_par_iter()
            .map(|archive| self.archive(archive, manifest.as_ref()))
            .collect();
        Ok(archives?.into_iter().fold(findings, Findings::with))
    }

    fn manifest(&self, findings: &mut Findings) -> Result<Option<Manifest>, StoreError> {
        let path = self.folder.join(MANIFEST_FILE);
        let Read::Whole(bytes) = read(&path, self.watch, findings)? else {
            return Ok(None);
        };
        match Manifest::decode(&bytes) {
            Ok(manifest) => {
                manifest::check(self, &path, &manifest, REBUILT, findings);
                Ok(Some(manifest))
            }
            Err(error) => {
                findings
                    .damage
                    .push(Damage::of_format(&path, &error, REBUILT));
                Ok(None)
            }
        }
    }

    fn has_blocks(&self) -> Result<bool, StoreError> {
        for archive in 0..self.layout.archives().len() {
            let folder = self.folder.join(format!("archive-{archive}"));
            if self.names(&folder)?.iter().any(|name| is_block(name)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn names(&self, folder: &Path) -> Result<Vec<String>, StoreError> {
        RealDisk.list(folder).map_err(failed(folder, "list"))
    }

    /// What was set aside as damaged before, and what an interrupted step left.
    fn aside_and_left(&self, folder: &Path, names: &[String], findings: &mut Findings) {
        for name in names {
            let path = folder.join(name);
            if name.ends_with(".damaged") {
                let problem = "the daemon found it damaged and set it aside";
                let cost = "nothing reads it; remove it once nobody wants to look at it";
                findings.damage.push(Damage::new(&path, problem, cost));
            } else if name.ends_with(".tmp") {
                findings.remark(&path, "left by an interrupted step, or just being written");
            }
        }
    }

    fn archive(&self, archive: usize, manifest: Option<&Manifest>) -> Result<Findings, StoreError> {
        let mut findings = Findings::default();
        let folder = self.folder.join(format!("archive-{archive}"));
        let names = self.names(&folder)?;
        self.aside_and_left(&folder, &names, &mut findings);
        if archive == 0 {
            ring::check(self, &folder, &names, &mut findings)?;
        }
        let state = manifest.and_then(|manifest| manifest.archives.get(archive));
        let entries: Vec<BlockEntry> = match state {
            Some(state) => state.blocks.clone(),
            // Without a manifest what is there counts, if it can be read.
            None => Vec::new(),
        };
        let named: HashSet<String> = entries.iter().map(sealed::file_name).collect();
        for name in names.iter().filter(|name| is_block(name)) {
            if !named.contains(name) {
                self.unnamed(&folder.join(name), manifest.is_some(), &mut findings)?;
            }
        }
        let blocks: Result<Vec<Findings>, StoreError> = entries
            .par_iter()
            .map(|entry| self.block(&folder, archive, entry))
            .collect();
        let found = blocks?.into_iter().fold(findings, Findings::with);
        Ok(found.with(manifest::overlaps(self, &folder, archive, &entries)?))
    }

    fn unnamed(
        &self,
        path: &Path,
        has_manifest: bool,
        findings: &mut Findings,
    ) -> Result<(), StoreError> {
        if has_manifest {
            findings.remark(path, "not in the manifest: left by an interrupted step");
            return Ok(());
        }
        let check = BlockCheck {
            group: self,
            path,
            expected: None,
        };
        check.run(findings)
    }

    fn block(
        &self,
        folder: &Path,
        archive: usize,
        entry: &BlockEntry,
    ) -> Result<Findings, StoreError> {
        let mut findings = Findings::default();
        if self.watch.is_cancelled() {
            return Ok(findings);
        }
        let step = self.place.retention.archives()[archive].step;
        let expected = span(entry, self.block_place(archive), step);
        let check = BlockCheck {
            group: self,
            path: &folder.join(sealed::file_name(entry)),
            expected: Some((expected, entry.bytes)),
        };
        check.run(&mut findings)?;
        Ok(findings)
    }

    /// Where the blocks of an archive say that they belong.
    pub(super) fn block_place(&self, archive: usize) -> Place {
        Place {
            shard: self.place.shard,
            family: self.place.family,
            archive: archive as u32,
        }
    }

    /// The path of a block.
    pub(super) fn block_path(&self, folder: &Path, entry: &BlockEntry) -> PathBuf {
        folder.join(sealed::file_name(entry))
    }

    /// True when the catalog has the series in another shard: then it cannot be here.
    pub(super) fn is_misplaced(&self, series: u32) -> bool {
        let shard = self.watch.shard(series);
        shard.is_some_and(|shard| shard != self.place.shard as usize)
    }

    /// The numbers of the panels that the ring has files of.
    pub(super) fn panels(names: &[String]) -> Vec<u32> {
        let mut numbers: Vec<u32> = names
            .iter()
            .filter_map(|name| panel::number(name))
            .collect();
        numbers.sort_unstable();
        numbers
    }
}

fn is_block(name: &str) -> bool {
    name.ends_with(".block") || name.ends_with(".patch")
}
