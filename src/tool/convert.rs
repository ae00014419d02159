//! `convert`: files between the dialects of Whisper, and between written and sparse.

use std::path::Path;

use clap::Args;
use plumbago_storage_format::whisper::{Dialect, Header, Method};

use super::archives::parse_method;
use super::dialect::DialectName;
use super::output::Output;
use super::replace::Room;
use super::selection::Selection;
use super::swap::Swap;
use super::tree::SweepFlags;
use super::whisper_file::{Beginning, LockFlag};
use super::{Outcome, ToolError};

/// The flags of `convert`.
#[derive(Debug, Args)]
#[command(
    after_help = "Only the numbers of the aggregation types 6 to 8 differ between the dialects, and they stand \
    for methods that the other one has not: name the method to take instead with --method. Values \
    stay as they are. RRD files are not read; compressed files of go-carbon are read by `import`.\n\n\
    Examples:\n  \
    plumbago convert --from go --to reference --method last whisper\n  \
    plumbago convert --sparse whisper"
)]
pub struct Convert {
    #[command(flatten)]
    selection: Selection,
    /// Whose files they are.
    #[arg(long, value_enum, value_name = "DIALECT", default_value = "reference")]
    from: DialectName,
    /// Whose files they are to be.
    #[arg(long, value_enum, value_name = "DIALECT", default_value = "reference")]
    to: DialectName,
    /// The method of files whose own one the other dialect has not.
    #[arg(long, value_name = "METHOD", value_parser = parse_method)]
    method: Option<Method>,
    /// Leave pages of zeros out of the files.
    #[arg(long, conflicts_with = "written")]
    sparse: bool,
    /// Give sparse files all their room.
    #[arg(long)]
    written: bool,
    /// Tell what would be done and do nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    lock: LockFlag,
    #[command(flatten)]
    sweep: SweepFlags,
}

impl Convert {
    /// Converts the files; one line for each that changes.
    ///
    /// # Errors
    /// Files whose method the other dialect has not, and files that fail.
    pub(super) fn run(&self) -> Result<Outcome, ToolError> {
        if self.from == self.to && !self.sparse && !self.written {
            let reason = "nothing to do: give --from and --to, --sparse or --written";
            return Err(ToolError::BadInput(reason.to_owned()));
        }
        let tree = self.selection.read(self.sweep.quiet)?;
        let swept = tree.sweep(self.sweep, |file| self.convert(file))?;
        let mut output = Output::stdout();
        for (file, change) in &swept.done {
            if let Some(change) = change {
                output.line(format_args!("{}: {change}", tree.label(file)))?;
            }
        }
        output.finish()?;
        swept.finish()?;
        Ok(Outcome::Done)
    }

    /// What changes of a file, in words.
    fn convert(&self, path: &Path) -> Result<Option<String>, ToolError> {
        let own = Beginning::read(path, self.from.into())?.header;
        let wanted = self.header(path, &own)?;
        let head = wanted.encode();
        let mut words = Vec::new();
        if wanted.method() != own.method() {
            words.push(format!("{} -> {}", own.method(), wanted.method()));
        }
        let room = match (self.sparse, self.written) {
            (true, _) => Some(Room::Sparse),
            (_, true) => Some(Room::Written),
            _ => None,
        };
        if let Some(room) = room {
            words.push(format!("{room:?}").to_lowercase());
        }
        if words.is_empty() || self.dry_run {
            return Ok((!words.is_empty()).then(|| words.join(", ")));
        }
        let swap = Swap {
            lock: self.lock,
            former: self.from.into(),
            wanted: self.to.into(),
            room,
            keeps_backup: false,
        };
        swap.run(path, |former| {
            let mut bytes = former.to_vec();
            let place = bytes.get_mut(..head.len());
            let place = place.ok_or("is shorter than before");
            place
                .map_err(ToolError::damaged(path))?
                .copy_from_slice(&head);
            Ok(bytes)
        })?;
        Ok(Some(words.join(", ")))
    }

    /// The same file in the other dialect.
    fn header(&self, path: &Path, own: &Header) -> Result<Header, ToolError> {
        let dialect = Dialect::from(self.to);
        let has_own = dialect.number(own.method()).is_some() && own.method().rolls_up();
        let method = match (has_own, self.method) {
            (true, _) => own.method(),
            (false, Some(method)) => method,
            (false, None) => {
                let reason = "is not known to the other dialect: choose one with --method";
                let reason = format!("aggregation method {} {reason}", own.method());
                return Err(ToolError::damaged(path)(reason));
            }
        };
        let header = own.in_dialect(dialect, method);
        header.map_err(ToolError::damaged(path))
    }
}
