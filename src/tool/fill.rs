//! `fill`: the points of one file, or of each file of a tree, into the gaps of another.

use std::path::{Path, PathBuf};

use clap::Args;
use plumbago_storage_format::whisper::Resize;

use super::dialect::DialectFlag;
use super::output::Output;
use super::pairs::{Pairs, copy_missing};
use super::times;
use super::tree::SweepFlags;
use super::whisper_file::{Edit, LockFlag, WhisperFile};
use super::{Outcome, ToolError};

/// The flags of `fill`.
#[derive(Debug, Args)]
#[command(
    after_help = "No value that is there changes, but coarse values are computed anew where points came. \
    Files of a tree that are missing in the other are copied. Archives may differ: the source is \
    resized in memory.\n\nExamples:\n  \
    plumbago fill replica/load.wsp whisper/load.wsp\n  \
    plumbago fill --lock --threads 4 /mnt/replica/whisper /var/lib/graphite/whisper"
)]
pub struct Fill {
    /// The file or tree whose points are taken.
    #[arg(value_name = "SRC")]
    source: PathBuf,
    /// The file or tree whose gaps are filled.
    #[arg(value_name = "DST")]
    target: PathBuf,
    #[command(flatten)]
    lock: LockFlag,
    #[command(flatten)]
    dialect: DialectFlag,
    #[command(flatten)]
    sweep: SweepFlags,
}

impl Fill {
    /// Fills in place.
    ///
    /// # Errors
    /// What is no Whisper file, and what the system refuses.
    pub(super) fn run(&self) -> Result<Outcome, ToolError> {
        let now = times::now();
        let pairs = Pairs::of(&self.source, &self.target, self.sweep.quiet)?;
        let swept = pairs.sources.sweep(self.sweep, |source| {
            self.fill(source, &pairs.target(source), now)
        })?;
        let points: usize = swept.done.iter().filter_map(|(_, filled)| *filled).sum();
        let copied = swept.done.iter().filter(|(_, filled)| filled.is_none());
        let mut output = Output::stdout();
        output.line(format_args!(
            "Filled: {} files, {points} points, {} files copied",
            swept.done.len(),
            copied.count()
        ))?;
        output.finish()?;
        swept.finish()?;
        Ok(Outcome::Done)
    }

    /// How many points were written; `None` for a file that was copied.
    fn fill(&self, source: &Path, target: &Path, now: i64) -> Result<Option<usize>, ToolError> {
        let dialect = self.dialect.get();
        if copy_missing(source, target, dialect)? {
            return Ok(None);
        }
        let mut given = WhisperFile::read(source, dialect)?;
        let mut edit = Edit::open(target, dialect, self.lock)?;
        let WhisperFile { header, bytes } = &mut edit.after;
        if given.header.archives() != header.archives() {
            let alike = given
                .header
                .resize(&given.bytes, header, Resize::Points, now);
            given.bytes = alike.map_err(ToolError::damaged(target))?;
            given.header = header.clone();
        }
        let filled = header.fill(bytes, (&given.header, &given.bytes), now);
        let filled = filled.map_err(ToolError::damaged(target))?;
        edit.commit()?;
        Ok(Some(filled))
    }
}
