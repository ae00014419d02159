//! Operations on the series of a data folder: asked of its daemon, or done here while there is none.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::ToolError;
use super::interrupt::Interrupt;
use super::output::{Form, Output};
use super::progress::{Progress, Quiet};
use super::remote::Remote;
use super::subject::Subject;
use crate::config;
use crate::lifecycle::offline::Offline;
use crate::lifecycle::{Kind, LifecycleError, Operation, Stop};
use crate::metric::schema::Schemas;

/// The time between two looks at how far it is.
const LOOK: Duration = Duration::from_millis(200);

/// Which folder, for every subcommand that changes series.
#[derive(Clone, Debug, Args)]
struct Place {
    /// The data folder; its daemon may be running or not.
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// Take the data folder, and the rules while no daemon runs, from this config.toml.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Set one key over the file, as in storage.path=/var/lib/plumbago. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    sets: Vec<String>,
}

/// What every operation on series is asked with, beside the patterns.
#[derive(Debug, Args)]
pub(super) struct Asked {
    /// Series in whose names this regular expression occurs. May be repeated.
    #[arg(long, value_name = "REGEX")]
    regex: Vec<String>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    form: Form,
    #[command(flatten)]
    quiet: Quiet,
}

impl Asked {
    /// An operation on the series that are asked for.
    pub(super) fn operation(&self, kind: Kind, patterns: &[String]) -> Operation {
        let mut operation = Operation::new(kind);
        patterns.clone_into(&mut operation.selection.patterns);
        operation.selection.regexes.clone_from(&self.regex);
        operation
    }

    /// Does it, prints what came of it, and answers the same.
    ///
    /// # Errors
    /// As [`Place::run`], and when the answer cannot be written.
    pub(super) fn answer(
        &self,
        operation: &Operation,
        tell: fn(&Value, &mut Output) -> Result<(), ToolError>,
    ) -> Result<Value, ToolError> {
        let answer = self.place.run(operation, self.quiet)?;
        let mut output = Output::stdout();
        match self.form.json {
            true => output.json(&answer)?,
            false => tell(&answer, &mut output)?,
        }
        output.finish()?;
        Ok(answer)
    }
}

/// `--dry-run`.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct DryRun {
    /// Only say what would be done.
    #[arg(long, short = 'n')]
    pub(super) dry_run: bool,
}

impl Place {
    /// Does an operation and answers its report as JSON.
    ///
    /// # Errors
    /// When the folder is none, its daemon cannot be asked, or the operation fails.
    fn run(&self, operation: &Operation, quiet: Quiet) -> Result<Value, ToolError> {
        let config = config::load(self.config.as_deref(), &self.sets)
            .map_err(|error| ToolError::BadInput(error.to_string()))?;
        let path = self.data.as_deref().unwrap_or(&config.storage.path);
        std::fs::read_dir(path).map_err(ToolError::io(path, "cannot be read"))?;
        let subject = Subject::of(path)?;
        if !matches!(subject, Subject::DataFolder(_)) {
            return Err(subject.refusal("a data folder"));
        }
        match Remote::find(path)? {
            Some(remote) => ask(&remote, operation, quiet),
            None => {
                let schemas = self.schemas(operation, &config)?;
                do_here(path, schemas, operation, quiet)
            }
        }
    }

    /// The rules that a plan compares with: a running daemon has its own.
    fn schemas(
        &self,
        operation: &Operation,
        config: &config::Config,
    ) -> Result<Schemas, ToolError> {
        if !matches!(operation.kind, Kind::RetentionPlan | Kind::RetentionApply) {
            return Ok(Schemas::default());
        }
        if self.config.is_none() && self.sets.is_empty() {
            let message = "no daemon runs on this folder: say with --config whose rules hold";
            return Err(ToolError::BadInput(message.to_owned()));
        }
        let read = config.rules.read();
        let (schemas, warnings) = read.map_err(|error| ToolError::BadInput(error.to_string()))?;
        for warning in warnings {
            eprintln!("plumbago: warning: {warning}");
        }
        Ok(schemas)
    }
}

/// Shows how far it is until the flag says that it is over.
fn watch(look: impl Fn() -> Option<(u64, u64)>, is_over: &AtomicBool, quiet: Quiet) {
    let mut shown: Option<(Progress, u64)> = None;
    while !is_over.load(Ordering::Acquire) {
        std::thread::park_timeout(LOOK);
        let Some((done, total)) = look().filter(|(_, total)| *total > 0) else {
            continue;
        };
        let (bar, before) = shown.get_or_insert_with(|| (Progress::bar(total, "series", quiet), 0));
        bar.advance(done.saturating_sub(*before));
        *before = done;
    }
    if let Some((bar, _)) = shown {
        bar.finish();
    }
}

/// Works while another thread shows how far it is.
fn with_progress<T>(
    work: impl FnOnce() -> T,
    look: impl Fn() -> Option<(u64, u64)> + Send,
    quiet: Quiet,
) -> T {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| watch(look, &is_over, quiet));
        let result = work();
        is_over.store(true, Ordering::Release);
        watcher.thread().unpark();
        result
    })
}

fn ask(remote: &Remote, operation: &Operation, quiet: Quiet) -> Result<Value, ToolError> {
    let look = || {
        let answer = remote.get("/admin/progress").ok()?;
        let running = answer.get("running")?;
        Some((running["done"].as_u64()?, running["total"].as_u64()?))
    };
    let work = || remote.post(operation.route(), &operation.parameters());
    with_progress(work, look, quiet)
}

fn do_here(
    path: &Path,
    schemas: Schemas,
    operation: &Operation,
    quiet: Quiet,
) -> Result<Value, ToolError> {
    let offline = Offline::open(path, schemas);
    let offline = offline.map_err(|error| ToolError::BadInput(error.to_string()))?;
    let interrupt = Interrupt::listen();
    let (lifecycle, stop) = (offline.lifecycle(), Stop::default());
    let asks = stop.clone();
    let look = || {
        if interrupt.is_requested() {
            asks.ask();
        }
        let progress = lifecycle.progress()?;
        Some((progress.done as u64, progress.total as u64))
    };
    let answer = with_progress(|| operation.run(lifecycle, &stop), look, quiet);
    let closed = offline.close();
    let answer = answer.map_err(|error: LifecycleError| ToolError::BadInput(error.to_string()))?;
    closed.map_err(|error| ToolError::BadInput(error.to_string()))?;
    serde_json::to_value(answer).map_err(|error| ToolError::BadInput(error.to_string()))
}

/// Tells of an operation that was stopped on its way.
///
/// # Errors
/// [`ToolError::Interrupted`], if it was.
pub(super) fn refuse_if_stopped(answer: &Value, done: &str) -> Result<(), ToolError> {
    match answer["stopped"].as_bool() {
        Some(true) => Err(ToolError::Interrupted(format!(
            "{done}, the rest is as it was"
        ))),
        _ => Ok(()),
    }
}
