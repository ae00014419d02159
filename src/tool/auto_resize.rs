//! `auto-resize`: every file of a tree as the rules want it.

use std::path::{Path, PathBuf};

use clap::Args;
use plumbago_storage_format::whisper::{ArchiveSpec, Header, Resize as How};

use super::dialect::DialectFlag;
use super::output::Output;
use super::resize::Plan;
use super::rules::{RulesFlags, header_for};
use super::selection::Selection;
use super::times;
use super::tree::{SweepFlags, Tree};
use super::validate_schemas::difference;
use super::whisper_file::{Beginning, LockFlag};
use super::{Outcome, ToolError};
use crate::metric::Schemas;

/// The flags of `auto-resize`.
#[derive(Debug, Args)]
#[command(
    after_help = "Each file that differs from its rule is resized as by `resize`, or its header changed if \
    only method or xFilesFactor differ. Look first with --dry-run. Tagged metrics whose names are \
    hashed match no rule and are left alone.\n\nExamples:\n  \
    plumbago auto-resize --dry-run /var/lib/graphite/whisper /etc/carbon\n  \
    plumbago auto-resize --nobackup --lock --config /etc/plumbago.toml whisper\n  \
    plumbago auto-resize --root whisper whisper/servers /etc/carbon"
)]
pub struct AutoResize {
    #[command(flatten)]
    selection: Selection,
    /// Carbon's configuration folder, with storage-schemas.conf and storage-aggregation.conf.
    #[arg(value_name = "CONFDIR")]
    rules_folder: Option<PathBuf>,
    #[command(flatten)]
    rules: RulesFlags,
    /// The folder that metrics are named from, if PATH is below it.
    #[arg(long, value_name = "FOLDER")]
    root: Option<PathBuf>,
    /// Tell what would be done and do nothing.
    #[arg(long)]
    dry_run: bool,
    /// Make each new slot of the old values in it, as `resize --aggregate`.
    #[arg(long)]
    aggregate: bool,
    /// Keep no .bak of the files.
    #[arg(long)]
    nobackup: bool,
    #[command(flatten)]
    lock: LockFlag,
    #[command(flatten)]
    dialect: DialectFlag,
    #[command(flatten)]
    sweep: SweepFlags,
}

impl AutoResize {
    /// Resizes what differs; one line a file.
    ///
    /// # Errors
    /// Rules that cannot be read, and files that fail.
    pub(super) fn run(&self) -> Result<Outcome, ToolError> {
        let (schemas, warnings) = self
            .rules
            .clone()
            .in_folder(self.rules_folder.as_ref())
            .read()?;
        for warning in warnings {
            eprintln!("plumbago: warning: {warning}");
        }
        let mut tree = self.selection.read(self.sweep.quiet)?;
        if let Some(root) = &self.root {
            tree = tree.named_from(root)?;
        }
        let swept = tree.sweep(self.sweep, |file| self.one(&tree, file, &schemas))?;
        let mut output = Output::stdout();
        let (mut changed, mut nameless) = (0, 0);
        for (file, change) in &swept.done {
            match change {
                Some(Some(words)) => {
                    changed += 1;
                    output.line(format_args!("{}: {words}", tree.label(file)))?;
                }
                Some(None) => {}
                None => nameless += 1,
            }
        }
        let verb = if self.dry_run {
            "would change"
        } else {
            "changed"
        };
        let all = swept.done.len();
        output.line(format_args!("{changed} of {all} files {verb}"))?;
        if nameless > 0 {
            let reason = "have hashed names, which match no rule";
            output.line(format_args!("{nameless} files {reason}"))?;
        }
        output.finish()?;
        swept.finish()?;
        Ok(Outcome::Done)
    }

    /// What was changed of a file; `None` if it has no metric's name.
    fn one(
        &self,
        tree: &Tree,
        file: &Path,
        schemas: &Schemas,
    ) -> Result<Option<Option<String>>, ToolError> {
        let Some(metric) = tree.metric(file) else {
            return Ok(None);
        };
        let (retention, rollup) = schemas.definition_for(&metric);
        let wanted = header_for(&retention, rollup).map_err(ToolError::damaged(file))?;
        let found = Beginning::read(file, self.dialect.get())?.header;
        let Some(words) = difference(&found, &wanted) else {
            return Ok(Some(None));
        };
        if !self.dry_run {
            self.apply(file, &found, &wanted)?;
        }
        Ok(Some(Some(words)))
    }

    fn apply(&self, file: &Path, found: &Header, wanted: &Header) -> Result<(), ToolError> {
        let (method, factor) = (wanted.method(), wanted.x_files_factor());
        if specs(found) == specs(wanted) {
            let beginning = Beginning::edit(file, self.dialect.get(), self.lock)?;
            return beginning.set_rollup(method, factor);
        }
        let plan = Plan {
            archives: &specs(wanted),
            method: Some(method),
            x_files_factor: Some(factor),
            how: match self.aggregate {
                true => How::Aggregate,
                false => How::Points,
            },
            keeps_backup: !self.nobackup,
            lock: self.lock,
            dialect: self.dialect.get(),
            now: times::now(),
        };
        plan.resize(file).map(drop)
    }
}

/// The archives of a header.
pub(super) fn specs(header: &Header) -> Vec<ArchiveSpec> {
    let archives = header.archives().iter();
    archives.map(|archive| archive.spec()).collect()
}
