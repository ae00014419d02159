//! Forgetting: a series that the catalog no longer has gives up its column, its late points and its
//! place in the table; `reclaim` gives back what it has in blocks.
//!
//! Who calls has made the removal durable in the catalog before, so a crash at any point here leaves
//! a series that nobody knows: opening finds its column again and goes on. A column is free once all
//! its cells are zero, and is given again only after a sync that began later (`ring.md`).
//!
//! Threads: the shard's writer.

use std::sync::atomic::Ordering::{Relaxed, Release};
use std::time::Instant;

use plumbago_storage_format::ring::{first_column, locate};

use super::group::Group;
use super::panel::Panel;
use super::table::Entry;
use super::writer::{GroupWriter, Writer};
use crate::metric::SeriesId;

/// Columns of series that are gone, until all their cells are zero.
#[derive(Debug, Default)]
pub(super) struct Clearing {
    /// Columns of the ring, in no order.
    waiting: Vec<u32>,
    job: Option<Job>,
}

/// The columns of one panel that are cleared together, row by row: cells of a row lie side by side.
#[derive(Debug)]
struct Job {
    panel: u32,
    /// Inside of the panel, ascending.
    columns: Vec<u32>,
    row: u32,
}

impl Clearing {
    /// Adds a column of the ring.
    pub(super) fn add(&mut self, column: u32) {
        self.waiting.push(column);
    }

    /// True when no column waits.
    pub(super) fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.job.is_none()
    }

    fn next_job(&mut self) -> Option<Job> {
        let (panel, _) = locate(*self.waiting.last()?);
        let mut columns = Vec::new();
        self.waiting.retain(|&column| {
            let (its_panel, inside) = locate(column);
            if its_panel == panel {
                columns.push(inside);
            }
            its_panel != panel
        });
        columns.sort_unstable();
        columns.dedup();
        Some(Job {
            panel,
            columns,
            row: 0,
        })
    }
}

impl Writer {
    /// Takes series out of the table and lets go of what the ring and the late table have of them.
    pub(super) fn forget_all(&mut self, series: &[SeriesId]) {
        let table = &self.shared.common.table;
        let mut gone = Vec::with_capacity(series.len());
        for &id in series {
            let entry = table.get(id);
            let number = entry.group.map_or(usize::MAX, usize::from);
            let Some(Some(writer)) = self.groups.get_mut(number) else {
                continue;
            };
            let is_set = table.set(id, Entry::default());
            debug_assert!(is_set, "the series had an entry");
            if let Some(column) = entry.column {
                writer.clearing.add(column);
            }
            gone.push(id.0);
        }
        if gone.is_empty() {
            return;
        }
        for writer in self.groups.iter().flatten() {
            writer.group.late.forget(&gone);
            writer.group.note_forgotten();
        }
        for &id in series {
            self.shared.common.changes.note(id);
        }
    }

    /// Finds the columns of series that were removed before the store was opened: by now every
    /// series that there is was defined.
    pub(super) fn find_orphans(&mut self) {
        for writer in self.groups.iter_mut().flatten() {
            for column in writer.group.orphans() {
                writer.clearing.add(column);
            }
        }
    }
}

impl GroupWriter {
    /// Clears columns of series that are gone until `until`. True when some are left.
    pub(super) fn clear_columns(&mut self, until: Instant) -> bool {
        while !self.clearing.is_done() && Instant::now() < until {
            let job = self.clearing.job.take();
            let Some(mut job) = job.or_else(|| self.clearing.next_job()) else {
                break;
            };
            let panel = &self.panels[job.panel as usize];
            panel.clear_cells(job.row, &job.columns);
            job.row += 1;
            if job.row < panel.header().rows {
                self.clearing.job = Some(job);
            } else {
                self.free_columns(&job);
            }
        }
        !self.clearing.is_done()
    }

    fn free_columns(&mut self, job: &Job) {
        let panel = &self.panels[job.panel as usize];
        for &column in &job.columns {
            panel.set_owner(column, None);
        }
        let mark = self.group.sync_mark();
        let first = first_column(job.panel);
        let freed = job.columns.iter().map(|column| (first + column, mark));
        self.resting.extend(freed);
    }
}

impl Group {
    /// Columns whose owner nobody knows.
    fn orphans(&self) -> Vec<u32> {
        let panels = self.panels.load_full();
        let mut orphans = Vec::new();
        for (number, panel) in panels.iter().enumerate() {
            let first = first_column(number as u32);
            for column in 0..panel.header().columns {
                if let Ok(Some(owner)) = panel.owner(column)
                    && !self.common.is_known(owner)
                {
                    orphans.push(first + column);
                }
            }
        }
        orphans
    }
}

impl Panel {
    /// Zeroes cells of a row. Only what is not zero is touched, so that a row without blocks on the
    /// disk needs none.
    fn clear_cells(&self, row: u32, columns: &[u32]) {
        if !self.is_readable(row) {
            return;
        }
        let cells = self.row_cells(row);
        let mut has_changed = false;
        for &column in columns {
            let cell = &cells[column as usize];
            if cell.load(Relaxed) != 0 {
                // Release, as every store to a cell.
                cell.store(0, Release);
                has_changed = true;
            }
        }
        if has_changed {
            self.mark_dirty();
        }
    }
}
