//! Looking at a catalog without being its daemon: nothing is written, damage is left where it is.
//!
//! The same recovery runs as at a daemon's start, on a disk that lets writes pass and changes
//! nothing. Beside a living daemon files may be dropped between listing and reading, after a newer
//! snapshot; then it is read once more. Names that come later are not in it.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::Catalog;
use super::disk::{AppendFile, Disk, RealDisk};
use super::error::{CatalogError, failed};
use super::recovery::{OpenReport, recover};

/// How often the files are listed anew. Snapshots are minutes apart.
const ATTEMPTS_MAX: usize = 20;

impl Catalog {
    /// Opens the catalog of a folder only to look at it. What it is told to change it forgets.
    ///
    /// # Errors
    /// As [`Catalog::open`]; also when there is no such folder.
    pub fn open_read_only(folder: &Path) -> Result<(Self, OpenReport), CatalogError> {
        std::fs::read_dir(folder).map_err(failed(folder, "list"))?;
        let mut attempt = 0;
        let recovered = loop {
            let names = RealDisk.list(folder).map_err(failed(folder, "list"))?;
            match recover(&ReadOnlyDisk, folder) {
                Ok(recovered) => break recovered,
                Err(error) => {
                    let now = RealDisk.list(folder).map_err(failed(folder, "list"))?;
                    if attempt == ATTEMPTS_MAX || sorted(now) == sorted(names) {
                        return Err(error);
                    }
                    attempt += 1;
                }
            }
        };
        let catalog = Self::in_memory();
        *catalog.index.write() = recovered.index;
        Ok((catalog, recovered.report))
    }
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

/// Reads are real, writes are let pass.
struct ReadOnlyDisk;

impl Disk for ReadOnlyDisk {
    fn create_dir(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(path)
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        RealDisk.read(path)
    }

    fn append_to(&self, _path: &Path, _is_new: bool) -> io::Result<Arc<dyn AppendFile>> {
        Ok(Arc::new(Nowhere))
    }

    fn rename(&self, _from: &Path, _to: &Path) -> io::Result<()> {
        Ok(())
    }

    fn remove(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn sync_dir(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }
}

struct Nowhere;

impl AppendFile for Nowhere {
    fn append(&self, _bytes: &[u8]) -> io::Result<()> {
        Ok(())
    }

    fn truncate(&self, _length: u64) -> io::Result<()> {
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::{Retention, Rollup, name};

    fn create(catalog: &Catalog, text: &str, retention: &Arc<Retention>) {
        let hash = name::hash(text.as_bytes());
        let created = catalog.create(text, hash, retention, Rollup::default());
        created.unwrap();
    }

    fn listing(folder: &Path) -> Vec<(String, Vec<u8>)> {
        let names = sorted(RealDisk.list(folder).unwrap());
        let read = |name: String| {
            let bytes = std::fs::read(folder.join(&name)).unwrap();
            (name, bytes)
        };
        names.into_iter().map(read).collect()
    }

    #[test]
    fn look_beside_a_writer_shows_its_names_and_changes_no_byte() {
        let folder = tempfile::tempdir().unwrap();
        let (catalog, _) = Catalog::open(folder.path()).unwrap();
        let retention = Arc::new(Retention::parse("10s:1h").unwrap());
        for number in 0..50 {
            create(&catalog, &format!("a.b{number}"), &retention);
            if number == 20 {
                catalog.snapshot().unwrap();
            }
        }
        // What a record that is being written looks like, and what a failed snapshot leaves.
        let last = folder.path().join("log-00000002");
        let mut bytes = std::fs::read(&last).unwrap();
        bytes.extend([9, 0, 0, 0, 1]);
        std::fs::write(&last, bytes).unwrap();
        std::fs::write(folder.path().join("snapshot-00000003.tmp"), b"half").unwrap();
        let before = listing(folder.path());
        let (seen, report) = Catalog::open_read_only(folder.path()).unwrap();
        assert_eq!(seen.len(), 50);
        assert_eq!(seen.id("a.b49"), catalog.id("a.b49"));
        assert_eq!(report.torn.len(), 1);
        assert_eq!(report.damaged, []);
        assert_eq!(listing(folder.path()), before);
    }

    #[test]
    fn damaged_snapshot_is_passed_over_and_left_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let (catalog, _) = Catalog::open(folder.path()).unwrap();
        let retention = Arc::new(Retention::parse("10s:1h").unwrap());
        create(&catalog, "a.b", &retention);
        catalog.snapshot().unwrap();
        catalog.sync().unwrap();
        drop(catalog);
        let path = folder.path().join("snapshot-00000002");
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let before = listing(folder.path());
        let (seen, report) = Catalog::open_read_only(folder.path()).unwrap();
        assert_eq!(seen.len(), 1);
        assert_eq!(report.damaged.len(), 1);
        assert_eq!(listing(folder.path()), before);
    }

    #[test]
    fn missing_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("none");
        let message = Catalog::open_read_only(&missing).err().unwrap().to_string();
        assert!(message.contains("none: list"), "{message}");
        assert!(!missing.exists());
    }
}
