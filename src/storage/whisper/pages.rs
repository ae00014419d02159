//! The pages of a file that one operation touches.
//!
//! Pages are read when they are asked for and kept for the operation; what is written changes them
//! here, and [`Pages::write_back`] hands only the changed bytes to the file, so that another process
//! that writes other slots of the same page is not undone. Without a write back it is how points that
//! wait in the cache are laid over a file for a reader.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use hashbrown::HashMap;
use plumbago_storage_format::whisper::SlotFile;

const PAGE_BYTES: usize = 4096;

/// The touched pages of one file.
#[derive(Debug)]
pub(super) struct Pages<'a> {
    /// `None` for a file that is still to be made: it reads as zeros.
    file: Option<&'a File>,
    length: usize,
    /// Where the page of a number begins in `bytes`.
    places: HashMap<usize, usize, foldhash::fast::RandomState>,
    /// The page used last: most operations stay in it.
    last: (usize, usize),
    bytes: Vec<u8>,
    changed: Vec<Range<usize>>,
}

impl<'a> Pages<'a> {
    /// Nothing of a file of `length` bytes.
    pub(super) fn of(file: Option<&'a File>, length: u64) -> Self {
        Self {
            file,
            length: usize::try_from(length).unwrap_or(usize::MAX),
            places: HashMap::default(),
            last: (usize::MAX, 0),
            bytes: Vec::new(),
            changed: Vec::new(),
        }
    }

    /// Hands the changed bytes to the file, with as few calls as they have gaps.
    ///
    /// # Errors
    /// When the file cannot be written; some of the changes may be in it then.
    pub(super) fn write_back(mut self) -> io::Result<()> {
        let Some(file) = self.file else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let mut changed = std::mem::take(&mut self.changed);
        changed.sort_unstable_by_key(|range| range.start);
        let mut run = Vec::new();
        for ranges in changed.chunk_by(|a, b| a.end >= b.start && a.start <= b.start) {
            let start = ranges[0].start;
            let end = ranges.iter().map(|range| range.end).max().unwrap_or(start);
            run.resize(end - start, 0);
            SlotFile::read(&mut self, start, &mut run)?;
            file.write_all_at(&run, start as u64)?;
        }
        Ok(())
    }

    /// Where a page begins in `bytes`.
    fn place(&mut self, page: usize) -> io::Result<usize> {
        if self.last.0 == page {
            return Ok(self.last.1);
        }
        let place = match self.places.get(&page) {
            Some(&place) => place,
            None => self.load(page)?,
        };
        self.last = (page, place);
        Ok(place)
    }

    fn load(&mut self, page: usize) -> io::Result<usize> {
        let (start, place) = (page * PAGE_BYTES, self.bytes.len());
        self.bytes.resize(place + PAGE_BYTES, 0);
        let held = self.length.saturating_sub(start).min(PAGE_BYTES);
        if let Some(file) = self.file {
            let into = &mut self.bytes[place..place + held];
            if let Err(error) = file.read_exact_at(into, start as u64) {
                self.bytes.truncate(place);
                return Err(error);
            }
        }
        self.places.insert(page, place);
        Ok(place)
    }

    /// The pieces of a range, each in one page: (place in `bytes`, range of the caller's).
    fn pieces(offset: usize, length: usize) -> impl Iterator<Item = (usize, usize, Range<usize>)> {
        let mut done = 0;
        std::iter::from_fn(move || {
            if done == length {
                return None;
            }
            let at = offset + done;
            let (page, inside) = (at / PAGE_BYTES, at % PAGE_BYTES);
            let piece = done..done + (PAGE_BYTES - inside).min(length - done);
            done = piece.end;
            Some((page, inside, piece))
        })
    }
}

impl SlotFile for Pages<'_> {
    type Error = io::Error;

    fn read(&mut self, offset: usize, into: &mut [u8]) -> io::Result<()> {
        for (page, inside, piece) in Self::pieces(offset, into.len()) {
            let from = self.place(page)? + inside;
            let length = piece.len();
            into[piece].copy_from_slice(&self.bytes[from..from + length]);
        }
        Ok(())
    }

    fn write(&mut self, offset: usize, bytes: &[u8]) -> io::Result<()> {
        for (page, inside, piece) in Self::pieces(offset, bytes.len()) {
            let to = self.place(page)? + inside;
            let length = piece.len();
            self.bytes[to..to + length].copy_from_slice(&bytes[piece]);
        }
        let end = offset + bytes.len();
        match self.changed.last_mut() {
            Some(last) if last.end == offset => last.end = end,
            _ => self.changed.push(offset..end),
        }
        Ok(())
    }
}

/// A file that is only read: each question is one call.
#[derive(Debug)]
pub(super) struct Direct<'a>(pub(super) &'a File);

impl SlotFile for Direct<'_> {
    type Error = io::Error;

    fn read(&mut self, offset: usize, into: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(into, offset as u64)
    }

    fn write(&mut self, _offset: usize, _bytes: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::PermissionDenied.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_of(bytes: &[u8]) -> File {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(bytes, 0).unwrap();
        file
    }

    fn bytes_of(file: &File, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        file.read_exact_at(&mut bytes, 0).unwrap();
        bytes
    }

    #[test]
    fn changes_are_read_back_and_written_back_across_pages() {
        let mut expected: Vec<u8> = (0..10_000).map(|byte| (byte % 251) as u8).collect();
        let file = file_of(&expected);
        let mut pages = Pages::of(Some(&file), 10_000);
        for (offset, length) in [(4090, 12), (0, 3), (9_990, 10), (4102, 12), (8190, 4)] {
            let bytes = vec![7; length];
            pages.write(offset, &bytes).unwrap();
            expected[offset..offset + length].fill(7);
        }
        let mut all = vec![0; 10_000];
        pages.read(0, &mut all).unwrap();
        assert_eq!(all, expected);
        pages.write_back().unwrap();
        assert_eq!(bytes_of(&file, 10_000), expected);
    }

    #[test]
    fn bytes_beside_a_change_are_left_to_others() {
        let file = file_of(&[0; 4096]);
        let mut pages = Pages::of(Some(&file), 4096);
        pages.write(100, &[1; 12]).unwrap();
        pages.write(200, &[1; 12]).unwrap();
        // Another process writes between them meanwhile.
        file.write_all_at(&[9; 12], 150).unwrap();
        pages.write_back().unwrap();
        let bytes = bytes_of(&file, 4096);
        assert_eq!((bytes[100], bytes[150], bytes[200]), (1, 9, 1));
    }

    #[test]
    fn without_a_write_back_the_file_stays_as_it_is() {
        let file = file_of(&[3; 100]);
        let mut pages = Pages::of(Some(&file), 100);
        pages.write(10, &[4; 12]).unwrap();
        let mut slot = [0; 12];
        pages.read(10, &mut slot).unwrap();
        assert_eq!(slot, [4; 12]);
        drop(pages);
        assert_eq!(bytes_of(&file, 100), [3; 100]);
    }

    #[test]
    fn file_that_was_cut_short_is_an_error() {
        let file = file_of(&[3; 100]);
        let mut pages = Pages::of(Some(&file), 5000);
        let mut slot = [0; 12];
        assert!(pages.read(10, &mut slot).is_err());
        let mut none = Pages::of(None, 5000);
        none.read(4990, &mut slot[..10]).unwrap();
        assert_eq!(slot[..10], [0; 10]);
    }
}
