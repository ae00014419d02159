//! `fetch` from a data folder.

use std::path::Path;

use serde::Serialize;

use super::{Folder, Named};
use crate::storage::{Fetched, Selection, TimeRange};
use crate::tool::fetch::Fetch;
use crate::tool::output::Output;
use crate::tool::{Outcome, ToolError};

/// What is read without `--from`, as by whisper-fetch.py.
const DAY_S: i64 = 86_400;

/// Prints the values.
///
/// # Errors
/// When the folder cannot be read, or the range lies outside of what a series keeps.
pub(in crate::tool) fn run(flags: &Fetch, path: &Path) -> Result<Outcome, ToolError> {
    let times = flags.window.times()?;
    let range = TimeRange {
        from: times.from.unwrap_or(times.now - DAY_S),
        until: times.until.unwrap_or(times.now),
        now: times.now,
    };
    if range.from > range.until {
        let message = format!(
            "--from {} is later than --until {}",
            range.from, range.until
        );
        return Err(ToolError::BadInput(message));
    }
    if flags.patterns.is_empty() {
        let message = "name the series to fetch, as in: plumbago fetch FOLDER servers.web1.load";
        return Err(ToolError::BadInput(message.to_owned()));
    }
    let folder = Folder::open(path)?;
    let series = folder.select(&flags.patterns)?;
    let zone = flags.window.zone()?;
    let mut output = Output::stdout();
    for named in &series {
        let fetched = fetch(&folder, named, flags.archive, range)?;
        let answer = Answer {
            flags,
            name: &named.name,
            fetched,
            zone: &zone,
            has_head: series.len() > 1,
        };
        match flags.form.json {
            true => answer.json(&mut output)?,
            false => answer.lines(&mut output)?,
        }
    }
    output.finish()?;
    Ok(Outcome::Done)
}

fn fetch(
    folder: &Folder,
    named: &Named,
    archive: Option<usize>,
    range: TimeRange,
) -> Result<Fetched, ToolError> {
    let Some(archive) = archive else {
        let fetched = folder.store.fetch(named.id, range)?;
        return fetched.ok_or_else(|| {
            let TimeRange { from, until, now } = range;
            let (name, retention) = (&named.name, &named.retention);
            ToolError::BadInput(format!(
                "{name}: {from} to {until} is outside of {retention} before {now}"
            ))
        });
    };
    let archives = named.retention.archives();
    let Some(kept) = archives.get(archive) else {
        let (name, count) = (&named.name, archives.len());
        let message = format!("{name}: there is no archive {archive}, it has {count}");
        return Err(ToolError::BadInput(message));
    };
    let step = i64::from(kept.step);
    let oldest = range.now - kept.retention();
    let slot_after = |time: i64| time - time.rem_euclid(step) + step;
    let start = slot_after(range.from.max(oldest));
    let selection = Selection {
        archive,
        start,
        end: slot_after(range.until.max(oldest)).max(start + step),
        step: kept.step,
    };
    Ok(folder.store.fetch_slots(named.id, &selection)?)
}

struct Answer<'a> {
    flags: &'a Fetch,
    name: &'a str,
    fetched: Fetched,
    zone: &'a jiff::tz::TimeZone,
    has_head: bool,
}

/// As whisper-fetch.py has it, with the name.
#[derive(Serialize)]
struct Report<'a> {
    name: &'a str,
    archive: usize,
    start: i64,
    end: i64,
    step: u32,
    values: Vec<Option<f64>>,
}

impl Answer<'_> {
    fn end(&self) -> i64 {
        self.fetched.start + self.fetched.values.len() as i64 * i64::from(self.fetched.step)
    }

    fn is_dropped(&self, value: f64) -> bool {
        self.flags.drop.is_some_and(|drop| drop.drops(value))
    }

    fn json(&self, output: &mut Output) -> Result<(), ToolError> {
        let values = self.fetched.values.iter();
        let values = values.filter(|value| !self.is_dropped(**value));
        output.json_line(&Report {
            name: self.name,
            archive: self.fetched.archive,
            start: self.fetched.start,
            end: self.end(),
            step: self.fetched.step,
            values: values
                .map(|value| value.is_finite().then_some(*value))
                .collect(),
        })
    }

    fn lines(&self, output: &mut Output) -> Result<(), ToolError> {
        if self.has_head {
            output.line(format_args!("# {}", self.name))?;
        }
        let mut time = self.fetched.start;
        for value in &self.fetched.values {
            if !self.is_dropped(*value) {
                let time = self.time(time);
                match value.is_nan() {
                    true => output.line(format_args!("{time}\tNone"))?,
                    false => output.line(format_args!("{time}\t{value:?}"))?,
                }
            }
            time += i64::from(self.fetched.step);
        }
        Ok(())
    }

    fn time(&self, time: i64) -> String {
        self.flags.shown.show(time, self.zone)
    }
}
