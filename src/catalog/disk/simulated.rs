//! A disk for tests: it tells written from durable bytes and names, and fails where it is told.
//!
//! A crash keeps what was synced and any part of the rest: of each file some length of its unsynced
//! tail (whole, torn, or zeros where it was), of each folder some of its unsynced names.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::{AppendFile, Disk};

/// A disk in memory; clones are the same disk.
#[derive(Clone, Default)]
pub(in crate::catalog) struct SimulatedDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    files: Vec<Content>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    operations: u64,
    failure: Option<Failure>,
    seed: u64,
}

#[derive(Clone, Default)]
struct Content {
    written: Vec<u8>,
    durable: Vec<u8>,
}

/// What goes wrong, and during which operations.
#[derive(Clone, Copy)]
pub(in crate::catalog) struct Failure {
    pub(in crate::catalog) from: u64,
    pub(in crate::catalog) until: u64,
    pub(in crate::catalog) kind: ErrorKind,
    /// Only operations that need room fail.
    pub(in crate::catalog) only_growth: bool,
}

#[derive(Clone)]
struct SimulatedFile {
    disk: SimulatedDisk,
    number: usize,
}

impl SimulatedDisk {
    /// Lets operations fail, or no longer.
    pub(in crate::catalog) fn set_failure(&self, failure: Option<Failure>) {
        self.state.lock().failure = failure;
    }

    /// How many operations that change something there were.
    pub(in crate::catalog) fn operations(&self) -> u64 {
        self.state.lock().operations
    }

    /// The bytes of a file, to be changed behind the catalog's back.
    pub(in crate::catalog) fn change(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state.lock();
        let number = state.names[path];
        change(&mut state.files[number].written);
        state.files[number].durable = state.files[number].written.clone();
    }

    /// The names of all files.
    pub(in crate::catalog) fn names(&self) -> Vec<String> {
        let state = self.state.lock();
        let names = state.names.keys();
        names
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect()
    }

    /// Takes the power away; the seed chooses what of the unsynced survives.
    pub(in crate::catalog) fn crash(&self, seed: u64) {
        let mut state = self.state.lock();
        state.seed = seed;
        state.failure = None;
        let all: BTreeSet<PathBuf> = state
            .names
            .keys()
            .chain(state.durable_names.keys())
            .cloned()
            .collect();
        let mut names = BTreeMap::new();
        for path in all {
            let (new, old) = (
                state.names.get(&path).copied(),
                state.durable_names.get(&path).copied(),
            );
            let kept = if state.random(2) == 0 { new } else { old };
            names.extend(kept.map(|number| (path, number)));
        }
        for number in 0..state.files.len() {
            let survived = state.survivor(number);
            state.files[number] = Content {
                written: survived.clone(),
                durable: survived,
            };
        }
        state.names = names.clone();
        state.durable_names = names;
    }
}

impl State {
    fn random(&mut self, bound: u64) -> u64 {
        self.seed = self
            .seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) % bound
    }

    /// What is left of a file.
    fn survivor(&mut self, number: usize) -> Vec<u8> {
        let Content { written, durable } = self.files[number].clone();
        if written.len() < durable.len() || written[..durable.len()] != durable[..] {
            return if self.random(2) == 0 {
                written
            } else {
                durable
            };
        }
        let tail = written.len() - durable.len();
        let kept = self.random(tail as u64 + 1) as usize;
        let mut survived = written[..durable.len() + kept].to_vec();
        if self.random(4) == 0 {
            survived.resize(written.len(), 0);
        }
        survived
    }

    /// Counts an operation and says whether it fails.
    fn step(&mut self, grows: bool) -> io::Result<()> {
        self.operations += 1;
        match self.failure {
            Some(failure)
                if (failure.from + 1..=failure.until).contains(&self.operations)
                    && (grows || !failure.only_growth) =>
            {
                Err(failure.kind.into())
            }
            _ => Ok(()),
        }
    }
}

impl Disk for SimulatedDisk {
    fn create_dir(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn list(&self, _path: &Path) -> io::Result<Vec<String>> {
        Ok(self.names())
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let state = self.state.lock();
        let number = state.names.get(path).ok_or(ErrorKind::NotFound)?;
        Ok(state.files[*number].written.clone())
    }

    fn append_to(&self, path: &Path, is_new: bool) -> io::Result<Arc<dyn AppendFile>> {
        let mut state = self.state.lock();
        let number = if is_new {
            state.step(true)?;
            state.files.push(Content::default());
            let number = state.files.len() - 1;
            state.names.insert(path.to_owned(), number);
            number
        } else {
            *state.names.get(path).ok_or(ErrorKind::NotFound)?
        };
        Ok(Arc::new(SimulatedFile {
            disk: self.clone(),
            number,
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.step(false)?;
        let number = state.names.remove(from).ok_or(ErrorKind::NotFound)?;
        state.names.insert(to.to_owned(), number);
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.step(false)?;
        state.names.remove(path).ok_or(ErrorKind::NotFound)?;
        Ok(())
    }

    fn sync_dir(&self, _path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.step(false)?;
        state.durable_names = state.names.clone();
        Ok(())
    }
}

impl AppendFile for SimulatedFile {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.disk.state.lock();
        let result = state.step(true);
        let written = if result.is_ok() {
            bytes.len()
        } else {
            bytes.len() / 2
        };
        state.files[self.number]
            .written
            .extend_from_slice(&bytes[..written]);
        result
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        let mut state = self.disk.state.lock();
        state.step(false)?;
        state.files[self.number].written.truncate(length as usize);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state.lock();
        state.step(false)?;
        let file = &mut state.files[self.number];
        file.durable = file.written.clone();
        Ok(())
    }
}
