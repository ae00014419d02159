//! One Whisper file: read whole, also while carbon writes to it, and taken apart.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use plumbago_storage_format::whisper::{
    ArchiveSpec, COMPRESSED_MAGIC, Compressed, Dialect, Header, Method, Mixed,
};

use super::tree::Stamp;
use crate::metric::{AggregationMethod, Archive, Retention, Rollup};
use crate::storage::strata::ImportedArchive;
use crate::storage::whisper::aggregation_of;

/// How often a file that changes while it is read is read again.
const ATTEMPTS: usize = 5;
/// The method of a file of mixed ones, to be chosen by `--mix`.
const MIX_REFUSAL: &str =
    "its coarse archives are of mixed methods, of which a series has one: choose it with --mix";

/// What a file holds.
#[derive(Clone, Debug)]
pub(super) struct Contents {
    pub(super) retention: Retention,
    pub(super) rollup: Rollup,
    /// All slots of each archive at the time that was asked for.
    pub(super) archives: Vec<ImportedArchive>,
    /// The file as it was when it was read.
    pub(super) stamp: Stamp,
}

/// Reads files.
#[derive(Clone, Copy, Debug)]
pub(super) struct FileReader {
    pub(super) dialect: Dialect,
    /// The method that is taken of a file of mixed ones.
    pub(super) mix: Option<AggregationMethod>,
    /// The time that the slots are those of.
    pub(super) now: i64,
}

impl FileReader {
    /// Reads and takes apart one file; `buffer` is room that is used again.
    ///
    /// # Errors
    /// Why it cannot be read or imported, without its path.
    pub(super) fn read(&self, path: &Path, buffer: &mut Vec<u8>) -> Result<Contents, String> {
        let stamp = read_whole(path, buffer).map_err(|error| error.to_string())?;
        match buffer.starts_with(COMPRESSED_MAGIC) {
            true => self.compressed(buffer, stamp),
            false => self.plain(buffer, stamp),
        }
    }

    fn plain(&self, bytes: &[u8], stamp: Stamp) -> Result<Contents, String> {
        let header = Header::parse(bytes, self.dialect).map_err(|error| error.to_string())?;
        let specs: Vec<ArchiveSpec> = header.archives().iter().map(|a| a.spec()).collect();
        let method = method(header.method(), None)?;
        let mut archives = Vec::with_capacity(specs.len());
        for (number, spec) in specs.iter().enumerate() {
            let oldest = self.now - spec.retention_s() as i64;
            let read = header.fetch_archive(bytes, number, oldest, self.now);
            let read = read.map_err(|error| error.to_string())?;
            archives.push(ImportedArchive {
                start: read.start_s,
                values: read.values,
            });
        }
        Ok(Contents {
            retention: retention(&specs)?,
            rollup: Rollup {
                method,
                x_files_factor: header.x_files_factor(),
            },
            archives,
            stamp,
        })
    }

    fn compressed(&self, bytes: &[u8], stamp: Stamp) -> Result<Contents, String> {
        let file = Compressed::parse(bytes).map_err(|error| error.to_string())?;
        let (chosen, method) = self.choose(&file)?;
        let points = file.points(&chosen, self.now);
        let points = points.map_err(|error| error.to_string())?;
        let specs: Vec<ArchiveSpec> = chosen
            .iter()
            .map(|at| file.archives()[*at].spec())
            .collect();
        let archives = specs.iter().zip(points);
        let archives = archives.map(|(spec, points)| self.laid_out(*spec, &points));
        Ok(Contents {
            archives: archives.collect(),
            retention: retention(&specs)?,
            rollup: Rollup {
                method,
                x_files_factor: file.x_files_factor(),
            },
            stamp,
        })
    }

    /// Which archives are taken, and the method that they are of.
    fn choose(&self, file: &Compressed<'_>) -> Result<(Vec<usize>, AggregationMethod), String> {
        let all = 0..file.archives().len();
        if file.method() != Method::Mix {
            return Ok((all.collect(), method(file.method(), None)?));
        }
        let mut found = Vec::new();
        for mixed in file.archives().iter().filter_map(|archive| archive.mixed()) {
            let name = method(mixed.method, Some(mixed))?;
            if !found.contains(&name) {
                found.push(name);
            }
        }
        let Some(wanted) = self.mix else {
            return Err(format!("{MIX_REFUSAL} ({})", names(&found)));
        };
        if !found.contains(&wanted) {
            return Err(format!(
                "it has no archives of {wanted}, but of {}",
                names(&found)
            ));
        }
        let is_taken = |at: &usize| match file.archives()[*at].mixed() {
            None => true,
            Some(mixed) => method(mixed.method, Some(mixed)) == Ok(wanted),
        };
        Ok((all.filter(is_taken).collect(), wanted))
    }

    /// Points as slots.
    fn laid_out(&self, spec: ArchiveSpec, points: &[(i64, f64)]) -> ImportedArchive {
        let step = i64::from(spec.step_s);
        let newest = self.now - self.now.rem_euclid(step);
        let start = newest - (i64::from(spec.points) - 1) * step;
        let mut values = vec![f64::NAN; spec.points as usize];
        for (time, value) in points {
            let at = usize::try_from((time - start).div_euclid(step));
            if let Some(slot) = at.ok().and_then(|at| values.get_mut(at)) {
                *slot = *value;
            }
        }
        ImportedArchive { start, values }
    }
}

fn names(methods: &[AggregationMethod]) -> String {
    let names: Vec<String> = methods.iter().map(ToString::to_string).collect();
    names.join(", ")
}

fn retention(specs: &[ArchiveSpec]) -> Result<Retention, String> {
    let archives = specs.iter().map(|spec| Archive {
        step: spec.step_s,
        points: spec.points,
    });
    // Files of old versions of carbon may break the rules; --rules gives them others.
    Retention::new(archives.collect()).map_err(|error| error.to_string())
}

fn method(method: Method, mixed: Option<Mixed>) -> Result<AggregationMethod, String> {
    if let (Method::Percentile, Some(mixed)) = (method, mixed) {
        let tenths = (mixed.percentile * 10.0).round() as u16;
        return Ok(AggregationMethod::Percentile(tenths));
    }
    aggregation_of(method)
        .ok_or_else(|| format!("its method is {method}, by which nothing can be rolled up"))
}

/// Reads a whole file that may be written to meanwhile: under a shared lock, which carbon honours
/// where `WHISPER_LOCK_WRITES` or go-carbon's `flock` is on, and again when it has changed.
fn read_whole(path: &Path, buffer: &mut Vec<u8>) -> std::io::Result<Stamp> {
    let mut attempt = 1;
    loop {
        let mut file = File::open(path)?;
        // Some network file systems have no locks; the stamps below still tell.
        let _ = file.lock_shared();
        let before = Stamp::of(&file.metadata()?);
        buffer.clear();
        file.read_to_end(buffer)?;
        let after = Stamp::of(&file.metadata()?);
        // A file that never rests is taken as it is: each point is whole or missing.
        if before == after || attempt == ATTEMPTS {
            return Ok(before);
        }
        attempt += 1;
    }
}
