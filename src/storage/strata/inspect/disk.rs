//! The disk of a look: reads are real, writes are let pass and change nothing.
//!
//! Opening a store sweeps leftovers, sets damage aside and finishes what was interrupted. On this
//! disk the same code does the same in memory alone, so a look at the folder of a daemon that died
//! shows what its next start will find, and leaves the folder as it is.
//!
//! Threads: as [`Disk`].

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;

use super::super::disk::{Disk, RealDisk, WordBacking, WordFile};
use crate::storage::map::{Bytes, Words};

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct ReadOnlyDisk;

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

    fn write(&self, _path: &Path, _bytes: &[u8]) -> io::Result<()> {
        Ok(())
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

    fn create_words(&self, _path: &Path, head: &[u8], bytes: u64) -> io::Result<WordFile> {
        let count = usize::try_from(bytes / 8).unwrap_or(usize::MAX);
        let words = Words::zeroed(count)?;
        let (head, _) = head.as_chunks::<8>();
        for (index, word) in head.iter().enumerate() {
            words.word(index).store(u64::from_ne_bytes(*word), Relaxed);
        }
        Ok(in_memory(words))
    }

    fn open_words(&self, path: &Path) -> io::Result<WordFile> {
        let file = std::fs::File::open(path)?;
        Ok(in_memory(Words::map_private(&file)?))
    }

    fn map(&self, path: &Path) -> io::Result<Bytes> {
        RealDisk.map(path)
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        RealDisk.free_bytes(path)
    }

    fn is_read_only(&self) -> bool {
        true
    }
}

fn in_memory(words: Words) -> WordFile {
    WordFile {
        words,
        backing: Box::new(NoBacking),
    }
}

/// What is stored to a private map stays in it.
#[derive(Debug)]
struct NoBacking;

impl WordBacking for NoBacking {
    fn reserve(&self, _range: Range<usize>) -> io::Result<()> {
        Ok(())
    }

    fn clear(&self, words: &Words, range: Range<usize>) -> io::Result<()> {
        for word in words.run(range.start, range.len()) {
            word.store(0, Relaxed);
        }
        Ok(())
    }

    fn start_sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn sync(&self, _words: &Words) -> io::Result<()> {
        Ok(())
    }
}
