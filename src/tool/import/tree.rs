//! What a tree of Whisper files holds: its files and the names of their metrics.
//!
//! A plain metric's path is its name. A tagged one's file is named by the hash of the name, which
//! nothing turns back: such names come from a list ([`Names`]). Installs with
//! `TAG_HASH_FILENAMES = False` have the name itself, with `_DOT_` for dots.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use plumbago_storage_format::whisper::{TaggedNames, metric_name, relative_path};

use super::super::ToolError;
use super::super::interrupt::Interrupt;
use super::super::progress::Progress;

const TAGGED: &str = "_tagged/";
const SUFFIX: &str = ".wsp";
/// Folders within folders that are followed; more are a circle that bind mounts made.
const DEPTH_MAX: usize = 255;

/// When a file was last written to, and its length: equal for one that did not change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) modified_ns: i64,
    pub(super) bytes: u64,
}

impl Stamp {
    /// Of a file's metadata.
    pub(super) fn of(metadata: &fs::Metadata) -> Self {
        Self {
            modified_ns: metadata.mtime() * 1_000_000_000 + metadata.mtime_nsec(),
            bytes: metadata.len(),
        }
    }
}

/// One Whisper file.
#[derive(Clone, Debug)]
pub(super) struct TreeFile {
    pub(super) path: PathBuf,
    /// Below the tree's folder, `/` between its parts.
    pub(super) relative: String,
    /// The metric, not yet canonical.
    pub(super) name: String,
    pub(super) stamp: Stamp,
}

/// All of a tree.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) files: Vec<TreeFile>,
    /// Tagged files whose names no list has.
    pub(super) unnamed: Vec<PathBuf>,
    /// What could not be read, and why.
    pub(super) unreadable: Vec<(PathBuf, String)>,
}

/// The names of tagged series, by their files.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<String, String>);

impl Names {
    /// Reads a list: a name a line, or the JSON that graphite-web's `/tags/findSeries` answers.
    ///
    /// # Errors
    /// When the file cannot be read, or begins as JSON and is none.
    pub(super) fn read(path: &Path) -> Result<Self, ToolError> {
        let text = fs::read_to_string(path).map_err(ToolError::io(path, "cannot be read"))?;
        let names: Vec<String> = match text.trim_start().starts_with('[') {
            true => serde_json::from_str(&text).map_err(ToolError::damaged(path))?,
            false => text.lines().map(|line| line.trim().to_owned()).collect(),
        };
        let tagged = names.into_iter().filter(|name| name.contains(';'));
        let by_file = tagged.filter_map(|name| {
            let name = in_order(&name);
            relative_path(&name, TaggedNames::Hash).map(|file| (file, name))
        });
        Ok(Self(by_file.collect()))
    }
}

/// A tagged name with its tags sorted, as the hash is taken of it.
fn in_order(name: &str) -> String {
    let mut parts = name.split(';');
    let metric = parts.next().unwrap_or_default().to_owned();
    let mut tags: Vec<&str> = parts.collect();
    tags.sort_unstable();
    tags.into_iter().fold(metric, |name, tag| name + ";" + tag)
}

impl Tree {
    /// Walks a tree. Links to folders are followed once.
    ///
    /// # Errors
    /// When the tree's own folder cannot be read, or the operator wants an end.
    pub(super) fn walk(
        root: &Path,
        names: &Names,
        progress: &Progress,
        interrupt: &Interrupt,
    ) -> Result<Self, ToolError> {
        fs::read_dir(root).map_err(ToolError::io(root, "cannot be read"))?;
        let mut tree = Self::default();
        let mut seen = HashSet::new();
        let mut folders = vec![(root.to_owned(), String::new(), 0)];
        // Last, so that a folder of the tree is not known by a link to it.
        let mut links = Vec::new();
        while let Some((folder, relative, depth)) = folders.pop().or_else(|| links.pop()) {
            interrupt.check(|| "nothing was imported yet".to_owned())?;
            let entries = match list(&folder, &mut seen) {
                Ok(entries) => entries,
                Err(error) => {
                    tree.unreadable.push((folder, error.to_string()));
                    continue;
                }
            };
            for (name, path) in entries {
                let relative = format!("{relative}{name}");
                match fs::metadata(&path) {
                    Ok(metadata) if metadata.is_dir() && depth < DEPTH_MAX => {
                        let next = if path.is_symlink() {
                            &mut links
                        } else {
                            &mut folders
                        };
                        next.push((path, relative + "/", depth + 1));
                    }
                    Ok(metadata) if metadata.is_file() && name.ends_with(SUFFIX) => {
                        tree.add(path, relative, Stamp::of(&metadata), names);
                        progress.advance(1);
                    }
                    Ok(_) => {}
                    Err(error) => tree.unreadable.push((path, error.to_string())),
                }
            }
        }
        tree.files
            .sort_by(|one, other| one.relative.cmp(&other.relative));
        Ok(tree)
    }

    fn add(&mut self, path: PathBuf, relative: String, stamp: Stamp, names: &Names) {
        match name_of(&relative, names) {
            Some(name) => self.files.push(TreeFile {
                path,
                relative,
                name,
                stamp,
            }),
            None => self.unnamed.push(path),
        }
    }
}

/// A folder's entries in order; empty for one that was seen before.
fn list(folder: &Path, seen: &mut HashSet<(u64, u64)>) -> std::io::Result<Vec<(String, PathBuf)>> {
    let metadata = fs::metadata(folder)?;
    if !seen.insert((metadata.dev(), metadata.ino())) {
        return Ok(Vec::new());
    }
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // A name that is not text is no metric's.
        if let Ok(name) = entry.file_name().into_string() {
            entries.push((name, entry.path()));
        }
    }
    entries.sort_unstable();
    Ok(entries)
}

/// The metric of a file; `None` for a tagged one that cannot be named.
fn name_of(relative: &str, names: &Names) -> Option<String> {
    let Some(tagged) = relative.strip_prefix(TAGGED) else {
        return metric_name(relative);
    };
    if let Some(name) = names.0.get(relative) {
        return Some(name.clone());
    }
    let stem = tagged.rsplit('/').next()?.strip_suffix(SUFFIX)?;
    let name = stem.replace("_DOT_", ".");
    // Only a name with tags whose hash leads to the folder is one.
    let path = relative_path(&name, TaggedNames::Name)?;
    (name.contains(';') && path == relative).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::super::super::progress::Quiet;
    use super::*;

    const NAME: &str = "some.metric;tag1=value2;tag2=value.2";

    fn make(root: &Path, relative: &str) {
        let path = root.join(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }

    #[test]
    fn files_are_named_by_path_list_or_by_themselves() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        make(root, "a/b.wsp");
        make(root, "a/other.txt");
        make(root, &relative_path(NAME, TaggedNames::Hash).unwrap());
        make(root, &relative_path("x;y=z", TaggedNames::Hash).unwrap());
        make(
            root,
            &relative_path("p.q;r=s.t", TaggedNames::Name).unwrap(),
        );
        std::os::unix::fs::symlink(root.join("a"), root.join("loop")).unwrap();
        std::os::unix::fs::symlink(root, root.join("a/up")).unwrap();
        let list = root.join("names");
        fs::write(&list, "some.metric;tag2=value.2;tag1=value2\nplain\n").unwrap();
        let quiet = Quiet { quiet: true };
        let walk = |names: &Names| {
            let progress = Progress::spinner("files", quiet);
            Tree::walk(root, names, &progress, &Interrupt::default()).unwrap()
        };
        let tree = walk(&Names::read(&list).unwrap());
        let names: Vec<&str> = tree.files.iter().map(|file| file.name.as_str()).collect();
        assert_eq!(names, ["p.q;r=s.t", NAME, "a.b"]);
        assert_eq!(tree.unnamed.len(), 1);
        fs::write(&list, format!("[\"{NAME}\", \"x;y=z\"]")).unwrap();
        assert_eq!(walk(&Names::read(&list).unwrap()).files.len(), 4);
        fs::write(&list, "[1").unwrap();
        assert!(Names::read(&list).is_err());
    }

    #[test]
    fn a_hash_in_the_wrong_folder_is_no_name() {
        let names = Names::default();
        assert_eq!(name_of("_tagged/abc/def/x;y=z.wsp", &names), None);
        assert_eq!(name_of("_tagged/abc/def/x.wsp", &names), None);
        assert_eq!(name_of("a/b.c.wsp", &names), None);
    }
}
