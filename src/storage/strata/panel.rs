//! One panel of a ring: a mapped file of a header, a column map and `rows x columns` cells.
//!
//! The format is `ring.md`. A group owns its panels; `writer` stores through them, `read` loads,
//! `seal` transposes and clears rows that no store reaches any more, `Store::sync` syncs.
//!
//! Threads: cells and column words are stored to by the shard's writer alone, except that `seal`
//! clears rows behind the open window. Everyone loads.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, fence};

use plumbago_storage_format::ring::{self, PanelHeader};

use super::disk::{Disk, WordFile, failed};
use crate::storage::StoreError;

/// Rows that are reserved on disk together, before the first store touches one of them.
pub(super) const RESERVED_ROWS: u32 = 32;

/// A mapped panel.
#[derive(Debug)]
pub(super) struct Panel {
    header: PanelHeader,
    path: PathBuf,
    file: WordFile,
    /// One bit for each [`RESERVED_ROWS`] rows that have their blocks on disk.
    reserved: AtomicU64,
    /// The same, of the rows that may hold something: those, and what had data at opening. The others
    /// are holes and are not looked at, see [`WordBacking::has_data`](super::disk::WordBacking).
    readable: AtomicU64,
    /// True when something was stored since the last sync began.
    dirty: AtomicBool,
}

/// The file name of a ring's panel.
pub(super) fn file_name(panel: u32) -> String {
    format!("ring-{panel:05}.ring")
}

/// The number of a ring's panel, from its file name.
pub(super) fn number(name: &str) -> Option<u32> {
    name.strip_prefix("ring-")?
        .strip_suffix(".ring")?
        .parse()
        .ok()
}

impl Panel {
    /// Makes a new panel, durable in name and header.
    ///
    /// # Errors
    /// What the disk says, a full one first of all.
    pub(super) fn create(
        disk: &dyn Disk,
        folder: &Path,
        panel: u32,
        step: u32,
    ) -> Result<Self, StoreError> {
        let header = PanelHeader::new(panel, step);
        let path = folder.join(file_name(panel));
        let temporary = path.with_extension("tmp");
        let made = disk
            .create_words(&temporary, &header.encode(), header.file_bytes())
            .map_err(failed(&temporary, "create"))
            .and_then(|file| {
                let map_end = header.cell_word(0, 0);
                file.backing
                    .reserve(0..map_end)
                    .map_err(failed(&temporary, "reserve column map of"))?;
                file.backing
                    .sync(&file.words)
                    .map_err(failed(&temporary, "sync"))?;
                Ok(file)
            })
            .and_then(|file| {
                disk.rename(&temporary, &path)
                    .map_err(failed(&path, "rename to"))?;
                disk.sync_dir(folder)
                    .map_err(failed(folder, "sync folder"))?;
                Ok(file)
            });
        match made {
            Ok(file) => Ok(Self::over(header, path, file)),
            Err(error) => {
                let _ = disk.remove(&temporary);
                Err(error)
            }
        }
    }

    /// Opens a panel and checks that it is the one its name says, for an archive of `step`.
    ///
    /// # Errors
    /// `Io`, or `Damaged` when the header or a column word is not what the format says.
    pub(super) fn open(
        disk: &dyn Disk,
        folder: &Path,
        panel: u32,
        step: u32,
    ) -> Result<Self, StoreError> {
        let path = folder.join(file_name(panel));
        let file = disk.open_words(&path).map_err(failed(&path, "open"))?;
        let damaged = |reason: String| StoreError::Damaged {
            path: path.clone(),
            reason,
        };
        let file_bytes = file.words.count() as u64 * 8;
        let head_words = file.words.count().min(ring::PAGE_WORDS);
        let head: Vec<u8> = (file.words.run(0, head_words).iter())
            .flat_map(|word| word.load(Relaxed).to_ne_bytes())
            .collect();
        let header =
            PanelHeader::decode(&head, file_bytes).map_err(|error| damaged(error.to_string()))?;
        if header != PanelHeader::new(panel, step) {
            return Err(damaged(format!(
                "{header:?} is not panel {panel} of {step} s"
            )));
        }
        let opened = Self::over(header, path.clone(), file);
        for column in 0..header.columns {
            opened.owner(column)?;
        }
        opened.find_data()?;
        Ok(opened)
    }

    fn over(header: PanelHeader, path: PathBuf, file: WordFile) -> Self {
        Self {
            header,
            path,
            file,
            reserved: AtomicU64::new(0),
            readable: AtomicU64::new(0),
            // Also of a panel that was there: the process before may have been killed with stores
            // that only the kernel knew of.
            dirty: AtomicBool::new(true),
        }
    }

    /// Finds the rows that have data.
    fn find_data(&self) -> Result<(), StoreError> {
        for group in 0..self.header.rows.div_ceil(RESERVED_ROWS) {
            let found = self.file.backing.has_data(self.group_words(group));
            if found.map_err(failed(&self.path, "seek data of"))? {
                self.readable.fetch_or(1 << group, Relaxed);
            }
        }
        Ok(())
    }

    /// The words of rows that are reserved together.
    fn group_words(&self, group: u32) -> Range<usize> {
        let last = ((group + 1) * RESERVED_ROWS).min(self.header.rows);
        self.header.cell_word(group * RESERVED_ROWS, 0)..self.header.cell_word(last, 0)
    }

    /// Bytes that it takes on the disk.
    pub(super) fn disk_bytes(&self) -> u64 {
        self.file.backing.disk_bytes()
    }

    /// The header.
    pub(super) fn header(&self) -> &PanelHeader {
        &self.header
    }

    /// The row of a slot.
    #[inline]
    pub(super) fn row(&self, slot: i64) -> u32 {
        slot.rem_euclid(i64::from(self.header.rows)) as u32
    }

    /// The cell of a slot's row.
    #[inline]
    pub(super) fn cell(&self, row: u32, column: u32) -> &AtomicU64 {
        self.file.words.word(self.header.cell_word(row, column))
    }

    /// All cells of a row.
    #[inline]
    pub(super) fn row_cells(&self, row: u32) -> &[AtomicU64] {
        let columns = self.header.columns as usize;
        self.file.words.run(self.header.cell_word(row, 0), columns)
    }

    /// Stores a value. Release, so that a reader who sees it also sees who owns the column.
    #[inline]
    pub(super) fn store(&self, row: u32, column: u32, value: f64) {
        let cell = ring::cell_of(value).to_le();
        self.cell(row, column).store(cell, Release);
        self.mark_dirty();
    }

    /// Loads a value, NaN when absent.
    #[inline]
    pub(super) fn load(&self, row: u32, column: u32) -> f64 {
        if !self.is_readable(row) {
            return f64::NAN;
        }
        ring::value_of(u64::from_le(self.cell(row, column).load(Acquire)))
    }

    /// Whose column it is.
    ///
    /// # Errors
    /// `Damaged` when the word makes no sense.
    pub(super) fn owner(&self, column: u32) -> Result<Option<u32>, StoreError> {
        let word = self.file.words.word(self.header.column_word(column));
        ring::column_owner(u64::from_le(word.load(Acquire))).map_err(|error| StoreError::Damaged {
            path: self.path.clone(),
            reason: format!("column {column}: {error}"),
        })
    }

    /// How many columns belong to a series.
    pub(super) fn columns_used(&self) -> u32 {
        let columns = 0..self.header.columns;
        let used = columns.filter(|column| matches!(self.owner(*column), Ok(Some(_))));
        used.count() as u32
    }

    /// Gives a column to a series, or takes it back.
    pub(super) fn set_owner(&self, column: u32, owner: Option<u32>) {
        let word = owner.map_or(0, ring::column_taken);
        let place = self.file.words.word(self.header.column_word(column));
        place.store(word.to_le(), Release);
        self.mark_dirty();
    }

    /// True when the row may be stored to.
    #[inline]
    pub(super) fn is_reserved(&self, row: u32) -> bool {
        self.reserved.load(Relaxed) & 1 << (row / RESERVED_ROWS) != 0
    }

    /// True when the row may hold something; nothing is loaded from other rows.
    #[inline]
    pub(super) fn is_readable(&self, row: u32) -> bool {
        // Relaxed: whoever knows of a store to the row also knows of the bit set before it.
        self.readable.load(Relaxed) & 1 << (row / RESERVED_ROWS) != 0
    }

    /// Reserves the rows around `row` on disk.
    ///
    /// # Errors
    /// When the disk is full, or fails.
    pub(super) fn reserve(&self, row: u32) -> Result<(), StoreError> {
        let group = row / RESERVED_ROWS;
        self.file
            .backing
            .reserve(self.group_words(group))
            .map_err(failed(&self.path, "reserve rows of"))?;
        // Relaxed: a row is stored to by whoever saw the bit, and the reservation is the kernel's.
        self.readable.fetch_or(1 << group, Relaxed);
        self.reserved.fetch_or(1 << group, Relaxed);
        Ok(())
    }

    /// Zeroes rows that nobody stores to, keeping them reserved. Durable after a sync.
    ///
    /// # Errors
    /// When the disk fails.
    pub(super) fn clear_rows(&self, rows: Range<u32>) -> Result<(), StoreError> {
        let mut start = rows.start;
        while start < rows.end {
            let end = ((start / RESERVED_ROWS + 1) * RESERVED_ROWS).min(rows.end);
            if self.is_readable(start) {
                let words = self.header.cell_word(start, 0)..self.header.cell_word(end, 0);
                self.file
                    .backing
                    .clear(&self.file.words, words)
                    .map_err(failed(&self.path, "clear rows of"))?;
                self.mark_dirty();
            }
            start = end;
        }
        Ok(())
    }

    /// True when no row has a value in the column.
    pub(super) fn is_column_empty(&self, column: u32) -> bool {
        let mut rows = (0..self.header.rows).filter(|row| self.is_readable(*row));
        rows.all(|row| self.cell(row, column).load(Acquire) == 0)
    }

    /// Zeroes what free columns hold. After a power loss a page of cells may have outlived the column
    /// word of its owner; that must never become the next owner's history.
    pub(super) fn scrub_free_columns(&self) -> Result<(), StoreError> {
        let mut is_free = Vec::with_capacity(self.header.columns as usize);
        for column in 0..self.header.columns {
            is_free.push(self.owner(column)?.is_none());
        }
        for row in (0..self.header.rows).filter(|row| self.is_readable(*row)) {
            for (cell, free) in self.row_cells(row).iter().zip(&is_free) {
                if *free && cell.load(Relaxed) != 0 {
                    cell.store(0, Relaxed);
                    self.mark_dirty();
                }
            }
        }
        Ok(())
    }

    /// Notes that the next sync has something to do; after what was stored.
    #[inline]
    pub(super) fn mark_dirty(&self) {
        // Checked first: the flag's cache line stays shared while it is already set. The flag is set
        // after the store it speaks of, so a sync that misses it leaves it for the next one.
        if !self.dirty.load(Relaxed) {
            self.dirty.store(true, Release);
        }
    }

    /// Starts to write out, when there is something to write.
    pub(super) fn start_sync(&self) -> Result<(), StoreError> {
        if !self.dirty.load(Acquire) {
            return Ok(());
        }
        self.file
            .backing
            .start_sync()
            .map_err(failed(&self.path, "start to sync"))
    }

    /// Makes all stores before the call durable; does nothing when there were none.
    ///
    /// # Errors
    /// When the disk fails: what was stored may be lost then, and the store must stop writing.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        if !self.dirty.swap(false, AcqRel) {
            return Ok(());
        }
        fence(Acquire);
        let synced = self.file.backing.sync(&self.file.words);
        synced.map_err(|error| {
            self.dirty.store(true, Release);
            failed(&self.path, "sync")(error)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::strata::disk::RealDisk;

    fn panel(folder: &Path) -> Panel {
        Panel::create(&RealDisk, folder, 0, 10).unwrap()
    }

    #[test]
    fn panel_reads_back_what_it_stored_after_reopening() {
        let folder = tempfile::tempdir().unwrap();
        let made = panel(folder.path());
        made.set_owner(3, Some(77));
        made.reserve(5).unwrap();
        assert!(made.is_reserved(31) && !made.is_reserved(32));
        made.store(5, 3, -0.5);
        made.sync().unwrap();
        drop(made);
        let opened = Panel::open(&RealDisk, folder.path(), 0, 10).unwrap();
        assert_eq!(opened.owner(3).unwrap(), Some(77));
        assert_eq!(opened.load(5, 3), -0.5);
        assert!(opened.load(6, 3).is_nan());
    }

    #[test]
    fn cleared_rows_are_absent_and_their_neighbours_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let panel = panel(folder.path());
        for row in 0..64 {
            panel.reserve(row).unwrap();
            panel.store(row, 9, f64::from(row));
        }
        panel.clear_rows(10..50).unwrap();
        panel.sync().unwrap();
        for row in 0..64 {
            let expected = !(10..50).contains(&row);
            assert_eq!(!panel.load(row, 9).is_nan(), expected, "row {row}");
        }
        panel.store(20, 9, 4.0);
        assert_eq!(panel.load(20, 9), 4.0);
    }

    #[test]
    fn panel_of_another_step_or_with_a_damaged_column_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let made = panel(folder.path());
        assert!(Panel::open(&RealDisk, folder.path(), 0, 60).is_err());
        let word = made.header.column_word(8);
        made.file.words.word(word).store(12345, Relaxed);
        let error = Panel::open(&RealDisk, folder.path(), 0, 10).unwrap_err();
        assert!(error.to_string().contains("column 8"), "{error}");
    }

    #[test]
    fn scrubbing_spares_columns_with_an_owner() {
        let folder = tempfile::tempdir().unwrap();
        let panel = panel(folder.path());
        panel.reserve(0).unwrap();
        panel.set_owner(1, Some(1));
        panel.store(0, 1, 1.0);
        panel.store(0, 2, 2.0);
        panel.scrub_free_columns().unwrap();
        assert_eq!(panel.load(0, 1), 1.0);
        assert!(panel.load(0, 2).is_nan());
    }

    #[test]
    fn a_small_panel_takes_little_disk() {
        use std::os::unix::fs::MetadataExt;
        let folder = tempfile::tempdir().unwrap();
        let panel = panel(folder.path());
        panel.reserve(0).unwrap();
        let bytes = std::fs::metadata(&panel.path).unwrap().blocks() * 512;
        assert!(bytes <= 256 << 10, "{bytes}");
    }
}
