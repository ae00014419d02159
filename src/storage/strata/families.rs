//! The families: every retention that any series has, numbered, durable before a series uses it.
//!
//! One small text file, replaced whole when a retention comes that is not in it yet; see `tables.md`.
//!
//! Threads: under the lock of `Common`; a new family is rare.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use plumbago_storage_format::tables::{decode_families, encode_families};

use super::disk::{Disk, failed};
use crate::metric::Retention;
use crate::storage::StoreError;

/// All retentions; the position is the family's number.
#[derive(Debug)]
pub(super) struct Families {
    path: PathBuf,
    retentions: Vec<Arc<Retention>>,
}

impl Families {
    /// The name of its file.
    pub(super) const FILE: &str = "families";

    /// Reads the table of a store's folder; empty when there is none yet.
    ///
    /// # Errors
    /// `Io`, or `Damaged`: without this table no file's retention is known, so opening must fail.
    pub(super) fn open(disk: &dyn Disk, folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(Self::FILE);
        let names = disk.list(folder).map_err(failed(folder, "list"))?;
        let retentions = if names.iter().any(|name| name == Self::FILE) {
            let bytes = disk.read(&path).map_err(failed(&path, "read"))?;
            parse(&bytes).map_err(|reason| StoreError::Damaged {
                path: path.clone(),
                reason,
            })?
        } else {
            Vec::new()
        };
        Ok(Self { path, retentions })
    }

    /// The retentions in the order of their numbers.
    pub(super) fn all(&self) -> &[Arc<Retention>] {
        &self.retentions
    }

    /// The number of a retention, given and made durable if it has none.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub(super) fn number(
        &mut self,
        disk: &dyn Disk,
        retention: &Arc<Retention>,
    ) -> Result<usize, StoreError> {
        let known = self.retentions.iter().position(|known| known == retention);
        if let Some(number) = known {
            return Ok(number);
        }
        self.retentions.push(Arc::clone(retention));
        if let Err(error) = disk.replace(&self.path, &encode_families(&self.retentions)) {
            self.retentions.pop();
            return Err(error);
        }
        Ok(self.retentions.len() - 1)
    }
}

fn parse(bytes: &[u8]) -> Result<Vec<Arc<Retention>>, String> {
    let texts = decode_families(bytes).map_err(|error| error.to_string())?;
    let retention = |text: &str| Retention::parse(text).map(Arc::new);
    let retentions = texts.into_iter().map(retention).collect::<Result<_, _>>();
    retentions.map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::strata::disk::RealDisk;

    #[test]
    fn numbers_survive_reopening() {
        let folder = tempfile::tempdir().unwrap();
        let mut families = Families::open(&RealDisk, folder.path()).unwrap();
        let texts = ["10s:1h", "10s:6h,1m:7d", "10s:1h"];
        let mut number = |text: &str| {
            let retention = Arc::new(Retention::parse(text).unwrap());
            families.number(&RealDisk, &retention).unwrap()
        };
        assert_eq!(texts.map(&mut number), [0, 1, 0]);
        let again = Families::open(&RealDisk, folder.path()).unwrap();
        assert_eq!(again.all(), families.all());
    }

    #[test]
    fn table_with_what_is_no_retention_is_refused() {
        let good = encode_families(["10s:360", "10s:60,60s:20"]);
        assert_eq!(parse(&good).unwrap().len(), 2);
        for bad in ["10s", "10s:0", "10s:10,15s:10", ""] {
            assert!(parse(&encode_families([bad])).is_err(), "{bad}");
        }
    }
}
