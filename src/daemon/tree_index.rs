//! Keeps the catalog and a tree of Whisper files in step.
//!
//! The catalog is the index of the tree: it is opened at once, and a walk in the background then finds
//! what other tools made or removed meanwhile. The first start, with an empty catalog, walks before
//! the daemon says that it is ready. A walk opens only files that the catalog does not know.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::catalog::Catalog;
use crate::metric::name::hash;
use crate::metric::{Retention, Rollup, SeriesId};
use crate::storage::SeriesDefinition;
use crate::storage::whisper::{Scan, Tree, TreeOwner, WhisperStore};

/// Threads that read headers of new files side by side.
const READERS: usize = 8;

/// Files that cannot be used and are named in the log of one walk.
const COMPLAINTS_MAX: usize = 20;

/// A tree and who knows its names.
pub(super) struct TreeIndex {
    pub(super) tree: Tree,
    pub(super) catalog: Arc<Catalog>,
    /// `None` before the store is opened.
    pub(super) owner: Option<Arc<dyn TreeOwner>>,
    /// The engine of the tree, whose files may say something else than the catalog.
    pub(super) engine: Option<Arc<WhisperStore>>,
}

/// What a walk came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Outcome {
    files: usize,
    added: usize,
    removed: usize,
    /// Files of tagged series whose names are hashed and that no known name has.
    nameless: usize,
    unusable: usize,
}

/// A file that the catalog does not know.
struct NewFile {
    name: String,
    relative_path: String,
}

impl TreeIndex {
    /// Walks the tree once and brings the catalog into step.
    pub(super) fn reconcile(&self) {
        let started = Instant::now();
        let scan = self.tree.scan();
        for (path, reason) in scan.failures.iter().take(COMPLAINTS_MAX) {
            tracing::warn!(path = %path.display(), reason, "a folder of the tree cannot be read");
        }
        let mut outcome = Outcome {
            files: scan.files.len(),
            ..Outcome::default()
        };
        // Before anything is added, which a walk that began earlier cannot have seen.
        let missing = self.missing(&scan);
        self.add(&scan, &mut outcome);
        self.remove(&missing, &mut outcome);
        self.follow_files();
        if let Some(owner) = &self.owner {
            owner.walked();
        }
        let elapsed_ms = started.elapsed().as_millis() as u64;
        let (files, added, removed) = (outcome.files, outcome.added, outcome.removed);
        let (nameless, unusable) = (outcome.nameless, outcome.unusable);
        tracing::info!(
            files,
            added,
            removed,
            nameless,
            unusable,
            elapsed_ms,
            "tree walked"
        );
    }

    fn add(&self, scan: &Scan, outcome: &mut Outcome) {
        let mut new_files = Vec::new();
        let mut hashed: HashSet<u64> = HashSet::new();
        for relative_path in &scan.files {
            let Some(name) = self.tree.name_of(relative_path) else {
                hashed.insert(hash(relative_path.as_bytes()));
                continue;
            };
            match self.catalog.id(&name) {
                Some(id) => self.found(id, relative_path),
                None => new_files.push(NewFile {
                    name,
                    relative_path: relative_path.clone(),
                }),
            }
        }
        self.find_hashed(&mut hashed);
        new_files.extend(self.find_registered(&mut hashed));
        outcome.nameless = hashed.len();
        for chunk in new_files.chunks(READERS * 1024) {
            for (file, definition) in chunk.iter().zip(self.read_definitions(chunk)) {
                match definition.and_then(|definition| self.adopt(file, definition)) {
                    Ok(()) => outcome.added += 1,
                    Err(error) => {
                        if outcome.unusable < COMPLAINTS_MAX {
                            tracing::warn!(error, "a file of the tree is left out");
                        }
                        outcome.unusable += 1;
                    }
                }
            }
        }
    }

    fn found(&self, id: SeriesId, relative_path: &str) {
        if let Some(owner) = &self.owner {
            owner.found(id, relative_path);
        }
    }

    /// Takes the files of tagged names that the catalog knows out of those without a name.
    fn find_hashed(&self, hashed: &mut HashSet<u64>) {
        if hashed.is_empty() {
            return;
        }
        let tagged = self.catalog.definitions();
        for series in tagged.filter(|series| series.name.contains(';')) {
            let path = self.tree.path_of(&series.name);
            if let Some(path) = path.filter(|path| hashed.remove(&hash(path.as_bytes()))) {
                self.found(series.id, &path);
            }
        }
    }

    /// Takes the files of names that were registered by hand out of those without a name: that is how
    /// somebody who brings a tree of hashed files tells what they are.
    fn find_registered(&self, hashed: &mut HashSet<u64>) -> Vec<NewFile> {
        if hashed.is_empty() {
            return Vec::new();
        }
        let names = self.catalog.registered_names().into_iter();
        let files = names.filter_map(|name| {
            let relative_path = self.tree.path_of(&name)?;
            let is_there = hashed.remove(&hash(relative_path.as_bytes()));
            is_there.then_some(NewFile {
                name,
                relative_path,
            })
        });
        files.collect()
    }

    fn read_definitions(&self, files: &[NewFile]) -> Vec<Result<(Retention, Rollup), String>> {
        let size = files.len().div_ceil(READERS).max(1);
        let read = |file: &NewFile| {
            let definition = self.tree.definition(&file.relative_path);
            definition.map_err(|error| error.to_string())
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> = files
                .chunks(size)
                .map(|files| scope.spawn(|| files.iter().map(read).collect::<Vec<_>>()))
                .collect();
            let joined = threads.into_iter().zip(files.chunks(size));
            joined
                .flat_map(|(thread, files)| {
                    let panicked = |_| {
                        let error = || Err("reading its header panicked".to_owned());
                        files.iter().map(|_| error()).collect()
                    };
                    thread.join().unwrap_or_else(panicked)
                })
                .collect()
        })
    }

    fn adopt(
        &self,
        file: &NewFile,
        (retention, rollup): (Retention, Rollup),
    ) -> Result<(), String> {
        let (retention, name) = (Arc::new(retention), file.name.as_str());
        let created = (self.catalog).create(name, hash(name.as_bytes()), &retention, rollup);
        let id = created.map_err(|error| format!("{name}: {error}"))?;
        if let Some(owner) = &self.owner {
            let series = SeriesDefinition {
                id,
                name: name.into(),
                retention,
                rollup,
            };
            owner.adopt(&series, &file.relative_path);
        }
        Ok(())
    }

    /// The series whose files the walk did not find. None when it found no file at all or could not
    /// read a folder: a disk that is not mounted must not empty the catalog.
    fn missing(&self, scan: &Scan) -> Vec<SeriesId> {
        if scan.files.is_empty() || !scan.failures.is_empty() || self.engine.is_none() {
            return Vec::new();
        }
        let paths = scan.files.iter().map(|path| hash(path.as_bytes()));
        let paths: HashSet<u64> = paths.collect();
        let is_missing = |name: &str| match self.tree.path_of(name) {
            Some(path) => !paths.contains(&hash(path.as_bytes())),
            None => true,
        };
        let series = self.catalog.definitions();
        series
            .filter(|series| is_missing(&series.name))
            .map(|series| series.id)
            .collect()
    }

    fn remove(&self, missing: &[SeriesId], outcome: &mut Outcome) {
        let Some(owner) = &self.owner else {
            return;
        };
        let is_gone = |id: &SeriesId| owner.is_gone(*id);
        let gone: Vec<_> = missing.iter().copied().filter(is_gone).collect();
        match self.catalog.remove(&gone) {
            Ok(removed) => outcome.removed = removed,
            Err(error) => tracing::error!(%error, "files that are gone stay in the catalog"),
        }
    }

    /// What files say of themselves goes into the catalog.
    fn follow_files(&self) {
        let Some(engine) = &self.engine else {
            return;
        };
        for series in engine.take_redefined() {
            let redefined = (self.catalog).redefine(&[series.id], &series.retention, series.rollup);
            if let Err(error) = redefined {
                tracing::error!(%error, "the catalog keeps an old retention");
            }
        }
    }
}

/// The thread that walks now and then.
#[derive(Debug)]
pub(super) struct TreeWatch {
    orders: mpsc::Sender<Order>,
    thread: JoinHandle<()>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Walk,
    Stop,
}

impl TreeWatch {
    /// Starts the thread, which walks at once unless `is_walked`, then at the interval and on order.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(
        index: TreeIndex,
        interval: Option<Duration>,
        is_walked: bool,
    ) -> io::Result<Self> {
        let (orders, received) = mpsc::channel();
        let builder = std::thread::Builder::new().name("tree".to_owned());
        let thread = builder.spawn(move || {
            if !is_walked {
                index.reconcile();
            }
            loop {
                let order = match interval {
                    Some(interval) => received.recv_timeout(interval),
                    None => received.recv().map_err(|_| RecvTimeoutError::Disconnected),
                };
                match order {
                    Ok(Order::Walk) | Err(RecvTimeoutError::Timeout) => index.reconcile(),
                    Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                }
            }
            index.follow_files();
        })?;
        Ok(Self { orders, thread })
    }

    /// Asks for a walk.
    pub(super) fn walk(&self) {
        // A thread that is gone has said why.
        let _ = self.orders.send(Order::Walk);
    }

    /// Asks for the end; the thread is given back to be waited for.
    pub(super) fn stop(self) -> JoinHandle<()> {
        let _ = self.orders.send(Order::Stop);
        self.thread
    }
}
