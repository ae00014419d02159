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
use crate::storage::map::{Bytes, SECTOR_WORDS, Words};

/// Bytes of what a disk writes at once.
const SECTOR: usize = 8 * SECTOR_WORDS;

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

/// A file: what was written, and what of it would outlive a power failure.
enum Inode {
    /// Written whole and never again.
    Bytes {
        written: Arc<Vec<u8>>,
        durable: Arc<Vec<u8>>,
    },
    /// A map; its sectors tell when they were touched, so nobody walks a megabyte of zeros.
    Words { words: Words, durable: Sparse },
}

/// The words of a file without its sectors of zeros. Copies share their sectors.
#[derive(Clone, Default)]
struct Sparse {
    count: usize,
    sectors: BTreeMap<usize, Arc<Sector>>,
}

type Sector = [u64; SECTOR_WORDS];

/// What a restart finds of a file.
#[derive(Clone)]
enum Remains {
    Bytes(Arc<Vec<u8>>),
    Words(Sparse),
}

/// Files and what is left of them.
type Image = BTreeMap<PathBuf, Remains>;

impl fmt::Debug for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} operations", self.operations)
    }
}

impl Sparse {
    fn set(&mut self, sector: usize, content: &Sector) {
        if *content == [0; SECTOR_WORDS] {
            self.sectors.remove(&sector);
        } else {
            self.sectors.insert(sector, Arc::new(*content));
        }
    }

    fn get(&self, sector: usize) -> Sector {
        let content = self.sectors.get(&sector);
        content.map_or([0; SECTOR_WORDS], |content| **content)
    }

    /// The words in memory, as a process maps them.
    fn words(&self) -> Words {
        let words = Words::in_memory(self.count);
        for (sector, content) in &self.sectors {
            words.write_sector(*sector, content);
        }
        words
    }
}

impl Inode {
    fn of(remains: Remains) -> Self {
        match remains {
            Remains::Bytes(bytes) => Self::Bytes {
                written: Arc::clone(&bytes),
                durable: bytes,
            },
            Remains::Words(durable) => Self::Words {
                words: durable.words(),
                durable,
            },
        }
    }

    fn sync(&mut self) {
        match self {
            Self::Bytes { written, durable } => *durable = Arc::clone(written),
            Self::Words { words, durable } => {
                for sector in words.take_touched() {
                    durable.set(sector, &words.read_sector(sector));
                }
            }
        }
    }

    /// What the kernel has of it.
    fn current(&self) -> Remains {
        match self {
            Self::Bytes { written, .. } => Remains::Bytes(Arc::clone(written)),
            Self::Words { words, durable } => {
                let mut current = durable.clone();
                for sector in words.touched() {
                    current.set(sector, &words.read_sector(sector));
                }
                Remains::Words(current)
            }
        }
    }

    /// What a power failure leaves: each sector old or new.
    fn torn(&self, random: &mut Random) -> Remains {
        match self {
            Self::Bytes { written, durable } => {
                Remains::Bytes(Arc::new(torn_bytes(written, durable, random)))
            }
            Self::Words { words, durable } => {
                let mut torn = durable.clone();
                for sector in words.touched() {
                    let content = words.read_sector(sector);
                    if content != durable.get(sector) && random.chance(2) {
                        torn.set(sector, &content);
                    }
                }
                Remains::Words(torn)
            }
        }
    }
}

fn torn_bytes(written: &[u8], durable: &[u8], random: &mut Random) -> Vec<u8> {
    let mut torn = written.to_vec();
    if torn.len() != durable.len() && random.chance(2) {
        torn.truncate(durable.len());
    }
    let mut old = durable.to_vec();
    old.resize(torn.len(), 0);
    for (new, old) in torn.chunks_mut(SECTOR).zip(old.chunks(SECTOR)) {
        if new != old && random.chance(2) {
            new.copy_from_slice(old);
        }
    }
    torn
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

    fn link(&mut self, path: &Path, file: Inode) -> usize {
        self.inodes.push(file);
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
            self.inodes[inode].sync();
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
        for (path, remains) in image {
            names.insert(path, inodes.len());
            inodes.push(Inode::of(remains));
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

    /// How many operations there were.
    pub(super) fn operations(&self) -> u64 {
        self.state.lock().operations
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

    fn word_file(&self, path: &Path, inode: usize, words: Words) -> WordFile {
        WordFile {
            words,
            backing: Box::new(SimulatedBacking {
                disk: self.clone(),
                inode,
                kind: kind_of(path),
            }),
        }
    }
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
        match &state.inodes[inode] {
            Inode::Bytes { written, .. } => Ok(written.to_vec()),
            Inode::Words { .. } => Err(io::Error::other("maps are not read as bytes")),
        }
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state.lock();
        state.step(true)?;
        let file = Inode::Bytes {
            written: Arc::new(bytes.to_vec()),
            durable: Arc::default(),
        };
        let inode = state.link(path, file);
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
        let words = Words::in_memory(bytes as usize / 8);
        let map = words.share();
        for (at, chunk) in head.chunks_exact(8).enumerate() {
            let word = chunk
                .first_chunk()
                .map_or(0, |chunk| u64::from_ne_bytes(*chunk));
            if word != 0 {
                words.word(at).store(word, Relaxed);
            }
        }
        let durable = Sparse {
            count: words.count(),
            ..Sparse::default()
        };
        let inode = state.link(path, Inode::Words { words, durable });
        state.step(true)?;
        state.sync(inode, kind_of(path));
        drop(state);
        Ok(self.word_file(path, inode, map))
    }

    fn open_words(&self, path: &Path) -> io::Result<WordFile> {
        let mut state = self.state.lock();
        state.step(false)?;
        let inode = state.inode(path)?;
        let Inode::Words { words, .. } = &state.inodes[inode] else {
            return Err(io::Error::other("only what was made as words is mapped so"));
        };
        let map = words.share();
        drop(state);
        Ok(self.word_file(path, inode, map))
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
        let mut state = self.disk.state.lock();
        state.step(false)?;
        if let Inode::Words { durable, .. } = &state.inodes[self.inode] {
            let sectors = range.start / SECTOR_WORDS..range.end.div_ceil(SECTOR_WORDS);
            let mut filled: Vec<usize> = words.touched();
            filled.extend(
                durable
                    .sectors
                    .range(sectors.clone())
                    .map(|(sector, _)| *sector),
            );
            for sector in filled.into_iter().filter(|sector| sectors.contains(sector)) {
                let start = (sector * SECTOR_WORDS).max(range.start);
                let end = ((sector + 1) * SECTOR_WORDS).min(range.end);
                for word in words.run(start, end - start) {
                    word.store(0, Relaxed);
                }
            }
        }
        Ok(())
    }

    fn has_data(&self, range: Range<usize>) -> io::Result<bool> {
        let state = self.disk.state.lock();
        let Inode::Words { words, durable } = &state.inodes[self.inode] else {
            return Ok(true);
        };
        let sectors = range.start / SECTOR_WORDS..range.end.div_ceil(SECTOR_WORDS);
        let is_written = durable.sectors.range(sectors.clone()).next().is_some();
        let is_filled = |sector: &usize| words.read_sector(*sector) != [0; SECTOR_WORDS];
        let touched = || {
            words
                .touched()
                .into_iter()
                .filter(|at| sectors.contains(at))
        };
        Ok(is_written || touched().any(|sector| is_filled(&sector)))
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
