//! The one place of the engines that holds memory maps and their `unsafe`.
//!
//! [`Words`] is a shared, writable array of 8-byte words (ring panels, late segments, journals): a
//! map of a file, or plain memory in tests. [`Bytes`] is a read-only map of a file that never
//! changes again (blocks). Both check bounds. `strata`'s `disk` and `whisper`'s `journal` make them;
//! nothing else does.
//!
//! Threads: words are atomics, so any thread may read while the one writer stores.

use std::alloc::{Layout, alloc_zeroed, handle_alloc_error};
use std::fs::File;
use std::io;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;
#[cfg(test)]
use std::sync::atomic::Ordering::Relaxed;

use memmap2::{Advice, Mmap, MmapMut, MmapOptions, MmapRaw};

/// Words of what a simulated disk writes at once.
#[cfg(test)]
pub(super) const SECTOR_WORDS: usize = 64;

/// A fixed number of shared atomic words.
#[derive(Debug)]
pub(super) struct Words {
    base: NonNull<AtomicU64>,
    count: usize,
    _owner: Owner,
}

#[derive(Debug)]
enum Owner {
    Map {
        _map: MmapRaw,
    },
    Private {
        _map: MmapMut,
    },
    #[cfg(test)]
    Memory {
        _words: std::sync::Arc<Box<[AtomicU64]>>,
        /// A bit for each sector that somebody looked at, maybe to change it.
        touched: std::sync::Arc<[AtomicU64]>,
    },
}

// SAFETY: `base` points into memory that `_owner` keeps alive and that is only reached as
// `AtomicU64`, which may be shared and sent; the pointer itself is never handed out.
unsafe impl Send for Words {}
// SAFETY: as above.
unsafe impl Sync for Words {}

impl Words {
    /// Maps the first `count` words of a file that is at least that long.
    ///
    /// # Errors
    /// When the file is shorter, or the system refuses the map.
    pub(super) fn map(file: &File, count: usize) -> io::Result<Self> {
        let length = count * size_of::<u64>();
        if file.metadata()?.len() < length as u64 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the file is shorter than its map",
            ));
        }
        let map = MmapOptions::new().len(length).map_raw(file)?;
        // Without this the first touch of a panel reads around it and fills the page cache with zeros.
        map.advise(Advice::Random)?;
        let base = NonNull::new(map.as_mut_ptr().cast::<AtomicU64>())
            .ok_or_else(|| io::Error::other("the system mapped a file at address zero"))?;
        Ok(Self {
            base,
            count,
            _owner: Owner::Map { _map: map },
        })
    }

    /// Maps a file of which it may write to no more than this process's copy: pages that were not
    /// stored to here go on showing what others store in the file.
    ///
    /// # Errors
    /// When the system refuses the map.
    pub(super) fn map_private(file: &File) -> io::Result<Self> {
        let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX) / 8 * 8;
        if length == 0 {
            return Self::zeroed(0);
        }
        let mut options = MmapOptions::new();
        options.len(length).no_reserve_swap();
        // SAFETY: the map is reached as atomics alone, so others may store to the file meanwhile;
        // files that the engine maps are never made shorter, see `word`.
        let map = unsafe { options.map_copy(file)? };
        map.advise(Advice::Random)?;
        Self::over_private(map, length / 8)
    }

    /// Words in memory alone, all zero, which take none before they are stored to.
    ///
    /// # Errors
    /// When the system refuses.
    pub(super) fn zeroed(count: usize) -> io::Result<Self> {
        let length = (count * 8).max(8);
        Self::over_private(MmapOptions::new().len(length).map_anon()?, count)
    }

    fn over_private(mut map: MmapMut, count: usize) -> io::Result<Self> {
        let base = NonNull::new(map.as_mut_ptr().cast::<AtomicU64>())
            .ok_or_else(|| io::Error::other("the system mapped memory at address zero"))?;
        Ok(Self {
            base,
            count,
            _owner: Owner::Private { _map: map },
        })
    }

    /// How many words there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// One word.
    ///
    /// # Panics
    /// When `index` is out of bounds.
    #[inline]
    pub(super) fn word(&self, index: usize) -> &AtomicU64 {
        assert!(index < self.count, "word {index} of {}", self.count);
        #[cfg(test)]
        self.touch(index, 1);
        // SAFETY: `index` is inside the `count` words that `_owner` keeps mapped for the life of
        // `self`. Maps begin on a page, boxes on an `AtomicU64`, so every word is aligned. The file
        // behind a map cannot shrink: the data folder is locked, and this engine never shortens a
        // mapped file. Rows are reserved on disk before they are stored to (`Panel::reserve`), so a
        // full disk is an error there and not a SIGBUS here.
        unsafe { self.base.add(index).as_ref() }
    }

    /// A run of words, for walks over a row that check bounds once.
    ///
    /// # Panics
    /// When the run is out of bounds.
    #[inline]
    pub(super) fn run(&self, start: usize, length: usize) -> &[AtomicU64] {
        let inside = start <= self.count && length <= self.count - start;
        assert!(inside, "words {start}+{length} of {}", self.count);
        #[cfg(test)]
        self.touch(start, length);
        // SAFETY: the whole run is inside the owned words, see `word`.
        unsafe { std::slice::from_raw_parts(self.base.add(start).as_ptr(), length) }
    }
}

/// Words in memory alone, for the simulated disk: they tell which of them somebody asked for.
#[cfg(test)]
impl Words {
    /// So many words, all zero.
    pub(super) fn in_memory(count: usize) -> Self {
        let sectors = count.div_ceil(SECTOR_WORDS);
        let touched: Vec<AtomicU64> = (0..sectors.div_ceil(64))
            .map(|_| AtomicU64::new(0))
            .collect();
        Self::over(zeroed_box(count).into(), touched.into())
    }

    /// The same words in memory once more, as a second map of a file would be.
    ///
    /// # Panics
    /// When the words are a map.
    pub(super) fn share(&self) -> Self {
        match &self._owner {
            Owner::Memory { _words, touched } => Self::over(
                std::sync::Arc::clone(_words),
                std::sync::Arc::clone(touched),
            ),
            _ => panic!("only words in memory are shared"),
        }
    }

    fn over(words: std::sync::Arc<Box<[AtomicU64]>>, touched: std::sync::Arc<[AtomicU64]>) -> Self {
        Self {
            base: NonNull::from(&**words).cast(),
            count: words.len(),
            _owner: Owner::Memory {
                _words: words,
                touched,
            },
        }
    }

    fn touch(&self, start: usize, length: usize) {
        let Owner::Memory { touched, .. } = &self._owner else {
            return;
        };
        let end = (start + length).div_ceil(SECTOR_WORDS);
        for sector in start / SECTOR_WORDS..end {
            touched[sector / 64].fetch_or(1 << (sector % 64), Relaxed);
        }
    }

    /// The sectors that were asked for since they were taken last, ascending.
    pub(super) fn touched(&self) -> Vec<usize> {
        self.sectors_of(|bits| bits.load(Relaxed))
    }

    /// As [`Words::touched`], and forgets them.
    pub(super) fn take_touched(&self) -> Vec<usize> {
        self.sectors_of(|bits| bits.swap(0, Relaxed))
    }

    fn sectors_of(&self, bits_of: impl Fn(&AtomicU64) -> u64) -> Vec<usize> {
        let mut sectors = Vec::new();
        if let Owner::Memory { touched, .. } = &self._owner {
            for (group, bits) in touched.iter().enumerate() {
                let mut bits = bits_of(bits);
                while bits != 0 {
                    sectors.push(group * 64 + bits.trailing_zeros() as usize);
                    bits &= bits - 1;
                }
            }
        }
        sectors
    }

    /// A sector, zeros behind the end, without touching it.
    pub(super) fn read_sector(&self, sector: usize) -> [u64; SECTOR_WORDS] {
        let mut content = [0; SECTOR_WORDS];
        let start = sector * SECTOR_WORDS;
        let length = SECTOR_WORDS.min(self.count.saturating_sub(start));
        // SAFETY: the words are inside the owned ones, and the schedules of the simulated disk run
        // on one thread: nobody stores meanwhile.
        unsafe {
            let words = self.base.add(start).as_ptr().cast::<u64>();
            words.copy_to_nonoverlapping(content.as_mut_ptr(), length);
        }
        content
    }

    /// Fills a sector without touching it.
    pub(super) fn write_sector(&self, sector: usize, content: &[u64; SECTOR_WORDS]) {
        if let Owner::Memory { _words: words, .. } = &self._owner {
            let words = words[sector * SECTOR_WORDS..].iter();
            for (word, content) in words.zip(content) {
                word.store(*content, Relaxed);
            }
        }
    }
}

/// So many words, all zero, in memory that the system hands out zeroed: what nobody touches costs
/// nothing.
pub(super) fn zeroed_box(count: usize) -> Box<[AtomicU64]> {
    if count == 0 {
        return Box::default();
    }
    let layout = Layout::array::<AtomicU64>(count).unwrap_or_else(|_| capacity_overflow());
    // SAFETY: the layout is not of size zero. Zero bytes are a valid `AtomicU64`, the layout is
    // that of `count` of them, and the box frees what the same allocator gave.
    unsafe {
        let start = alloc_zeroed(layout).cast::<AtomicU64>();
        if start.is_null() {
            handle_alloc_error(layout);
        }
        Box::from_raw(std::ptr::slice_from_raw_parts_mut(start, count))
    }
}

fn capacity_overflow() -> ! {
    panic!("more words than an address space has")
}

/// The bytes of a file that never changes: a read-only map, or plain memory.
#[derive(Debug)]
pub(super) enum Bytes {
    /// A map of a file on disk.
    Map(Mmap),
    /// Bytes of a simulated disk, and of empty files, which cannot be mapped.
    Memory(Vec<u8>),
}

impl Bytes {
    /// Maps a whole file.
    ///
    /// # Errors
    /// When the system refuses.
    pub(super) fn map(file: &File) -> io::Result<Self> {
        if file.metadata()?.len() == 0 {
            return Ok(Self::Memory(Vec::new()));
        }
        // SAFETY: block files are written under another name, synced and renamed before they are
        // mapped, and are never written again; the folder's lock keeps other daemons away. What is
        // removed stays readable until the map is dropped.
        let map = unsafe { Mmap::map(file)? };
        map.advise(Advice::Random)?;
        Ok(Self::Map(map))
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Map(map) => map,
            Self::Memory(bytes) => bytes,
        }
    }
}

/// Asks the system to write a file's dirty pages out, without waiting for it.
#[cfg(target_os = "linux")]
pub(super) fn start_writing_out(file: &File) {
    use std::os::fd::AsRawFd;
    // SAFETY: the call takes no pointer, and the descriptor is open while `file` is borrowed. A
    // length of zero means to the end. Its failure is of no consequence: a sync follows.
    unsafe { libc::sync_file_range(file.as_raw_fd(), 0, 0, libc::SYNC_FILE_RANGE_WRITE) };
}

/// Elsewhere the sync that follows does all the work.
#[cfg(not(target_os = "linux"))]
pub(super) fn start_writing_out(_file: &File) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stores_reach_the_file_and_other_maps_of_it() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(4096).unwrap();
        let (one, two) = (
            Words::map(&file, 512).unwrap(),
            Words::map(&file, 512).unwrap(),
        );
        one.word(511).store(42, Relaxed);
        assert_eq!(two.word(511).load(Relaxed), 42);
        assert_eq!(two.run(510, 2)[1].load(Relaxed), 42);
    }

    #[test]
    fn private_map_shows_what_others_store_and_keeps_its_own_stores_to_itself() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(8192).unwrap();
        let shared = Words::map(&file, 1024).unwrap();
        let private = Words::map_private(&file).unwrap();
        shared.word(3).store(42, Relaxed);
        assert_eq!(private.word(3).load(Relaxed), 42);
        private.word(1000).store(7, Relaxed);
        assert_eq!(shared.word(1000).load(Relaxed), 0);
        assert_eq!(private.count(), 1024);
        assert_eq!(Words::zeroed(0).unwrap().count(), 0);
    }

    #[test]
    fn file_shorter_than_its_map_is_refused() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(4088).unwrap();
        assert!(Words::map(&file, 512).is_err());
    }

    #[test]
    #[should_panic(expected = "word 8 of 8")]
    fn word_out_of_bounds_panics() {
        Words::in_memory(8).word(8);
    }

    #[test]
    #[should_panic(expected = "words 4+5 of 8")]
    fn run_out_of_bounds_panics() {
        Words::in_memory(8).run(4, 5);
    }
}
