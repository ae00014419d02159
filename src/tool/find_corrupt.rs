//! `find-corrupt`: files that no reader believes, or that no writer has left so.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::Args;
use plumbago_storage_format::error::FormatError;
use plumbago_storage_format::whisper::{HEADER_BYTES_MAX, Header};

use super::dialect::DialectFlag;
use super::output::{Form, Output};
use super::removal::Removal;
use super::tree::{SweepFlags, Tree};
use super::{Outcome, ToolError};

/// A file that was changed so lately may be one that a daemon is just creating.
const SETTLED: Duration = Duration::from_secs(60);

/// The flags of `find-corrupt`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit code 1 tells that something was found. A file that was changed within the last minute \
    may be one that a daemon creates: it is told, and neither deleted nor moved. Compressed files of \
    go-carbon are another format and are left alone.\n\nExamples:\n  \
    plumbago find-corrupt /var/lib/graphite/whisper\n  \
    plumbago find-corrupt --move /var/tmp/corrupt /var/lib/graphite/whisper\n  \
    plumbago find-corrupt --header-only --delete whisper"
)]
pub struct FindCorrupt {
    /// Whisper trees or files.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Delete what is found.
    #[arg(long, alias = "delete-corrupt", conflicts_with = "move_to")]
    delete: bool,
    /// Move what is found below this folder, on the same file system.
    #[arg(long = "move", value_name = "FOLDER")]
    move_to: Option<PathBuf>,
    /// Look at header and length alone, not at the slots.
    #[arg(long)]
    header_only: bool,
    #[command(flatten)]
    form: Form,
    #[command(flatten)]
    dialect: DialectFlag,
    #[command(flatten)]
    sweep: SweepFlags,
}

/// A file that was found.
struct Finding {
    reason: String,
    is_settled: bool,
}

impl FindCorrupt {
    /// Checks the files; one line for each that is corrupt.
    ///
    /// # Errors
    /// A tree or files that cannot be read or removed.
    pub(super) fn run(&self) -> Result<Outcome, ToolError> {
        let removal = Removal::of(self.delete, self.move_to.as_ref());
        let trees: Result<Vec<Tree>, ToolError> = self
            .paths
            .iter()
            .map(|path| Tree::read(path, self.sweep.quiet))
            .collect();
        let mut output = Output::stdout();
        let (mut found, mut all) = (0, 0);
        let mut failure = None;
        for tree in trees? {
            let swept = tree.sweep(self.sweep, |file| {
                let finding = self.check(file)?;
                if finding.as_ref().is_some_and(|finding| finding.is_settled) {
                    removal.apply(&tree, file)?;
                }
                Ok(finding)
            })?;
            all += swept.done.len();
            for (file, finding) in &swept.done {
                if let Some(finding) = finding {
                    found += 1;
                    self.print(&mut output, file, finding, &removal)?;
                }
            }
            failure = failure.or(swept.finish().err());
        }
        if !self.form.json {
            output.line(format_args!("{found} of {all} files are corrupt"))?;
        }
        output.finish()?;
        match (failure, found) {
            (Some(error), _) => Err(error),
            (None, 0) => Ok(Outcome::Done),
            (None, _) => Ok(Outcome::Amiss),
        }
    }

    fn check(&self, path: &Path) -> Result<Option<Finding>, ToolError> {
        let unreadable = || ToolError::io(path, "cannot be read");
        let file = File::open(path).map_err(unreadable())?;
        let metadata = file.metadata().map_err(unreadable())?;
        let changed = metadata.modified().map_err(unreadable())?;
        let limit = match self.header_only {
            true => HEADER_BYTES_MAX as u64,
            false => u64::MAX,
        };
        let mut bytes = Vec::new();
        let read = file.take(limit).read_to_end(&mut bytes);
        read.map_err(unreadable())?;
        let age = SystemTime::now().duration_since(changed);
        Ok(self.reason(&bytes, metadata.len()).map(|reason| Finding {
            reason,
            is_settled: age.unwrap_or_default() >= SETTLED,
        }))
    }

    /// Why a file of this length is corrupt.
    fn reason(&self, bytes: &[u8], length: u64) -> Option<String> {
        let header = match Header::parse_head(bytes, length, self.dialect.get()) {
            Ok(header) => header,
            Err(FormatError::Magic { .. }) => return None,
            Err(error) => return Some(error.to_string()),
        };
        if self.header_only {
            return None;
        }
        match header.faults(bytes) {
            Ok(faults) => {
                let first = faults.first()?;
                let more = match faults.len() {
                    1 => String::new(),
                    count => format!(" (and {} more)", count - 1),
                };
                Some(format!("{first}{more}"))
            }
            Err(error) => Some(error.to_string()),
        }
    }

    fn print(
        &self,
        output: &mut Output,
        file: &Path,
        finding: &Finding,
        removal: &Removal,
    ) -> Result<(), ToolError> {
        let done = removal.word().filter(|_| finding.is_settled);
        if self.form.json {
            return output.json_line(&serde_json::json!({
                "path": file, "reason": finding.reason, "done": done,
            }));
        }
        let done = match (done, removal) {
            (Some(word), _) => format!("; {word}"),
            (None, Removal::Tell) => String::new(),
            (None, _) => "; changed within the last minute, left alone".to_owned(),
        };
        output.line(format_args!("{}: {}{done}", file.display(), finding.reason))
    }
}
