//! A tree of Whisper files as carbon would have it.
//!
//! Each file is written beside its name and renamed, so that one that is there is whole: a run that was
//! cut short goes on by leaving those. `tagged-names.txt` has the names of tagged series, whose files
//! are named by a hash; `plumbago import --names` reads it.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use plumbago_storage_format::whisper::{
    ArchiveSpec, Dialect, Header, Method, TaggedNames, relative_path,
};
use rayon::prelude::*;

use super::super::ToolError;
use super::super::folder::Named;
use super::{Export, Summary, Work, points};
use crate::metric::Rollup;
use crate::storage::whisper::method_of;

/// The list of tagged names, beside the files.
const NAMES_FILE: &str = "tagged-names.txt";

/// Writes a file a series.
///
/// # Errors
/// As [`Export::run`].
pub(super) fn write(work: &Work<'_>, export: &Export) -> Result<Summary, ToolError> {
    let root = &export.target;
    if !export.resume && !export.overwrite {
        refuse_filled(root)?;
    }
    fs::create_dir_all(root).map_err(ToolError::io(root, "cannot be made"))?;
    write_names(work, root)?;
    let summary = Mutex::new(Summary::default());
    let points = AtomicU64::new(0);
    let done = work.series.par_iter().try_for_each(|series| {
        work.check()?;
        let Some(relative) = relative_path(&series.name, TaggedNames::Hash) else {
            let reason = "a Whisper file cannot have this name".to_owned();
            summary
                .lock()
                .refused
                .push((series.name.to_string(), reason));
            return Ok(());
        };
        let path = root.join(relative);
        work.progress.advance(1);
        if export.resume && path.exists() {
            summary.lock().left += 1;
            return Ok(());
        }
        let (image, count, is_exact) = match image(work, series, export.dialect.get()) {
            Ok(made) => made,
            Err(Refused::Series(reason)) => {
                summary
                    .lock()
                    .refused
                    .push((series.name.to_string(), reason));
                return Ok(());
            }
            Err(Refused::Tool(error)) => return Err(error),
        };
        write_file(&path, &image)?;
        // Summed for the report alone.
        points.fetch_add(count, Ordering::Relaxed);
        let mut summary = summary.lock();
        summary.series += 1;
        if !is_exact {
            summary.averaged.push(series.name.to_string());
        }
        Ok(())
    });
    done?;
    rustix::fs::syncfs(fs::File::open(root).map_err(ToolError::io(root, "cannot be read"))?)
        .map_err(|error| ToolError::io(root, "cannot be synced")(error.into()))?;
    let mut summary = summary.into_inner();
    summary.points = points.into_inner();
    summary.averaged.sort();
    summary.refused.sort();
    Ok(summary)
}

fn refuse_filled(root: &Path) -> Result<(), ToolError> {
    match fs::read_dir(root) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(ToolError::BadInput(format!(
                "{}: is not empty: go on with --resume, or replace files with --overwrite",
                root.display()
            ))),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(ToolError::io(root, "cannot be read")(error)),
    }
}

fn write_names(work: &Work<'_>, root: &Path) -> Result<(), ToolError> {
    let names = work.series.iter().map(|series| &*series.name);
    let tagged: Vec<&str> = names.filter(|name| name.contains(';')).collect();
    if tagged.is_empty() {
        return Ok(());
    }
    let path = root.join(NAMES_FILE);
    fs::write(&path, tagged.join("\n") + "\n").map_err(ToolError::io(&path, "cannot be written"))
}

/// Why a series has no image.
enum Refused {
    /// Because of the series itself; the others go on.
    Series(String),
    Tool(ToolError),
}

/// The bytes of a series' file, how many points are in it, and whether its method is told.
fn image(
    work: &Work<'_>,
    series: &Named,
    dialect: Dialect,
) -> Result<(Vec<u8>, u64, bool), Refused> {
    let archives = series.retention.archives().iter();
    let specs: Vec<ArchiveSpec> = archives
        .map(|archive| ArchiveSpec {
            step_s: archive.step,
            points: archive.points,
        })
        .collect();
    let Rollup {
        method,
        x_files_factor,
    } = series.rollup;
    let known = method_of(method, dialect);
    let header = Header::new(
        &specs,
        known.unwrap_or(Method::Average),
        x_files_factor,
        dialect,
    );
    let header = header.map_err(|error| Refused::Series(error.to_string()))?;
    let mut image = header.image();
    let mut count = 0;
    for number in 0..specs.len() {
        let points = points::of_archive(work, series, number).map_err(Refused::Tool)?;
        let stored = header.store_slots(&mut image, number, &points);
        stored.map_err(|error| Refused::Series(error.to_string()))?;
        count += points.len() as u64;
    }
    Ok((image, count, known.is_some()))
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), ToolError> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(ToolError::io(folder, "cannot be made"))?;
    let temporary = path.with_extension("wsp-new");
    let written = fs::write(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    written.map_err(|error| {
        // A full disk gets back what it can; the file under its own name is as it was.
        let _ = fs::remove_file(&temporary);
        ToolError::io(path, "cannot be written")(error)
    })
}
