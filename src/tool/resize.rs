//! `resize`: a file's points in other archives.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use plumbago_storage_format::whisper::{ArchiveSpec, Dialect, Header, Method, Resize as How};

use super::archives::{self, RollupFlags};
use super::dialect::DialectFlag;
use super::output::Output;
use super::replace::{Replacement, Room};
use super::swap::Swap;
use super::times;
use super::whisper_file::LockFlag;
use super::{Outcome, ToolError};

/// The flags of `resize`.
#[derive(Debug, Args)]
#[command(
    after_help = "The file is replaced in one step and keeps owner and mode; the former one stays as \
    PATH.bak. Points that somebody writes to it meanwhile are brought over. A daemon that keeps \
    its files open must not run meanwhile; carbon and go-carbon may.\n\n\
    Examples:\n  \
    plumbago resize load.wsp 10s:1d 1m:30d 10m:5y\n  \
    plumbago resize --nobackup --lock --aggregate --aggregationMethod max load.wsp 1m:30d,1h:5y\n  \
    plumbago resize --newfile coarse.wsp load.wsp 1h:5y"
)]
pub struct Resize {
    /// A Whisper file.
    path: PathBuf,
    /// The new archives.
    #[arg(required = true, value_name = "STEP:RETENTION")]
    archives: Vec<String>,
    #[command(flatten)]
    rollup: RollupFlags,
    /// Make each new slot of the old values in it, instead of writing each old value as a point.
    #[arg(long)]
    aggregate: bool,
    /// Write to this file and leave PATH alone.
    #[arg(long, value_name = "FILE")]
    newfile: Option<PathBuf>,
    /// Replace a file that has the name of --newfile.
    #[arg(long)]
    force: bool,
    /// Keep no PATH.bak.
    #[arg(long)]
    nobackup: bool,
    #[command(flatten)]
    lock: LockFlag,
    #[command(flatten)]
    dialect: DialectFlag,
}

/// What a file is to become, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan<'a> {
    pub(super) archives: &'a [ArchiveSpec],
    /// `None` for the file's own.
    pub(super) method: Option<Method>,
    /// `None` for the file's own.
    pub(super) x_files_factor: Option<f32>,
    pub(super) how: How,
    pub(super) keeps_backup: bool,
    pub(super) lock: LockFlag,
    pub(super) dialect: Dialect,
    pub(super) now: i64,
}

impl Resize {
    /// Resizes the file.
    ///
    /// # Errors
    /// Archives that no file can have, a path that is no Whisper file, a full disk; the file is then
    /// as it was.
    pub(super) fn run(&self) -> Result<Outcome, ToolError> {
        let archives = archives::parse(&self.archives)?;
        let plan = Plan {
            archives: &archives,
            method: self.rollup.aggregation_method,
            x_files_factor: self.rollup.x_files_factor,
            how: match self.aggregate {
                true => How::Aggregate,
                false => How::Points,
            },
            keeps_backup: !self.nobackup,
            lock: self.lock,
            dialect: self.dialect.get(),
            now: times::now(),
        };
        let (former, resized) = match &self.newfile {
            Some(newfile) => plan.resize_into(&self.path, newfile, self.force)?,
            None => plan.resize(&self.path)?,
        };
        let mut output = Output::stdout();
        output.line(format_args!(
            "Resized: {} ({former} -> {resized} bytes)",
            self.newfile.as_ref().unwrap_or(&self.path).display()
        ))?;
        output.finish()?;
        Ok(Outcome::Done)
    }
}

impl Plan<'_> {
    /// Resizes a file in its place; its length before and after.
    ///
    /// # Errors
    /// As [`Resize::run`].
    pub(super) fn resize(&self, path: &Path) -> Result<(u64, u64), ToolError> {
        let swap = Swap {
            lock: self.lock,
            former: self.dialect,
            wanted: self.dialect,
            room: None,
            keeps_backup: self.keeps_backup,
        };
        swap.run(path, |former| self.image(path, former))
    }

    fn resize_into(
        &self,
        path: &Path,
        newfile: &Path,
        force: bool,
    ) -> Result<(u64, u64), ToolError> {
        if !force && newfile.exists() {
            let path = newfile.display();
            let reason = format!("{path}: is there already (--force replaces it)");
            return Err(ToolError::BadInput(reason));
        }
        let held = self.lock.hold(path)?;
        let former = fs::read(path).map_err(ToolError::io(path, "cannot be read"))?;
        drop(held);
        let image = self.image(path, &former)?;
        let new = Replacement::begin(newfile)?;
        new.write(&image, Room::Written)?;
        match force {
            true => new.replace(None)?,
            false => new.name()?,
        }
        Ok((former.len() as u64, image.len() as u64))
    }

    fn image(&self, path: &Path, former: &[u8]) -> Result<Vec<u8>, ToolError> {
        let own = Header::parse(former, self.dialect).map_err(ToolError::damaged(path))?;
        let method = self.method.unwrap_or(own.method());
        let factor = self.x_files_factor.unwrap_or(own.x_files_factor());
        let wanted = Header::new(self.archives, method, factor, self.dialect);
        let wanted = wanted.map_err(ToolError::damaged(path))?;
        let image = own.resize(former, &wanted, self.how, self.now);
        image.map_err(ToolError::damaged(path))
    }
}
