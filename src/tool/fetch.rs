//! `fetch`: the values of a series in a range, as a render request would see them.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::dialect::DialectFlag;
use super::output::Form;
use super::subject::Subject;
use super::times::{TimeFormat, Window};
use super::{Outcome, ToolError, folder, whisper};

/// The flags of `fetch`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    plumbago fetch load.wsp --from -2h --pretty\n  \
    plumbago fetch /var/lib/plumbago servers.web1.load --from -1h\n  \
    plumbago fetch /var/lib/plumbago 'servers.*.load' --from 'noon yesterday' --json\n  \
    plumbago fetch /var/lib/plumbago servers.web1.load --archive 1 --pretty --drop nulls\n\n\
    Without --from the last day is read. The archive is chosen as by Graphite: the finest that \
    reaches back to --from.")]
pub struct Fetch {
    /// A Whisper file, or a data folder with or without its daemon.
    pub(super) path: PathBuf,
    /// Of a data folder: names or globs of series.
    #[arg(value_name = "PATTERN")]
    pub(super) patterns: Vec<String>,
    #[command(flatten)]
    pub(super) window: Window,
    /// Read this archive, whatever the age; 0 is the finest.
    #[arg(long, value_name = "NUMBER")]
    pub(super) archive: Option<usize>,
    #[command(flatten)]
    pub(super) form: Form,
    #[command(flatten)]
    pub(super) shown: TimeFormat,
    /// Leave out these values.
    #[arg(long, value_enum, value_name = "WHICH")]
    pub(super) drop: Option<Drop>,
    #[command(flatten)]
    pub(super) dialect: DialectFlag,
}

/// Values that are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Drop {
    /// Slots without a value.
    Nulls,
    /// Values of zero.
    Zeroes,
    /// Both.
    Empty,
}

impl Drop {
    /// True when a value, NaN for none, is left out.
    pub(super) fn drops(self, value: f64) -> bool {
        match self {
            Self::Nulls => value.is_nan(),
            Self::Zeroes => value == 0.0,
            Self::Empty => value.is_nan() || value == 0.0,
        }
    }
}

impl Fetch {
    /// Prints the values.
    ///
    /// # Errors
    /// When the path is of another kind or cannot be read.
    pub(super) fn run(&self) -> Result<Outcome, ToolError> {
        self.shown.check()?;
        match Subject::of(&self.path)? {
            Subject::DataFolder(path) => folder::fetch::run(self, &path),
            Subject::WhisperFile(path) => whisper::fetch::run(self, &path),
            other => Err(other.refusal("a Whisper file or a data folder")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_is_what_whisper_fetch_drops() {
        let values = [f64::NAN, 0.0, -0.0, 1.0];
        let dropped = |drop: Drop| values.map(|value| drop.drops(value));
        assert_eq!(dropped(Drop::Nulls), [true, false, false, false]);
        assert_eq!(dropped(Drop::Zeroes), [false, true, true, false]);
        assert_eq!(dropped(Drop::Empty), [true, true, true, false]);
    }
}
