//! `import`: history of a Graphite install into a data folder.
//!
//! ```text
//! tree  -> work (file -> resample) -> destination (bulk road of strata) -> state
//! dumps -> lines ---------------------^ (point by point)
//! ```
//!
//! Everything goes into a folder that no daemon has: [`destination`] holds its lock. A batch is durable
//! before [`state`] says so, and importing a file twice changes nothing, so a run may be cut short
//! anywhere. [`verify`] compares afterwards, [`estimate`] tells beforehand.

mod destination;
mod estimate;
mod file;
mod lines;
mod report;
mod resample;
mod state;
mod tree;
mod verify;
mod work;

use std::path::{Path, PathBuf};

use clap::Args;
use hashbrown::HashMap;
use parking_lot::Mutex;

use self::destination::Destination;
use self::file::FileReader;
use self::lines::{LineTotals, Lines};
use self::report::Report;
use self::state::State;
use self::tree::{Names, Tree};
use self::verify::Verification;
use self::work::{Jobs, Naming, Taking, Totals, Work};
use super::choice::{Choice, ChoiceFlags, Renames};
use super::dialect::DialectFlag;
use super::interrupt::Interrupt;
use super::output::Form;
use super::progress::{Progress, Quiet};
use super::times::now;
use super::{Outcome, ToolError};
use crate::config;
use crate::metric::{AggregationMethod, Schemas};
use crate::protocol::Limits;
use crate::storage::strata::Existing;

/// The flags of `import`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    plumbago import /var/lib/graphite/whisper --into /var/lib/plumbago --dry-run\n  \
    plumbago import /var/lib/graphite/whisper --into /var/lib/plumbago --verify\n  \
    plumbago import tree --into data --include 'servers.**' --rename '^servers' hosts\n  \
    plumbago import /var/lib/carbon/dump --into data\n  \
    zcat dump.gz | plumbago import - --into data\n\n\
    The daemon must not run on the data folder meanwhile. A run that was interrupted goes on where \
    it stopped; a file that was written to since is imported again. What is in the store stays, \
    unless --overwrite is given.\n\n\
    The files of tagged series are named by a hash, which cannot be turned back into a name. Get \
    the names while the old system runs, as in\n  \
    curl 'http://graphite/tags/findSeries?expr=name=~.' > names.json\n\
    and give them with --names; files without a name are listed and left out.")]
pub struct Import {
    /// A tree of Whisper files (carbon may be writing to it), a dump of plaintext lines (also .gz
    /// and .zst), the dump folder of go-carbon, or - for plaintext from standard input.
    source: PathBuf,
    /// The data folder; made if it is not there. Without it the configuration's storage.path.
    #[arg(long, value_name = "FOLDER")]
    into: Option<PathBuf>,
    /// Read settings from this TOML file, the rules of --rules and of dumps among them.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Set one key over the file; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
    #[command(flatten)]
    choice: ChoiceFlags,
    /// Replace what matches a regular expression in names; $1 is its first group. May be repeated.
    #[arg(long, num_args = 2, value_names = ["REGEX", "TO"])]
    rename: Vec<String>,
    /// The names of tagged series: one a line, or the JSON of /tags/findSeries.
    #[arg(long, value_name = "FILE")]
    names: Option<PathBuf>,
    /// Take retention and method of the rules for new series instead of each file's own, and bring
    /// the history into their archives.
    #[arg(long)]
    rules: bool,
    #[command(flatten)]
    dialect: DialectFlag,
    /// Which method to take of go-carbon's files of mixed methods, as in average or p99.
    #[arg(long, value_name = "METHOD", value_parser = parse_method)]
    mix: Option<AggregationMethod>,
    /// Let the values of files take the place of those in the store; with --afresh also those of
    /// files that a former run is done with.
    #[arg(long)]
    overwrite: bool,
    /// Forget what former runs have done.
    #[arg(long)]
    afresh: bool,
    /// Only tell what would be imported, how long it would take and how much disk it needs.
    #[arg(long)]
    dry_run: bool,
    /// Compare every archive of every series with its file afterwards, slot by slot.
    #[arg(long, conflicts_with = "dry_run")]
    verify: bool,
    /// Count ages from this time instead of now: seconds since 1970, as for an old backup.
    #[arg(long, value_name = "TIME")]
    at: Option<i64>,
    /// Worker threads; one a processor if not given.
    #[arg(long, value_name = "NUMBER")]
    threads: Option<usize>,
    /// Megabytes of compressed blocks that are gathered in memory before they are written.
    #[arg(long, value_name = "MEGABYTES", default_value_t = 256)]
    memory: usize,
    #[command(flatten)]
    form: Form,
    #[command(flatten)]
    quiet: Quiet,
}

fn parse_method(text: &str) -> Result<AggregationMethod, String> {
    AggregationMethod::parse(text).ok_or_else(|| "is no aggregation method".to_owned())
}

/// What a source is.
enum Source {
    Tree,
    Files(Vec<PathBuf>),
    StandardInput,
}

impl Source {
    fn of(path: &Path) -> Result<Self, ToolError> {
        if path.as_os_str() == "-" {
            return Ok(Self::StandardInput);
        }
        let metadata = std::fs::metadata(path).map_err(ToolError::io(path, "cannot be read"))?;
        if !metadata.is_dir() {
            let is_whisper = path.extension().is_some_and(|end| end == "wsp");
            return match is_whisper {
                false => Ok(Self::Files(vec![path.to_owned()])),
                true => Err(ToolError::BadInput(format!(
                    "{}: a Whisper file has no name of its own: give the folder of its tree, and \
                     --include with its metric",
                    path.display()
                ))),
            };
        }
        let dumps = lines::dump_files(path).map_err(ToolError::io(path, "cannot be read"))?;
        Ok(dumps.map_or(Self::Tree, Self::Files))
    }
}

/// Flags and configuration, read.
struct Plan<'a> {
    flags: &'a Import,
    config: config::Config,
    into: PathBuf,
    choice: Choice,
    renames: Renames,
    schemas: Schemas,
    threads: usize,
    now: i64,
    interrupt: Interrupt,
}

impl Import {
    /// Imports, tells, or both.
    ///
    /// # Errors
    /// What is wrong with a flag or a folder; a failing disk; an interrupt. Files that cannot be
    /// imported are told one by one, and the others are imported.
    pub(super) fn run(&self) -> Result<Outcome, ToolError> {
        let source = Source::of(&self.source)?;
        let plan = self.plan()?;
        match source {
            Source::Tree => plan.tree(),
            Source::Files(files) => plan.lines(&files, false),
            Source::StandardInput => plan.lines(&[], true),
        }
    }

    fn plan(&self) -> Result<Plan<'_>, ToolError> {
        let bad = |error: config::ConfigError| ToolError::BadInput(error.to_string());
        let config = config::load(self.config.as_deref(), &self.sets).map_err(bad)?;
        let (schemas, _) = config.rules.read().map_err(bad)?;
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Plan {
            into: self
                .into
                .clone()
                .unwrap_or_else(|| config.storage.path.clone()),
            choice: self.choice.read()?,
            renames: Renames::read(&self.rename)?,
            schemas,
            threads: self.threads.unwrap_or(processors).clamp(1, 256),
            now: self.at.unwrap_or_else(now),
            interrupt: Interrupt::listen(),
            flags: self,
            config,
        })
    }

    fn refuse_tree_flags(&self) -> Result<(), ToolError> {
        let flags = [
            (self.dry_run, "--dry-run"),
            (self.verify, "--verify"),
            (self.names.is_some(), "--names"),
        ];
        match flags.iter().find(|(is_given, _)| *is_given) {
            None => Ok(()),
            Some((_, flag)) => {
                let reason = format!("{flag} is for trees of Whisper files, not for plaintext");
                Err(ToolError::BadInput(reason))
            }
        }
    }

    /// Everything that decides what a file becomes. Not --overwrite: a second run with it takes the
    /// files that were written to since the first, and those alone.
    fn options(&self) -> String {
        format!(
            "rename={:?} rules={} dialect={:?} mix={:?}",
            self.rename, self.rules, self.dialect, self.mix
        )
    }
}

impl Plan<'_> {
    fn naming(&self) -> Naming<'_> {
        Naming {
            choice: &self.choice,
            renames: &self.renames,
            rules: self.config.limits.names,
        }
    }

    fn taking(&self) -> Taking<'_> {
        Taking {
            reader: FileReader {
                dialect: self.flags.dialect.get(),
                mix: self.flags.mix,
                now: self.now,
            },
            schemas: self.flags.rules.then_some(&self.schemas),
        }
    }

    fn tree(&self) -> Result<Outcome, ToolError> {
        let names = match &self.flags.names {
            Some(path) => Names::read(path)?,
            None => Names::default(),
        };
        let progress = Progress::spinner("files found", self.flags.quiet);
        let tree = Tree::walk(&self.flags.source, &names, &progress, &self.interrupt);
        progress.finish();
        let mut tree = tree?;
        let mut report = Report::new(&self.flags.source, &self.into);
        report.unnamed = std::mem::take(&mut tree.unnamed);
        let jobs = self.naming().jobs(tree);
        report.add_jobs(&jobs);
        match self.flags.dry_run {
            true => self.dry_run(&jobs, report),
            false => self.import_tree(jobs, report),
        }
    }

    fn dry_run(&self, jobs: &Jobs, mut report: Report) -> Result<Outcome, ToolError> {
        let progress = Progress::spinner("files sampled", self.flags.quiet);
        let taking = self.taking();
        let jobs = &jobs.jobs;
        let estimate = estimate::estimate(jobs, &taking, self.threads, &progress, &self.interrupt);
        progress.finish();
        report.estimate = Some(estimate?);
        report.print(self.flags.form)
    }

    fn import_tree(&self, jobs: Jobs, mut report: Report) -> Result<Outcome, ToolError> {
        let shards = self.config.storage.shards;
        let destination = Destination::open(&self.into, shards, false, self.now)?;
        let flags = self.flags;
        let options = flags.options();
        let state = State::open(destination.path(), &flags.source, &options, flags.afresh)?;
        let is_done = |job: &work::Job| state.done(&job.file.relative) == Some(job.file.stamp);
        let todo: Vec<work::Job> = jobs
            .jobs
            .iter()
            .filter(|job| !is_done(job))
            .cloned()
            .collect();
        report.done_before = jobs.jobs.len() - todo.len();
        let progress = Progress::bar(todo.len() as u64, "files", flags.quiet);
        let work = Work {
            destination: &destination,
            taking: self.taking(),
            state: &state,
            existing: if flags.overwrite {
                Existing::Replace
            } else {
                Existing::Keep
            },
            threads: self.threads,
            memory: flags.memory.max(1) << 20,
            progress: &progress,
            interrupt: &self.interrupt,
            totals: Mutex::new(Totals::default()),
        };
        let done = work.run(todo);
        progress.finish();
        report.add_totals(work.totals.into_inner());
        done?;
        if flags.verify {
            report.verdict = Some(self.verify(&destination, &jobs.jobs)?);
        }
        destination.close()?;
        report.print(flags.form)
    }

    fn verify(
        &self,
        destination: &Destination,
        jobs: &[work::Job],
    ) -> Result<verify::Verdict, ToolError> {
        let flags = self.flags;
        // As it is by now: of this run's files too.
        let state = State::open(destination.path(), &flags.source, &flags.options(), false)?;
        let progress = Progress::bar(jobs.len() as u64, "files compared", flags.quiet);
        let verification = Verification {
            destination,
            taking: &self.taking(),
            state: &state,
            threads: self.threads,
            progress: &progress,
            interrupt: &self.interrupt,
        };
        let verdict = verification.run(jobs);
        progress.finish();
        verdict
    }

    fn lines(&self, files: &[PathBuf], is_standard_input: bool) -> Result<Outcome, ToolError> {
        let flags = self.flags;
        flags.refuse_tree_flags()?;
        let shards = self.config.storage.shards;
        let destination = Destination::open(&self.into, shards, true, self.now)?;
        let state = match is_standard_input {
            true => None,
            false => {
                let (path, options) = (destination.path(), flags.options());
                Some(State::open(path, &flags.source, &options, flags.afresh)?)
            }
        };
        let progress = Progress::spinner("points", flags.quiet);
        let mut lines = Lines {
            destination: &destination,
            naming: self.naming(),
            limits: Limits {
                names: self.config.limits.names,
                line_bytes_max: self.config.limits.line_bytes_max,
                ..Limits::default()
            },
            schemas: &self.schemas,
            state: state.as_ref(),
            progress: &progress,
            interrupt: &self.interrupt,
            totals: LineTotals::default(),
            series: HashMap::new(),
        };
        let mut report = Report::new(&flags.source, &self.into);
        for path in files {
            if let Err(error) = lines.file(path) {
                if !matches!(error, ToolError::Damaged { .. } | ToolError::Io { .. }) {
                    return Err(error);
                }
                progress.warn(&error);
                let path = path.display().to_string();
                report.refused.push((path, error.to_string()));
            }
        }
        if is_standard_input {
            lines.standard_input()?;
        }
        report.lines = Some(lines.totals.clone());
        progress.finish();
        destination.close()?;
        report.print(flags.form)
    }
}
