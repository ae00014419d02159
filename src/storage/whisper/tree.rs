//! The tree as a folder of names: which metrics have files, found by walking it.
//!
//! A walk reads folders alone, side by side, and opens no file. The files of tagged series whose names
//! are hashed do not tell their names; they are found by the names that the catalog knows, or once a
//! point of theirs comes.

use std::collections::HashSet;
use std::fs::{self, DirEntry};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use parking_lot::{Condvar, Mutex};
use plumbago_storage_format::whisper::{Dialect, TaggedNames, metric_name, relative_path};

use super::definition::definition_of;
use super::open_file::{FileError, OpenFile, TEMPORARY};
use crate::metric::{Retention, Rollup, SeriesId};
use crate::storage::{SeriesDefinition, StoreError};

/// Folders below folders that are walked: a link that leads upwards would never end.
const DEPTH_MAX: usize = 64;
/// A file that is being made is whole within moments; one so old was left by a crash.
const LEFTOVER_AGE: Duration = Duration::from_secs(600);
/// Threads of a walk: folders on a disk come no faster with more.
const THREADS_MAX: usize = 8;

/// A folder of Whisper files.
#[derive(Clone, Debug)]
pub struct Tree {
    /// The folder.
    pub root: PathBuf,
    /// How tagged series' files are named.
    pub tagged_names: TaggedNames,
    /// Whose type numbers the files have.
    pub dialect: Dialect,
}

/// What a walk found.
#[derive(Debug, Default)]
pub struct Scan {
    /// The files, by their path below the root.
    pub files: Vec<String>,
    /// Folders that could not be read, and why.
    pub failures: Vec<(PathBuf, String)>,
    /// Leftovers of interrupted creations that were removed.
    pub swept: usize,
}

/// Who has the series of a tree: the engine, or the store that lies over it.
pub trait TreeOwner: Send + Sync {
    /// A file was found that the catalog did not know; it does now.
    fn adopt(&self, series: &SeriesDefinition, relative_path: &str);
    /// The file of a series of the catalog was found.
    fn found(&self, series: SeriesId, relative_path: &str);
    /// A walk is over: all files of series of the catalog were told.
    fn walked(&self) {}
    /// True when a series whose file was not found is to leave the catalog.
    fn is_gone(&self, series: SeriesId) -> bool;
}

impl Tree {
    /// Walks the whole tree.
    pub fn scan(&self) -> Scan {
        let walk = Walk::of(&self.root);
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        std::thread::scope(|scope| {
            for _ in 0..threads.clamp(2, THREADS_MAX) {
                scope.spawn(|| walk.work());
            }
        });
        walk.scan.into_inner()
    }

    /// The metric of a file; `None` for one that does not tell.
    pub fn name_of(&self, relative: &str) -> Option<String> {
        metric_name(relative).or_else(|| {
            let stem = relative.rsplit('/').next()?.strip_suffix(".wsp")?;
            let name = stem.replace("_DOT_", ".");
            let path = relative_path(&name, TaggedNames::Name)?;
            (name.contains(';') && path == relative).then_some(name)
        })
    }

    /// Where the file of a metric is below the root.
    pub fn path_of(&self, name: &str) -> Option<String> {
        relative_path(name, self.tagged_names)
    }

    /// What a file says of itself.
    ///
    /// # Errors
    /// When it cannot be read or is no Whisper file.
    pub fn definition(&self, relative: &str) -> Result<(Retention, Rollup), StoreError> {
        let path = self.root.join(relative);
        let file = OpenFile::open_to_read(&path, self.dialect)?;
        definition_of(file.header()).map_err(|reason| StoreError::Damaged { path, reason })
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    /// When there is none or it cannot be used.
    pub(super) fn open(&self, relative: &str) -> Result<OpenFile, FileError> {
        OpenFile::open_to_read(&self.root.join(relative), self.dialect)
    }
}

/// A walk under way: threads take folders from one list and put what they find into another.
struct Walk {
    folders: Mutex<Folders>,
    more: Condvar,
    scan: Mutex<Scan>,
}

struct Folders {
    /// Path, path below the root, depth.
    left: Vec<(PathBuf, String, usize)>,
    /// Threads that may still find more.
    busy: usize,
    /// Folders reached by a link, by device and inode.
    linked: HashSet<(u64, u64)>,
}

impl Walk {
    fn of(root: &Path) -> Self {
        Self {
            folders: Mutex::new(Folders {
                left: vec![(root.to_owned(), String::new(), 0)],
                busy: 0,
                linked: HashSet::new(),
            }),
            more: Condvar::new(),
            scan: Mutex::default(),
        }
    }

    fn work(&self) {
        let mut found = Scan::default();
        while let Some(folder) = self.next() {
            if let Err(error) = self.read_folder(&folder, &mut found) {
                found.failures.push((folder.0, error.to_string()));
            }
            let mut folders = self.folders.lock();
            folders.busy -= 1;
            if folders.busy == 0 && folders.left.is_empty() {
                self.more.notify_all();
            }
        }
        let mut scan = self.scan.lock();
        scan.files.append(&mut found.files);
        scan.failures.append(&mut found.failures);
        scan.swept += found.swept;
    }

    fn next(&self) -> Option<(PathBuf, String, usize)> {
        let mut folders = self.folders.lock();
        loop {
            if let Some(folder) = folders.left.pop() {
                folders.busy += 1;
                return Some(folder);
            }
            if folders.busy == 0 {
                return None;
            }
            self.more.wait(&mut folders);
        }
    }

    fn read_folder(
        &self,
        (path, relative, depth): &(PathBuf, String, usize),
        found: &mut Scan,
    ) -> io::Result<()> {
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            // A name that is not text is no metric's.
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let below = match relative.as_str() {
                "" => name.clone(),
                folder => format!("{folder}/{name}"),
            };
            if name.starts_with(TEMPORARY) {
                found.swept += usize::from(sweep(&entry));
            } else if self.is_folder(&entry)? {
                if *depth < DEPTH_MAX {
                    let mut folders = self.folders.lock();
                    folders.left.push((entry.path(), below, depth + 1));
                    self.more.notify_one();
                }
            } else if name.ends_with(".wsp") {
                found.files.push(below);
            }
        }
        Ok(())
    }

    /// True for a folder, and for a link to one that no link has led to yet.
    fn is_folder(&self, entry: &DirEntry) -> io::Result<bool> {
        let kind = entry.file_type()?;
        if !kind.is_symlink() {
            return Ok(kind.is_dir());
        }
        // A link that leads nowhere is no folder.
        let Ok(target) = fs::metadata(entry.path()) else {
            return Ok(false);
        };
        let identity = (target.dev(), target.ino());
        Ok(target.is_dir() && self.folders.lock().linked.insert(identity))
    }
}

/// Removes a file that a crash left half made; true when it did.
fn sweep(entry: &DirEntry) -> bool {
    let modified = entry.metadata().and_then(|metadata| metadata.modified());
    let is_old = modified.is_ok_and(|modified| {
        let age = SystemTime::now().duration_since(modified);
        age.is_ok_and(|age| age >= LEFTOVER_AGE)
    });
    is_old && fs::remove_file(entry.path()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(root: &Path) -> Tree {
        Tree {
            root: root.to_owned(),
            tagged_names: TaggedNames::Hash,
            dialect: Dialect::Reference,
        }
    }

    fn touch(root: &Path, relative: &str) {
        let path = root.join(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, []).unwrap();
    }

    #[test]
    fn files_are_found_whatever_is_between_them() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for file in [
            "a.wsp",
            "a/b/c.wsp",
            "a/b/notes.txt",
            "d/x.wsp.bak",
            "d/e.wsp",
        ] {
            touch(root, file);
        }
        touch(root, &format!("d/{TEMPORARY}0"));
        std::os::unix::fs::symlink(root, root.join("d/loop")).unwrap();
        std::os::unix::fs::symlink("nowhere", root.join("d/dead.wsp")).unwrap();
        let mut scan = tree(root).scan();
        scan.files.sort();
        scan.files.retain(|file| !file.contains("loop"));
        assert_eq!(scan.files, ["a.wsp", "a/b/c.wsp", "d/dead.wsp", "d/e.wsp"]);
        assert_eq!((scan.failures.len(), scan.swept), (0, 0));
    }

    #[test]
    fn tree_that_is_not_there_is_a_failure_and_not_an_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        let scan = tree(&folder.path().join("none")).scan();
        assert_eq!((scan.files.len(), scan.failures.len()), (0, 1));
    }

    #[test]
    fn names_of_plain_files_and_of_tagged_ones_that_are_not_hashed_are_known() {
        let tree = tree(Path::new("/"));
        assert_eq!(tree.name_of("a/b.wsp").as_deref(), Some("a.b"));
        let name = "a.b;k=v.w";
        for (tagged, known) in [(TaggedNames::Name, Some(name)), (TaggedNames::Hash, None)] {
            let path = relative_path(name, tagged).unwrap();
            assert_eq!(tree.name_of(&path).as_deref(), known);
        }
        assert_eq!(tree.name_of("_tagged/000/000/a;k=v.wsp"), None);
    }

    #[test]
    fn old_leftovers_of_creations_are_swept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(format!("{TEMPORARY}1"));
        let file = fs::File::create(&path).unwrap();
        file.set_modified(SystemTime::now() - 2 * LEFTOVER_AGE)
            .unwrap();
        assert_eq!(tree(folder.path()).scan().swept, 1);
        assert!(!path.exists());
    }
}
