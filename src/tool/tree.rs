//! The files of a Whisper tree, and work on all of them at once.
//!
//! A tree is walked without recursion and sorted, so that answers come in one order; folders behind
//! symbolic links are not entered, as with the Python tools, so that no loop is. Work runs on rayon's
//! threads. Ctrl-C is looked at between two files, so every file is whole; files that fail are told on
//! standard error and counted, and the others go on.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::Args;
use plumbago_storage_format::whisper::metric_name;
use rayon::prelude::*;

use super::ToolError;
use super::interrupt::Interrupt;
use super::progress::{Progress, Quiet};
use super::subject::Subject;

/// Flags of every subcommand that goes through a tree.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct SweepFlags {
    /// Work on this many files at once [default: one a processor].
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    #[command(flatten)]
    pub(super) quiet: Quiet,
}

impl SweepFlags {
    /// As many threads as there are processors.
    pub(super) fn new(quiet: Quiet) -> Self {
        Self {
            threads: None,
            quiet,
        }
    }
}

/// A folder's Whisper files, or one file.
pub(super) struct Tree {
    /// The folder that metrics are named from.
    root: PathBuf,
    /// All `*.wsp` below it, sorted.
    files: Vec<PathBuf>,
}

impl Tree {
    /// Walks a folder, or takes a single file as a tree of one.
    ///
    /// # Errors
    /// When the path is neither, or a folder cannot be read: half a tree would be a wrong answer.
    pub(super) fn read(path: &Path, quiet: Quiet) -> Result<Self, ToolError> {
        match Subject::of(path)? {
            Subject::WhisperFile(file) => Ok(Self {
                root: file.parent().map(Path::to_owned).unwrap_or_default(),
                files: vec![file],
            }),
            Subject::WhisperTree(root) => {
                let progress = Progress::spinner("files found", quiet);
                let files = walk(&root, &progress)?;
                progress.finish();
                Ok(Self { root, files })
            }
            data_folder => Err(data_folder.refusal("a Whisper file or tree")),
        }
    }

    /// The same files, named from another folder above them.
    ///
    /// # Errors
    /// When the files are not below it.
    pub(super) fn named_from(self, root: &Path) -> Result<Self, ToolError> {
        if !self.root.starts_with(root) {
            let (own, root) = (self.root.display(), root.display());
            return Err(ToolError::BadInput(format!("{own}: is not below {root}")));
        }
        Ok(Self {
            root: root.to_owned(),
            ..self
        })
    }

    /// All files, sorted.
    pub(super) fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// The files whose metrics pass; those that have no plain name do not.
    pub(super) fn filtered(mut self, keep: impl Fn(&str) -> bool) -> Self {
        let files = std::mem::take(&mut self.files);
        let is_kept = |file: &PathBuf| self.metric(file).is_some_and(|metric| keep(&metric));
        self.files = files.into_iter().filter(is_kept).collect();
        self
    }

    /// The path of a file below the root, as text.
    pub(super) fn relative(&self, file: &Path) -> String {
        let relative = file.strip_prefix(&self.root).unwrap_or(file);
        relative.to_string_lossy().into_owned()
    }

    /// The file of the same metric in another tree.
    pub(super) fn beside(&self, file: &Path, root: &Path) -> PathBuf {
        root.join(file.strip_prefix(&self.root).unwrap_or(file))
    }

    /// The metric of a file; `None` for a tagged one whose name is hashed and for names that no
    /// metric has.
    pub(super) fn metric(&self, file: &Path) -> Option<String> {
        metric_name(&self.relative(file))
    }

    /// The metric of a file, or its path where it has none.
    pub(super) fn label(&self, file: &Path) -> String {
        self.metric(file).unwrap_or_else(|| self.relative(file))
    }

    /// Does something with every file, on several threads.
    ///
    /// # Errors
    /// When the threads cannot be started. What becomes of the files is in the answer.
    pub(super) fn sweep<T: Send>(
        &self,
        flags: SweepFlags,
        work: impl Fn(&Path) -> Result<T, ToolError> + Sync,
    ) -> Result<Swept<T>, ToolError> {
        let interrupt = Interrupt::listen();
        let progress = Progress::bar(self.files.len() as u64, "files", flags.quiet);
        let failed = AtomicUsize::new(0);
        let one = |file: &PathBuf| {
            if interrupt.is_requested() {
                return None;
            }
            let done = work(file);
            progress.advance(1);
            done.map(|done| (file.clone(), done))
                .inspect_err(|error| {
                    // Counted for the summary; nothing is published by it.
                    failed.fetch_add(1, Ordering::Relaxed);
                    progress.warn(error);
                })
                .ok()
        };
        let mut pool = rayon::ThreadPoolBuilder::new();
        if let Some(threads) = flags.threads {
            pool = pool.num_threads(threads.max(1));
        }
        let pool = pool.build();
        let pool = pool.map_err(|error| ToolError::BadInput(format!("--threads: {error}")))?;
        let done: Vec<(PathBuf, T)> =
            pool.install(|| self.files.par_iter().filter_map(one).collect());
        progress.finish();
        Ok(Swept {
            done,
            failed: failed.into_inner(),
            all: self.files.len(),
            is_interrupted: interrupt.is_requested(),
        })
    }
}

/// What became of a sweep.
pub(super) struct Swept<T> {
    /// What was done with each file that did not fail, in order of the files.
    pub(super) done: Vec<(PathBuf, T)>,
    failed: usize,
    all: usize,
    is_interrupted: bool,
}

impl<T> Swept<T> {
    /// Ends a subcommand after its answer was printed.
    ///
    /// # Errors
    /// When files failed or Ctrl-C came.
    pub(super) fn finish(&self) -> Result<(), ToolError> {
        if self.is_interrupted {
            let (done, all) = (self.done.len(), self.all);
            let state = format!("{done} of {all} files were done, the others are as they were");
            return Err(ToolError::Interrupted(state));
        }
        match self.failed {
            0 => Ok(()),
            failed => Err(ToolError::Partly {
                failed,
                all: self.all,
            }),
        }
    }
}

fn walk(root: &Path, progress: &Progress) -> Result<Vec<PathBuf>, ToolError> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let unreadable = ToolError::io(&folder, "cannot be read");
        let entries = fs::read_dir(&folder).map_err(unreadable)?;
        for entry in entries {
            let entry = entry.map_err(ToolError::io(&folder, "cannot be read"))?;
            let kind = entry.file_type();
            let kind = kind.map_err(ToolError::io(&entry.path(), "cannot be read"))?;
            let path = entry.path();
            if kind.is_dir() {
                // At the root of a file system, and nobody's but root's.
                if entry.file_name() != "lost+found" {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "wsp")
                && (kind.is_file() || path.is_file())
            {
                files.push(path);
                progress.advance(1);
            }
        }
    }
    files.sort_unstable();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> (tempfile::TempDir, Tree) {
        let folder = tempfile::tempdir().unwrap();
        for name in [
            "b/c/d.wsp",
            "a.wsp",
            "b/x.txt",
            "_tagged/abc/def/h.wsp",
            "lost+found/x.wsp",
        ] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        std::os::unix::fs::symlink(folder.path(), folder.path().join("b/loop")).unwrap();
        let tree = Tree::read(folder.path(), FLAGS.quiet).unwrap();
        (folder, tree)
    }

    const FLAGS: SweepFlags = SweepFlags {
        threads: Some(2),
        quiet: Quiet { quiet: true },
    };

    #[test]
    fn files_are_sorted_and_named_and_loops_are_not_entered() {
        let (_folder, tree) = tree();
        let labels: Vec<String> = tree.files().iter().map(|file| tree.label(file)).collect();
        assert_eq!(labels, ["_tagged/abc/def/h.wsp", "a", "b.c.d"]);
    }

    #[test]
    fn a_failure_is_counted_and_the_others_go_on() {
        let (_folder, tree) = tree();
        let swept = tree
            .sweep(FLAGS, |file| match tree.label(file).as_str() {
                "a" => Err(ToolError::BadInput("no".to_owned())),
                label => Ok(label.to_owned()),
            })
            .unwrap();
        let done: Vec<&str> = swept.done.iter().map(|(_, label)| label.as_str()).collect();
        assert_eq!(done, ["_tagged/abc/def/h.wsp", "b.c.d"]);
        assert_eq!(swept.finish().unwrap_err().to_string(), "1 of 3 failed");
    }

    #[test]
    fn names_are_those_from_the_root_above() {
        let (folder, _) = tree();
        let below = Tree::read(&folder.path().join("b"), FLAGS.quiet).unwrap();
        assert_eq!(below.label(&below.files()[0]), "c.d");
        let below = below.named_from(folder.path()).unwrap();
        assert_eq!(below.label(&below.files()[0]), "b.c.d");
        assert!(below.named_from(Path::new("/elsewhere")).is_err());
    }
}
