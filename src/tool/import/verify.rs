//! The pass after an import: every archive of every series, slot by slot, as the file and the store
//! answer it at one time.
//!
//! The coarse window that the present lies in is no difference: Whisper has what its last point made
//! of it, the store rolls it up anew at each look.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use parking_lot::Mutex;

use super::super::ToolError;
use super::super::interrupt::Interrupt;
use super::super::progress::Progress;
use super::destination::Destination;
use super::state::State;
use super::work::{Job, Taking, definition_of};
use crate::metric::{Retention, SeriesId};
use crate::storage::strata::ImportedArchive;
use crate::storage::{Store, TimeRange};

/// Differences that are shown of one series; all are counted.
const SHOWN_MAX: usize = 3;

/// What the pass found.
#[derive(Clone, Debug, Default)]
pub(super) struct Verdict {
    pub(super) series: usize,
    pub(super) slots: u64,
    /// Slots that differ, of files that did not change since they were imported.
    pub(super) differences: u64,
    /// Series that have such slots, or are not there at all.
    pub(super) differing: usize,
    /// Files that were written to since they were imported: what they had then cannot be compared.
    pub(super) changed: usize,
    /// Files that could not be read.
    pub(super) unreadable: usize,
}

/// What the pass needs.
pub(super) struct Verification<'a> {
    pub(super) destination: &'a Destination,
    pub(super) taking: &'a Taking<'a>,
    pub(super) state: &'a State,
    pub(super) threads: usize,
    pub(super) progress: &'a Progress,
    pub(super) interrupt: &'a Interrupt,
}

impl Verification<'_> {
    /// Compares all jobs.
    ///
    /// # Errors
    /// When the store cannot be read, or the operator wants an end.
    pub(super) fn run(&self, jobs: &[Job]) -> Result<Verdict, ToolError> {
        let next = AtomicUsize::new(0);
        let verdict = Mutex::new(Verdict::default());
        let failure: Mutex<Option<ToolError>> = Mutex::new(None);
        thread::scope(|scope| {
            for _ in 0..self.threads {
                scope.spawn(|| {
                    let mut buffer = Vec::new();
                    // Handed out one by one; the verdict is summed under its lock.
                    while let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let compared = self.compare(job, &mut buffer, &verdict);
                        if let Err(error) = compared {
                            failure.lock().get_or_insert(error);
                        }
                        if failure.lock().is_some() {
                            return;
                        }
                        self.progress.advance(1);
                    }
                });
            }
        });
        match failure.into_inner() {
            Some(error) => Err(error),
            None => Ok(verdict.into_inner()),
        }
    }

    fn compare(
        &self,
        job: &Job,
        buffer: &mut Vec<u8>,
        verdict: &Mutex<Verdict>,
    ) -> Result<(), ToolError> {
        let state = || format!("{} series were compared", verdict.lock().series);
        self.interrupt.check(state)?;
        let path = job.file.path.display();
        let contents = match self.taking.read(job, buffer) {
            Ok(contents) => contents,
            Err(reason) => {
                self.progress.warn(format_args!("{path}: {reason}"));
                verdict.lock().unreadable += 1;
                return Ok(());
            }
        };
        let Some((id, retention, rollup)) = definition_of(self.destination, &job.name) else {
            self.progress
                .warn(format_args!("{path}: {} is not in the store", job.name));
            let mut verdict = verdict.lock();
            verdict.series += 1;
            verdict.differing += 1;
            return Ok(());
        };
        let done = self.state.done(&job.file.relative);
        let has_changed = done.is_some_and(|done| done != contents.stamp);
        let contents = self.taking.fit(contents, &retention, rollup);
        let found = self.differences(id, &retention, &contents.archives)?;
        let mut verdict = verdict.lock();
        verdict.series += 1;
        verdict.slots += contents
            .archives
            .iter()
            .map(|a| a.values.len() as u64)
            .sum::<u64>();
        if found.is_empty() {
            return Ok(());
        }
        if has_changed {
            verdict.changed += 1;
            return Ok(());
        }
        verdict.differing += 1;
        verdict.differences += found.len() as u64;
        drop(verdict);
        for difference in found.iter().take(SHOWN_MAX) {
            self.progress
                .warn(format_args!("{}: {difference}", job.name));
        }
        Ok(())
    }

    fn differences(
        &self,
        id: SeriesId,
        retention: &Retention,
        archives: &[ImportedArchive],
    ) -> Result<Vec<String>, ToolError> {
        let now = self.destination.now;
        let mut found = Vec::new();
        for (number, (archive, brought)) in retention.archives().iter().zip(archives).enumerate() {
            let range = TimeRange {
                from: now - archive.retention(),
                until: now,
                now,
            };
            let there = self.destination.store.fetch(id, range)?;
            let step = i64::from(archive.step);
            let there = |time: i64| -> f64 {
                let values = there.as_ref().and_then(|there| {
                    let at = usize::try_from((time - there.start) / step).ok()?;
                    (time >= there.start)
                        .then(|| there.values.get(at))
                        .flatten()
                });
                values.copied().unwrap_or(f64::NAN)
            };
            for (at, value) in brought.values.iter().enumerate() {
                let time = brought.start + at as i64 * step;
                let is_present = number > 0 && time + step > now;
                let store = there(time);
                let is_same =
                    store.to_bits() == value.to_bits() || store.is_nan() && value.is_nan();
                if !is_same && !is_present && time <= now {
                    found.push(format!(
                        "archive {number} ({step} s) at {time}: the file has {value}, the store {store}"
                    ));
                }
            }
        }
        Ok(found)
    }
}
