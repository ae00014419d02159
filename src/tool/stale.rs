//! `stale`: metrics without a point for a while.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use clap::Args;
use jiff::tz::TimeZone;
use plumbago_storage_format::whisper::newest_of_slots;
use serde::Serialize;

use super::dialect::DialectFlag;
use super::output::{Form, Output};
use super::removal::Removal;
use super::selection::Selection;
use super::times::{TimeFormat, now, parse_span};
use super::tree::{SweepFlags, Swept, Tree};
use super::whisper_file::Beginning;
use super::{Outcome, ToolError};

/// The flags of `stale`.
#[derive(Debug, Args)]
#[command(
    after_help = "A file is stale by its newest point, not by its time of change; a file without any point is \
    stale by its time of change.\n\nExamples:\n  \
    plumbago stale --older-than 30d /var/lib/graphite/whisper\n  \
    plumbago stale --older-than 90d --delete --dry-run whisper\n  \
    plumbago stale --paths whisper | xargs tar cf old.tar"
)]
pub struct Stale {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    limit: Limit,
    /// List the metrics that are not stale instead.
    #[arg(long, short, conflicts_with_all = ["delete", "move_to"])]
    reverse: bool,
    /// Print paths instead of names.
    #[arg(long, short)]
    paths: bool,
    /// Delete what is found.
    #[arg(long, conflicts_with = "move_to")]
    delete: bool,
    /// Move what is found below this folder, on the same file system.
    #[arg(long = "move", value_name = "FOLDER")]
    move_to: Option<PathBuf>,
    /// With --delete or --move: tell what would be done and do nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    shown: TimeFormat,
    #[command(flatten)]
    form: Form,
    #[command(flatten)]
    dialect: DialectFlag,
    #[command(flatten)]
    sweep: SweepFlags,
}

/// When a metric is stale.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Limit {
    /// Metrics without a point for this long, as in 36h or 30d.
    #[arg(long, value_name = "SPAN", default_value = "24h", value_parser = parse_span)]
    pub(super) older_than: i64,
}

/// A metric and its newest point.
#[derive(Serialize)]
struct Line {
    metric: String,
    /// `None` for a file without any point.
    newest: Option<i64>,
}

impl Stale {
    /// Lists or removes what is stale.
    ///
    /// # Errors
    /// A tree or files that cannot be read or removed.
    pub(super) fn run(&self) -> Result<Outcome, ToolError> {
        self.shown.check()?;
        let tree = self.selection.read(self.sweep.quiet)?;
        let removal = match self.dry_run {
            true => Removal::Tell,
            false => Removal::of(self.delete, self.move_to.as_ref()),
        };
        let limit = now().saturating_sub(self.limit.older_than);
        let swept = tree.sweep(self.sweep, |file| {
            let newest = newest(file, self.dialect)?;
            let is_found = newest.is_before(limit) != self.reverse;
            if is_found {
                removal.apply(&tree, file)?;
            }
            Ok(is_found.then_some(newest))
        })?;
        self.print(&tree, &swept)?;
        swept.finish()?;
        Ok(Outcome::Done)
    }

    fn print(&self, tree: &Tree, swept: &Swept<Option<Newest>>) -> Result<(), ToolError> {
        let zone = TimeZone::system();
        let mut output = Output::stdout();
        let found = swept.done.iter();
        let found = found.filter_map(|(file, newest)| Some((file, newest.as_ref()?)));
        for (file, newest) in found {
            let metric = match self.paths {
                true => file.to_string_lossy().into_owned(),
                false => tree.label(file),
            };
            let newest = newest.point;
            match self.form.json {
                true => output.json_line(&Line { metric, newest })?,
                false if self.paths => output.line(metric)?,
                false => {
                    let time = newest.map_or("-".to_owned(), |time| self.shown.show(time, &zone));
                    output.line(format_args!("{metric}\t{time}"))?;
                }
            }
        }
        output.finish()
    }
}

/// How old a file is.
pub(super) struct Newest {
    /// The time of its newest point.
    pub(super) point: Option<i64>,
    /// When the file was changed.
    changed: i64,
}

impl Newest {
    /// True if the newest point is older than `limit`, or the file has none and was not changed since.
    pub(super) fn is_before(&self, limit: i64) -> bool {
        self.point.unwrap_or(self.changed) < limit
    }
}

/// Looks for the newest point of a file, in its finest archive first.
///
/// # Errors
/// When it cannot be read or is no Whisper file.
pub(super) fn newest(path: &Path, dialect: DialectFlag) -> Result<Newest, ToolError> {
    let beginning = Beginning::read(path, dialect.get())?;
    let metadata = beginning.file.metadata();
    let metadata = metadata.map_err(ToolError::io(path, "cannot be read"))?;
    let mut point = None;
    for archive in 0..beginning.header.archives().len() {
        point = newest_of_slots(&beginning.slots(archive)?).map(i64::from);
        if point.is_some() {
            break;
        }
    }
    Ok(Newest {
        point,
        changed: metadata.mtime(),
    })
}
