//! `merge`: the points of one file, or of each file of a tree, over those of another.

use std::path::{Path, PathBuf};

use clap::Args;

use super::dialect::DialectFlag;
use super::output::Output;
use super::pairs::{Pairs, copy_missing};
use super::times::Window;
use super::tree::SweepFlags;
use super::whisper_file::{Edit, LockFlag, WhisperFile};
use super::{Outcome, ToolError};

/// The flags of `merge`.
#[derive(Debug, Args)]
#[command(
    after_help = "Where both have a value that of FROM stays; `fill` is the gentle way. Files of a tree \
    that are missing in the other are copied.\n\nExamples:\n  \
    plumbago merge replica/load.wsp whisper/load.wsp\n  \
    plumbago merge --from -6h --lock /mnt/replica/whisper /var/lib/graphite/whisper"
)]
pub struct Merge {
    /// The file or tree whose points are taken.
    #[arg(value_name = "FROM")]
    source: PathBuf,
    /// The file or tree that is written.
    #[arg(value_name = "TO")]
    target: PathBuf,
    #[command(flatten)]
    window: Window,
    #[command(flatten)]
    lock: LockFlag,
    #[command(flatten)]
    dialect: DialectFlag,
    #[command(flatten)]
    sweep: SweepFlags,
}

impl Merge {
    /// Merges in place.
    ///
    /// # Errors
    /// Files of unlike archives, and what the system refuses.
    pub(super) fn run(&self) -> Result<Outcome, ToolError> {
        let times = self.window.times()?;
        let range = (times.from.unwrap_or(0), times.until.unwrap_or(times.now));
        let pairs = Pairs::of(&self.source, &self.target, self.sweep.quiet)?;
        let swept = pairs.sources.sweep(self.sweep, |source| {
            self.merge(source, &pairs.target(source), range, times.now)
        })?;
        let changed: usize = swept.done.iter().map(|(_, slots)| slots).sum();
        let mut output = Output::stdout();
        let files = swept.done.len();
        output.line(format_args!(
            "Merged: {files} files, {changed} slots changed"
        ))?;
        output.finish()?;
        swept.finish()?;
        Ok(Outcome::Done)
    }

    fn merge(
        &self,
        source: &Path,
        target: &Path,
        range: (i64, i64),
        now: i64,
    ) -> Result<usize, ToolError> {
        let dialect = self.dialect.get();
        if copy_missing(source, target, dialect)? {
            return Ok(0);
        }
        let source = WhisperFile::read(source, dialect)?;
        let mut edit = Edit::open(target, dialect, self.lock)?;
        let WhisperFile { header, bytes } = &mut edit.after;
        let merged = header.merge(bytes, (&source.header, &source.bytes), range, now);
        merged.map_err(ToolError::damaged(target))?;
        edit.commit()
    }
}
