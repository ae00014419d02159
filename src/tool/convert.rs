//! `convert`: files between the dialects of Whisper, and between written and sparse.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use clap::Args;
use plumbago_storage_format::whisper::{Dialect, Header, Method};

use super::archives::parse_method;
use super::dialect::DialectName;
use super::output::Output;
use super::replace::{Replacement, Room};
use super::selection::Selection;
use super::tree::SweepFlags;
use super::whisper_file::{LockFlag, WhisperFile};
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

    fn convert(&self, path: &Path) -> Result<Option<String>, ToolError> {
        let metadata = fs::metadata(path).map_err(ToolError::io(path, "cannot be read"))?;
        let locked = self.lock.hold(path)?;
        let file = WhisperFile::read(path, self.from.into())?;
        let wanted = self.header(path, &file.header)?;
        let mut bytes = file.bytes;
        let mut words = Vec::new();
        if wanted.method() != file.header.method() {
            words.push(format!("{} -> {}", file.header.method(), wanted.method()));
        }
        let head = wanted.encode();
        if bytes[..head.len()] != head[..] {
            bytes[..head.len()].copy_from_slice(&head);
            if words.is_empty() {
                words.push("the header's numbers".to_owned());
            }
        }
        if self.sparse || self.written {
            let room = if self.sparse { "sparse" } else { "written" };
            words.push(room.to_owned());
        }
        if !self.dry_run && !words.is_empty() {
            let new = Replacement::begin(path)?;
            new.write(&bytes, self.room(&metadata))?;
            new.resemble(&metadata)?;
            new.replace(None)?;
        }
        drop(locked);
        Ok((!words.is_empty()).then(|| words.join(", ")))
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

    fn room(&self, metadata: &fs::Metadata) -> Room {
        let is_sparse = metadata.blocks() * 512 < metadata.len();
        match self.sparse || (is_sparse && !self.written) {
            true => Room::Sparse,
            false => Room::Written,
        }
    }
}
