//! A disk in memory that tells written from durable bytes, for the crash tests.
//!
//! It loses power at a chosen operation. What survives is what was synced, and of the rest any mixture:
//! each 512-byte sector old or new on its own, and of each folder's unsynced names (creations,
//! renames, removals) any prefix. It can also fail one chosen operation, be full from one operation on,
//! and lie about one kind of sync, which the tests must notice.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use parking_lot::Mutex;

use super::disk::{Disk, WordBacking, WordFile};
use crate::storage::map::{Bytes, Words};

const SECTOR: usize = 512;

/// A small generator whose whole state is its seed, so that a failure reruns from it.
#[derive(Clone, Debug)]
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, bound: i64) -> i64 {
        (self.next() % bound as u64) as i64
    }

    pub(super) fn chance(&mut self, one_in: i64) -> bool {
        self.below(one_in) == 0
    }
}

/// What a sync can be of; the disk can be told to skip one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SyncKind {
    /// A ring's panel.
    Panel,
    /// A segment of the late log.
    LateSegment,
    /// A block or patch.
    Block,
    /// The manifest.
    Manifest,
    /// The names in a folder.
    Folder,
}

/// What goes wrong, and when; operations are counted from zero.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    /// The power fails before this operation; every later one fails.
    pub(super) power_off_at: Option<u64>,
    /// This one operation fails as a broken disk does.
    pub(super) broken_at: Option<u64>,
    /// From the first to before the second, everything that needs room fails.
    pub(super) full: Option<(u64, u64)>,
    /// Syncs of this kind do nothing and say that they did.
    pub(super) lying_sync: Option<SyncKind>,
}

/// The simulated disk; clones are the same disk.
#[derive(Clone, Debug)]
pub(super) struct SimulatedDisk {
    state: Arc<Mutex<State>>,
}

struct State {
    random: Random,
    faults: Faults,
    operations: u64,
    inodes: Vec<Inode>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    /// Names changed since their folder was synced, in order.
    pending: BTreeMap<PathBuf, Vec<NameChange>>,
    /// What the disk held when the power failed.
    wreck: Option<Image>,
}

#[derive(Clone, Debug)]
enum NameChange {
    Link(PathBuf, usize),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

struct Inode {
    content: Content,
    durable: Vec<u8>,
}

enum Content {
    Bytes(Vec<u8>),
    Words(Arc<Words>),
}

/// Files and their bytes.
type Image = BTreeMap<PathBuf, Vec<u8>>;

impl fmt::Debug for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} operations", self.operations)
    }
}

impl Inode {
    fn current(&self) -> Vec<u8> {
        match &self.content {
            Content::Bytes(bytes) => bytes.clone(),
            Content::Words(words) => words
                .run(0, words.count())
                .iter()
                .flat_map(|word| word.load(Relaxed).to_ne_bytes())
                .collect(),
        }
    }

    /// What a power failure leaves: each sector old or new.
    fn torn(&self, random: &mut Random) -> Vec<u8> {
        let mut current = self.current();
        if current.len() != self.durable.len() && random.chance(2) {
            current.truncate(self.durable.len());
        }
        let mut durable = self.durable.clone();
        durable.resize(current.len(), 0);
        for (new, old) in current.chunks_mut(SECTOR).zip(durable.chunks(SECTOR)) {
            if new != old && random.chance(2) {
                new.copy_from_slice(old);
            }
        }
        current
    }
}

impl State {
    /// Counts an operation and lets the faults strike.
    fn step(&mut self, needs_room: bool) -> io::Result<()> {
        let number = self.operations;
        self.operations += 1;
        if self.faults.power_off_at.is_some_and(|at| number >= at) {
            if self.wreck.is_none() {
                self.wreck = Some(self.crash());
            }
            return Err(io::Error::other("the power is off"));
        }
        if self.faults.broken_at == Some(number) {
            return Err(io::Error::from_raw_os_error(5));
        }
        let is_full = |(from, until): (u64, u64)| (from..until).contains(&number);
        if needs_room && self.faults.full.is_some_and(is_full) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn crash(&mut self) -> Image {
        let mut names = self.durable_names.clone();
        for changes in self.pending.values() {
            let kept = self.random.below(changes.len() as i64 + 1) as usize;
            for change in &changes[..kept] {
                apply(&mut names, change);
            }
        }
        let inodes = &self.inodes;
        let random = &mut self.random;
        let files = names.into_iter();
        files
            .map(|(path, inode)| (path, inodes[inode].torn(random)))
            .collect()
    }

    fn change(&mut self, path: &Path, change: NameChange) {
        apply(&mut self.names, &change);
        let folder = path.parent().unwrap_or(path).to_owned();
        self.pending.entry(folder).or_default().push(change);
    }

    fn link(&mut self, path: &Path, content: Content, durable: Vec<u8>) -> usize {
        self.inodes.push(Inode { content, durable });
        let inode = self.inodes.len() - 1;
        self.change(path, NameChange::Link(path.to_owned(), inode));
        inode
    }

    fn inode(&self, path: &Path) -> io::Result<usize> {
        let inode = self.names.get(path).copied();
        inode.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sync(&mut self, inode: usize, kind: SyncKind) {
        if self.faults.lying_sync != Some(kind) {
            self.inodes[inode].durable = self.inodes[inode].current();
        }
    }
}

fn apply(names: &mut BTreeMap<PathBuf, usize>, change: &NameChange) {
    match change {
        NameChange::Link(path, inode) => {
            names.insert(path.clone(), *inode);
        }
        NameChange::Rename(from, to) => {
            if let Some(inode) = names.remove(from) {
                names.insert(to.clone(), inode);
            }
        }
        NameChange::Remove(path) => {
            names.remove(path);
        }
    }
}

fn kind_of(path: &Path) -> SyncKind {
    let name = path.to_string_lossy();
    if name.contains("ring-") {
        SyncKind::Panel
    } else if name.contains("late-") {
        SyncKind::LateSegment
    } else if name.contains("archive-") {
        SyncKind::Block
    } else {
        SyncKind::Manifest
    }
}

impl SimulatedDisk {
    /// An empty disk.
    pub(super) fn new(seed: u64, faults: Faults) -> Self {
        Self::with(Image::new(), seed, faults)
    }

    fn with(image: Image, seed: u64, faults: Faults) -> Self {
        let mut inodes = Vec::new();
        let mut names = BTreeMap::new();
        for (path, bytes) in image {
            names.insert(path, inodes.len());
            inodes.push(Inode {
                content: Content::Bytes(bytes.clone()),
                durable: bytes,
            });
        }
        Self {
            state: Arc::new(Mutex::new(State {
                random: Random(seed),
                faults,
                operations: 0,
                inodes,
                durable_names: names.clone(),
                names,
                pending: BTreeMap::new(),
                wreck: None,
            })),
        }
    }

    /// The disk as a new process finds it: after a power failure what survived, otherwise all.
    pub(super) fn after_restart(&self, seed: u64, faults: Faults) -> Self {
        let mut state = self.state.lock();
        let image = match state.wreck.take() {
            Some(image) => image,
            None => {
                let names = state.names.iter();
                names
                    .map(|(path, inode)| (path.clone(), state.inodes[*inode].current()))
                    .collect()
            }
        };
        Self::with(image, seed, faults)
    }

    /// The disk after the power fails now.
    pub(super) fn after_power_loss(&self, seed: u64, faults: Faults) -> Self {
        let mut state = self.state.lock();
        if state.wreck.is_none() {
            state.wreck = Some(state.crash());
        }
        drop(state);
        self.after_restart(seed, faults)
    }

    /// True once the power failed.
    pub(super) fn is_off(&self) -> bool {
        self.state.lock().wreck.is_some()
    }

    /// Fills the disk up, or frees it.
    pub(super) fn set_full(&self, full: bool) {
        self.state.lock().faults.full = full.then_some((0, u64::MAX));
    }

    /// Makes the next operation fail as a broken disk does.
    pub(super) fn break_next(&self) {
        let mut state = self.state.lock();
        state.faults.broken_at = Some(state.operations);
    }

    fn word_file(&self, path: &Path, inode: usize, words: Arc<Words>) -> WordFile {
        WordFile {
            words: words.share(),
            backing: Box::new(SimulatedBacking {
                disk: self.clone(),
                inode,
                kind: kind_of(path),
            }),
        }
    }
}

fn words_of(bytes: &[u8]) -> Arc<Words> {
    let words = Words::in_memory(bytes.len() / 8);
    for (place, chunk) in words
        .run(0, words.count())
        .iter()
        .zip(bytes.chunks_exact(8))
    {
        if let Some(chunk) = chunk.first_chunk() {
            place.store(u64::from_ne_bytes(*chunk), Relaxed);
        }
    }
    Arc::new(words)
}

impl Disk for SimulatedDisk {
    fn create_dir(&self, _path: &Path) -> io::Result<()> {
        self.state.lock().step(true)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut state = self.state.lock();
        state.step(false)?;
        let inside = state
            .names
            .keys()
            .filter(|name| name.parent() == Some(path));
        Ok(inside
            .filter_map(|name| name.file_name()?.to_str().map(str::to_owned))
            .collect())
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        let mut state = self.state.lock();
        state.step(false)?;
        let inode = state.inode(path)?;
        Ok(state.inodes[inode].current())
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state.lock();
        state.step(true)?;
        let inode = state.link(path, Content::Bytes(bytes.to_vec()), Vec::new());
        state.step(true)?;
        state.sync(inode, kind_of(path));
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.step(true)?;
        state.inode(from)?;
        state.change(to, NameChange::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.step(false)?;
        state.inode(path)?;
        state.change(path, NameChange::Remove(path.to_owned()));
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.step(false)?;
        if state.faults.lying_sync == Some(SyncKind::Folder) {
            return Ok(());
        }
        for change in state.pending.remove(path).unwrap_or_default() {
            apply(&mut state.durable_names, &change);
        }
        Ok(())
    }

    fn create_words(&self, path: &Path, head: &[u8], bytes: u64) -> io::Result<WordFile> {
        let mut state = self.state.lock();
        state.step(true)?;
        let mut content = head.to_vec();
        content.resize(bytes as usize, 0);
        let words = words_of(&content);
        let inode = state.link(path, Content::Words(Arc::clone(&words)), Vec::new());
        state.step(true)?;
        state.sync(inode, kind_of(path));
        drop(state);
        Ok(self.word_file(path, inode, words))
    }

    fn open_words(&self, path: &Path) -> io::Result<WordFile> {
        let mut state = self.state.lock();
        state.step(false)?;
        let inode = state.inode(path)?;
        let words = words_of(&state.inodes[inode].current());
        state.inodes[inode].content = Content::Words(Arc::clone(&words));
        drop(state);
        Ok(self.word_file(path, inode, words))
    }

    fn map(&self, path: &Path) -> io::Result<Bytes> {
        self.read(path).map(Bytes::Memory)
    }

    fn free_bytes(&self, _path: &Path) -> io::Result<u64> {
        let state = self.state.lock();
        let number = state.operations;
        let is_full = |(from, until): (u64, u64)| (from..until).contains(&number);
        Ok(match state.faults.full {
            Some(range) if is_full(range) => 0,
            _ => 1 << 40,
        })
    }
}

#[derive(Debug)]
struct SimulatedBacking {
    disk: SimulatedDisk,
    inode: usize,
    kind: SyncKind,
}

impl WordBacking for SimulatedBacking {
    fn reserve(&self, _range: Range<usize>) -> io::Result<()> {
        self.disk.state.lock().step(true)
    }

    fn clear(&self, words: &Words, range: Range<usize>) -> io::Result<()> {
        self.disk.state.lock().step(false)?;
        for word in words.run(range.start, range.len()) {
            word.store(0, Relaxed);
        }
        Ok(())
    }

    fn start_sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn sync(&self, _words: &Words) -> io::Result<()> {
        let mut state = self.disk.state.lock();
        state.step(false)?;
        state.sync(self.inode, self.kind);
        Ok(())
    }
}
