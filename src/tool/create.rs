//! `create`: a new, empty file; or what files of some archives would take.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use plumbago_storage_format::whisper::{ArchiveSpec, Header, Method};

use super::archives::{self, RollupFlags};
use super::dialect::DialectFlag;
use super::output::Output;
use super::replace::{Replacement, Room};
use super::{Outcome, ToolError};

/// Blocks of the file systems that matter.
const BLOCK_BYTES: u64 = 4096;
/// The numbers of metrics, in thousands, that an estimate is made for.
const ESTIMATES: [u64; 6] = [1, 5, 10, 50, 100, 500];

/// The flags of `create`.
#[derive(Debug, Args)]
#[command(
    override_usage = "plumbago create [OPTIONS] <PATH> <STEP:RETENTION>...\n       \
    plumbago create --estimate <STEP:RETENTION>...",
    after_help = "Archives are a step and how long it is kept, or a step and a number of points: \
    10s:6h, 1m:7d, 60:1440, 15m:8.\n\nExamples:\n  \
    plumbago create --aggregationMethod sum requests.wsp 10s:6h 1m:7d 10m:5y\n  \
    plumbago create --estimate 10s:6h,1m:7d,10m:5y"
)]
pub struct Create {
    /// The file, then its archives; with --estimate archives alone.
    #[arg(required = true, value_name = "PATH> <STEP:RETENTION")]
    arguments: Vec<String>,
    #[command(flatten)]
    rollup: RollupFlags,
    /// Replace a file that is there.
    #[arg(long)]
    overwrite: bool,
    /// Make no file; tell what files of these archives take.
    #[arg(long)]
    estimate: bool,
    /// Leave zeros out, so that room is taken when points come.
    #[arg(long, conflicts_with = "fallocate")]
    sparse: bool,
    /// Reserve the room in one call.
    #[arg(long)]
    fallocate: bool,
    #[command(flatten)]
    dialect: DialectFlag,
}

impl Create {
    /// Makes the file or prints the estimate.
    ///
    /// # Errors
    /// Archives that no file can have, a file that is there, and what the system refuses.
    pub(super) fn run(&self) -> Result<Outcome, ToolError> {
        if self.estimate {
            return estimate(&archives::parse(&self.arguments)?);
        }
        let [path, archives @ ..] = &self.arguments[..] else {
            return Err(ToolError::BadInput("a path is needed".to_owned()));
        };
        if archives.is_empty() {
            let reason = format!("{path}: no archives given, as in 10s:6h 1m:7d");
            return Err(ToolError::BadInput(reason));
        }
        self.create(Path::new(path), &archives::parse(archives)?)
    }

    fn create(&self, path: &Path, archives: &[ArchiveSpec]) -> Result<Outcome, ToolError> {
        let method = self.rollup.aggregation_method.unwrap_or(Method::Average);
        let factor = self.rollup.x_files_factor.unwrap_or(0.5);
        let header = Header::new(archives, method, factor, self.dialect.get());
        let header = header.map_err(|error| ToolError::BadInput(error.to_string()))?;
        if !self.overwrite && path.exists() {
            let reason = "is there already (--overwrite replaces it)";
            return Err(ToolError::BadInput(format!("{}: {reason}", path.display())));
        }
        let room = match (self.sparse, self.fallocate) {
            (true, _) => Room::Sparse,
            (_, true) => Room::Fallocated,
            _ => Room::Written,
        };
        let file = Replacement::begin(path)?;
        file.write(&header.image(), room)?;
        match self.overwrite {
            true => {
                if let Ok(former) = fs::metadata(path) {
                    file.resemble(&former)?;
                }
                file.replace(None)?;
            }
            false => file.name()?,
        }
        let mut output = Output::stdout();
        let (path, bytes) = (PathBuf::from(path), header.file_bytes());
        output.line(format_args!("Created: {} ({bytes} bytes)", path.display()))?;
        output.finish()?;
        Ok(Outcome::Done)
    }
}

/// whisper-create's estimate.
fn estimate(archives: &[ArchiveSpec]) -> Result<Outcome, ToolError> {
    let mut output = Output::stdout();
    for (number, ArchiveSpec { step_s, points }) in archives.iter().enumerate() {
        output.line(format_args!(
            "Archive {number}: {points} points of {step_s}s precision"
        ))?;
    }
    let header = Header::new(archives, Method::Average, 0.5, Default::default());
    let header = header.map_err(|error| ToolError::BadInput(error.to_string()))?;
    let bytes = header.file_bytes();
    let disk_bytes = bytes.next_multiple_of(BLOCK_BYTES);
    output.line(format_args!(
        "\nEstimated Whisper DB Size: {} ({disk_bytes} bytes on disk with 4k blocks)\n",
        show_bytes(bytes)
    ))?;
    for thousands in ESTIMATES {
        output.line(format_args!(
            "Estimated storage requirement for {thousands}k metrics: {}",
            show_bytes(thousands * 1000 * disk_bytes)
        ))?;
    }
    output.finish()?;
    Ok(Outcome::Done)
}

/// Bytes as whisper-create prints them.
pub(super) fn show_bytes(bytes: u64) -> String {
    let mut number = bytes as f64;
    for unit in ["bytes", "KB", "MB"] {
        if number < 1024.0 {
            return format!("{number:.3}{unit}");
        }
        number /= 1024.0;
    }
    format!("{number:.3}GB")
}
