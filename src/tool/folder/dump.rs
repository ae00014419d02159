//! `dump` of a data folder: series by series, archive by archive, a piece of time at once.

use std::path::Path;

use serde::Serialize;

use super::{Folder, Named};
use crate::storage::strata::inspect::Held;
use crate::tool::dump::{Dump, DumpFormat};
use crate::tool::output::{Output, csv_field};
use crate::tool::times::Times;
use crate::tool::{Outcome, ToolError};

/// Prints all points.
///
/// # Errors
/// When the folder cannot be read.
pub(in crate::tool) fn run(flags: &Dump, path: &Path) -> Result<Outcome, ToolError> {
    let times = flags.window.times()?;
    let folder = Folder::open(path)?;
    let series = folder.select(&flags.patterns)?;
    let mut output = Output::stdout();
    if flags.format == DumpFormat::Csv {
        output.line("name,archive,timestamp,value")?;
    }
    for named in &series {
        let archives = named.retention.archives().len();
        if let Some(archive) = flags.archive
            && archive >= archives
        {
            let name = &named.name;
            let message = format!("{name}: there is no archive {archive}, it has {archives}");
            return Err(ToolError::BadInput(message));
        }
        dump_series(flags, &times, &folder, named, &mut output)?;
    }
    output.finish()?;
    Ok(Outcome::Done)
}

fn dump_series(
    flags: &Dump,
    times: &Times,
    folder: &Folder,
    named: &Named,
    output: &mut Output,
) -> Result<(), ToolError> {
    let is_plain = flags.format == DumpFormat::Plain;
    // In the plain format each time is told once: by the finest archive that has it.
    let mut finer_from = i64::MAX;
    for held in folder.store.held(named.id)? {
        if flags.archive.is_some_and(|archive| archive != held.archive) {
            continue;
        }
        let limits = Limits {
            after: times.from.unwrap_or(i64::MIN),
            until: times.until.unwrap_or(i64::MAX),
            before: if is_plain { finer_from } else { i64::MAX },
        };
        let archive = Archive {
            folder,
            named,
            held: limits.cut(held),
            limits,
        };
        match flags.format {
            DumpFormat::Text => archive.text(output)?,
            DumpFormat::Plain => archive.plain(output, &mut finer_from)?,
            DumpFormat::Csv => archive.csv(output)?,
            DumpFormat::Json => archive.json(output)?,
        }
    }
    Ok(())
}

/// Which times are wanted.
#[derive(Clone, Copy)]
struct Limits {
    after: i64,
    until: i64,
    before: i64,
}

impl Limits {
    /// True for a slot of `step` seconds that is wanted, and that no finer archive has a part of.
    fn has(&self, time: i64, step: u32) -> bool {
        let is_told = time.saturating_add(i64::from(step)) > self.before;
        time > self.after && time <= self.until && !is_told
    }

    /// What of an archive's slots may be wanted.
    fn cut(&self, held: Held) -> Held {
        let step = i64::from(held.step);
        let start = held.start.max(self.after.saturating_sub(step));
        let end = held.end.min(self.until.saturating_add(step));
        Held {
            start: start - start.rem_euclid(step),
            end: end - end.rem_euclid(step),
            ..held
        }
    }
}

struct Archive<'a> {
    folder: &'a Folder,
    named: &'a Named,
    held: Held,
    limits: Limits,
}

impl Archive<'_> {
    fn for_each(
        &self,
        mut take: impl FnMut(i64, f64) -> Result<(), ToolError>,
    ) -> Result<(), ToolError> {
        let store = &self.folder.store;
        store.for_each_point(self.named.id, self.held, |time, value| {
            match self.limits.has(time, self.held.step) {
                true => take(time, value),
                false => Ok(()),
            }
        })
    }

    fn text(&self, output: &mut Output) -> Result<(), ToolError> {
        let Named {
            name, retention, ..
        } = self.named;
        let (archive, step) = (self.held.archive, self.held.step);
        let points = retention.archives()[archive].points;
        output.line(format_args!(
            "# {name} archive {archive}: {step} s, {points} points"
        ))?;
        self.for_each(|time, value| output.line(format_args!("{time} {value:?}")))
    }

    fn plain(&self, output: &mut Output, finer_from: &mut i64) -> Result<(), ToolError> {
        let mut first = *finer_from;
        let name = &self.named.name;
        self.for_each(|time, value| {
            first = first.min(time);
            output.line(format_args!("{name} {value:?} {time}"))
        })?;
        *finer_from = first;
        Ok(())
    }

    fn csv(&self, output: &mut Output) -> Result<(), ToolError> {
        let (name, archive) = (csv_field(&self.named.name), self.held.archive);
        self.for_each(|time, value| output.line(format_args!("{name},{archive},{time},{value:?}")))
    }

    fn json(&self, output: &mut Output) -> Result<(), ToolError> {
        let mut points = Vec::new();
        self.for_each(|time, value| {
            points.push((time, value));
            Ok(())
        })?;
        output.json_line(&Report {
            name: &self.named.name,
            archive: self.held.archive,
            step: self.held.step,
            points,
        })
    }
}

#[derive(Serialize)]
struct Report<'a> {
    name: &'a str,
    archive: usize,
    step: u32,
    points: Vec<(i64, f64)>,
}
