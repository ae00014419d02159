//! The import of a tree itself: files to series, batches to the store, in parallel.
//!
//! Each worker takes files shard by shard, so that what it writes in one go lies in few large blocks,
//! and commits when it holds too much. Series that are known come first, in the order of their ids: in
//! one batch ids must ascend.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use parking_lot::Mutex;

use super::super::ToolError;
use super::super::choice::{Choice, Renames};
use super::super::interrupt::Interrupt;
use super::super::progress::Progress;
use super::destination::Destination;
use super::file::{Contents, FileReader};
use super::resample::resample;
use super::state::State;
use super::tree::{Stamp, Tree, TreeFile};
use crate::metric::name::{NameRules, NameScratch};
use crate::metric::{Retention, Rollup, Schemas, SeriesId};
use crate::storage::strata::{Existing, ImportedArchive, ImportedSeries, Importer};

/// Files that are read before their series are put in order.
const CHUNK: usize = 16;

/// One file and the series that it becomes.
#[derive(Clone, Debug)]
pub(super) struct Job {
    pub(super) file: TreeFile,
    /// The canonical name, after renaming.
    pub(super) name: String,
}

/// What was found in a tree, sorted out.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    pub(super) jobs: Vec<Job>,
    /// Files that were left out by a flag.
    pub(super) left_out: usize,
    /// What cannot be imported, and why.
    pub(super) refused: Vec<(String, String)>,
}

/// How names become series.
pub(super) struct Naming<'a> {
    pub(super) choice: &'a Choice,
    pub(super) renames: &'a Renames,
    pub(super) rules: NameRules,
}

impl Naming<'_> {
    /// Sorts out a tree's files.
    pub(super) fn jobs(&self, tree: Tree) -> Jobs {
        let mut jobs = Jobs::default();
        let mut taken: HashMap<String, String> = HashMap::new();
        for file in tree.files {
            if !self.choice.takes(&file.name) {
                jobs.left_out += 1;
                continue;
            }
            let path = file.path.display().to_string();
            let renamed = self.renames.apply(&file.name);
            let mut scratch = NameScratch::default();
            let name = match self.rules.canonical(renamed.as_bytes(), &mut scratch) {
                Ok(name) => String::from_utf8_lossy(name).into_owned(),
                Err(reason) => {
                    jobs.refused
                        .push((path, format!("the metric {renamed}: {reason}")));
                    continue;
                }
            };
            if let Some(other) = taken.get(&name) {
                jobs.refused
                    .push((path, format!("{other} is {name} as well")));
                continue;
            }
            taken.insert(name.clone(), path);
            jobs.jobs.push(Job { file, name });
        }
        let unreadable = tree.unreadable.into_iter();
        jobs.refused
            .extend(unreadable.map(|(path, reason)| (path.display().to_string(), reason)));
        jobs
    }
}

/// How files become series.
pub(super) struct Taking<'a> {
    pub(super) reader: FileReader,
    /// Retention and method by the rules instead of by the file.
    pub(super) schemas: Option<&'a Schemas>,
}

impl Taking<'_> {
    /// Reads a file, and gives it the definition that its series has or will have.
    ///
    /// # Errors
    /// Why the file cannot be imported.
    pub(super) fn read(&self, job: &Job, buffer: &mut Vec<u8>) -> Result<Contents, String> {
        let contents = self.reader.read(&job.file.path, buffer)?;
        let Some(schemas) = self.schemas else {
            return Ok(contents);
        };
        let (retention, rollup) = schemas.definition_for(&job.name);
        Ok(self.fit(contents, &retention, rollup))
    }

    /// Brings contents into a definition.
    pub(super) fn fit(
        &self,
        contents: Contents,
        retention: &Retention,
        rollup: Rollup,
    ) -> Contents {
        let archives = match contents.retention == *retention {
            true => contents.archives,
            false => {
                let (source, now) = (&contents.retention, self.reader.now);
                resample(source, &contents.archives, retention, rollup, now)
            }
        };
        Contents {
            retention: retention.clone(),
            rollup,
            archives,
            stamp: contents.stamp,
        }
    }
}

/// What a run did.
#[derive(Clone, Debug, Default)]
pub(super) struct Totals {
    pub(super) files: usize,
    pub(super) points: u64,
    pub(super) points_there: u64,
    pub(super) points_outside: u64,
    pub(super) points_recent: u64,
    /// Files that could not be imported, and why.
    pub(super) refused: Vec<(String, String)>,
}

/// Everything that the workers share.
pub(super) struct Work<'a> {
    pub(super) destination: &'a Destination,
    pub(super) taking: Taking<'a>,
    pub(super) state: &'a State,
    pub(super) existing: Existing,
    pub(super) threads: usize,
    /// Bytes that all workers together may hold.
    pub(super) memory: usize,
    pub(super) progress: &'a Progress,
    pub(super) interrupt: &'a Interrupt,
    pub(super) totals: Mutex<Totals>,
}

/// The files of one shard, handed out in chunks.
struct ShardQueue {
    jobs: Vec<Job>,
    next: AtomicUsize,
}

impl ShardQueue {
    fn take(&self) -> Option<&[Job]> {
        // Each chunk is handed out once; nothing else depends on the order.
        let first = self.next.fetch_add(CHUNK, Ordering::Relaxed);
        let until = (first + CHUNK).min(self.jobs.len());
        (first < until).then(|| &self.jobs[first..until])
    }
}

impl Work<'_> {
    /// Imports all jobs.
    ///
    /// # Errors
    /// When the store or the disk fails, or the operator wants an end; what was committed stays.
    pub(super) fn run(&self, jobs: Vec<Job>) -> Result<(), ToolError> {
        let queues = self.queues(jobs);
        let failure: Mutex<Option<ToolError>> = Mutex::new(None);
        thread::scope(|scope| {
            for worker in 0..self.threads {
                let (queues, failure) = (&queues, &failure);
                scope.spawn(move || {
                    if let Err(error) = self.work(worker, queues, failure) {
                        failure.lock().get_or_insert(error);
                    }
                });
            }
        });
        match failure.into_inner() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn queues(&self, jobs: Vec<Job>) -> Vec<ShardQueue> {
        let destination = self.destination;
        let mut by_shard: Vec<Vec<(Option<SeriesId>, Job)>> = Vec::new();
        by_shard.resize_with(destination.shards(), Vec::new);
        for job in jobs {
            let known = destination.catalog.id(&job.name);
            by_shard[destination.shard_of(&job.name)].push((known, job));
        }
        let queues = by_shard.into_iter().map(|mut jobs| {
            // The known in the order of their ids, then those that get theirs as they come.
            jobs.sort_by_key(|(known, _)| (known.is_none(), *known));
            ShardQueue {
                jobs: jobs.into_iter().map(|(_, job)| job).collect(),
                next: AtomicUsize::new(0),
            }
        });
        queues.collect()
    }

    fn work(
        &self,
        worker: usize,
        queues: &[ShardQueue],
        failure: &Mutex<Option<ToolError>>,
    ) -> Result<(), ToolError> {
        let mut batch = Batch {
            work: self,
            importer: self
                .destination
                .store
                .importer(self.existing, self.destination.now),
            last: None,
            done: Vec::new(),
        };
        let mut buffer = Vec::new();
        for turn in 0..queues.len() {
            let queue = &queues[(worker + turn) % queues.len()];
            while let Some(chunk) = queue.take() {
                if failure.lock().is_some() {
                    return Ok(());
                }
                if self.interrupt.is_requested() {
                    batch.commit()?;
                }
                self.interrupt.check(|| {
                    let files = self.totals.lock().files;
                    format!("{files} files are imported; run it again to go on")
                })?;
                batch.take(chunk, &mut buffer)?;
            }
        }
        batch.commit()
    }
}

/// What one worker has read and not committed.
struct Batch<'a> {
    work: &'a Work<'a>,
    importer: Importer<'a>,
    /// The greatest id in it.
    last: Option<SeriesId>,
    done: Vec<(&'a str, Stamp)>,
}

impl<'a> Batch<'a> {
    fn take(&mut self, chunk: &'a [Job], buffer: &mut Vec<u8>) -> Result<(), ToolError> {
        let mut series: Vec<(ImportedSeries, &'a str, Stamp)> = Vec::new();
        for job in chunk {
            match self.work.taking.read(job, buffer) {
                Ok(contents) => series.push(self.series(job, contents)?),
                Err(reason) => self.work.refuse(job, reason),
            }
        }
        series.sort_by_key(|(series, ..)| series.id);
        for (series, relative, stamp) in series {
            if self.last.is_some_and(|last| last >= series.id) {
                self.commit()?;
            }
            self.last = Some(series.id);
            self.importer.push(&series)?;
            self.done.push((relative, stamp));
        }
        self.work.progress.advance(chunk.len() as u64);
        if self.importer.bytes_pending() * self.work.threads > self.work.memory {
            self.commit()?;
        }
        Ok(())
    }

    fn series(
        &self,
        job: &'a Job,
        contents: Contents,
    ) -> Result<(ImportedSeries, &'a str, Stamp), ToolError> {
        let destination = self.work.destination;
        let retention = destination.intern(contents.retention.clone());
        let (definition, is_new) = destination.create(&job.name, &retention, contents.rollup)?;
        let fitted = match definition.retention == retention {
            true => contents,
            false => {
                let (retention, rollup) = (&definition.retention, definition.rollup);
                self.work.taking.fit(contents, retention, rollup)
            }
        };
        let series = ImportedSeries {
            id: definition.id,
            is_new,
            archives: fitted.archives,
        };
        Ok((series, &job.file.relative, fitted.stamp))
    }

    fn commit(&mut self) -> Result<(), ToolError> {
        let work = self.work;
        work.destination.sync_names()?;
        let imported = self.importer.commit()?;
        work.destination.settle(&imported)?;
        let mut totals = work.totals.lock();
        totals.files += self.done.len();
        totals.points += imported.points;
        totals.points_there += imported.points_there;
        totals.points_outside += imported.points_outside;
        totals.points_recent += imported.recent.len() as u64;
        drop(totals);
        work.state.record(self.done.drain(..))?;
        self.last = None;
        Ok(())
    }
}

impl Work<'_> {
    fn refuse(&self, job: &Job, reason: String) {
        let path = job.file.path.display().to_string();
        self.progress.warn(format_args!("{path}: {reason}"));
        self.totals.lock().refused.push((path, reason));
    }
}

/// The values of archives that are known.
pub(super) fn known_values(archives: &[ImportedArchive]) -> u64 {
    let values = archives.iter().flat_map(|archive| &archive.values);
    values.filter(|value| !value.is_nan()).count() as u64
}

/// The definition that a series has in a data folder, if it is there.
pub(super) fn definition_of(
    destination: &Destination,
    name: &str,
) -> Option<(SeriesId, Arc<Retention>, Rollup)> {
    let id = destination.catalog.id(name)?;
    let (retention, rollup) = destination.catalog.definition(id)?;
    Some((id, retention, rollup))
}
