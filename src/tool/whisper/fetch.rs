//! `fetch` from a Whisper file: whisper-fetch's output, but that each value keeps its own time where
//! others are dropped.

use std::path::Path;

use plumbago_storage_format::whisper::Fetched;
use serde::Serialize;

use crate::tool::fetch::Fetch;
use crate::tool::output::Output;
use crate::tool::whisper_file::WhisperFile;
use crate::tool::{Outcome, ToolError};

/// What is read without `--from`.
const DAY_S: i64 = 86_400;

/// The answer as JSON: the keys of whisper-fetch.py, and times where values were left out.
#[derive(Serialize)]
struct Answer {
    start: i64,
    end: i64,
    step: u32,
    values: Vec<Option<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamps: Option<Vec<i64>>,
}

/// Prints the values.
///
/// # Errors
/// When the file cannot be read, or the range lies wholly outside its retention.
pub(in crate::tool) fn run(flags: &Fetch, path: &Path) -> Result<Outcome, ToolError> {
    let refusal = |reason: String| ToolError::BadInput(format!("{}: {reason}", path.display()));
    if !flags.patterns.is_empty() {
        let reason = "a Whisper file has one series without a name: no PATTERN";
        return Err(refusal(reason.to_owned()));
    }
    let times = flags.window.times()?;
    let until = times.until.unwrap_or(times.now);
    let from = times.from.unwrap_or((times.now - DAY_S).min(until));
    let file = WhisperFile::read(path, flags.dialect.get())?;
    let count = file.header.archives().len();
    let fetched = match flags.archive {
        Some(archive) if archive >= count => {
            return Err(refusal(format!(
                "there is no archive {archive}, it has {count}"
            )));
        }
        Some(archive) => {
            let fetched = file.header.fetch_archive(&file.bytes, archive, from, until);
            fetched.map(Some)
        }
        None => file.header.fetch(&file.bytes, from, until, times.now),
    };
    let fetched = fetched.map_err(ToolError::damaged(path))?;
    let outside = || refusal(format!("{from} to {until} is outside of its retention"));
    print(flags, &fetched.ok_or_else(outside)?)?;
    Ok(Outcome::Done)
}

fn print(flags: &Fetch, fetched: &Fetched) -> Result<(), ToolError> {
    let mut output = Output::stdout();
    let times = (fetched.start_s..).step_by(fetched.step_s as usize);
    let slots = times.zip(fetched.values.iter().copied());
    let kept = slots.filter(|slot| !flags.drop.is_some_and(|drop| drop.drops(slot.1)));
    if flags.form.json {
        let (times, values): (Vec<i64>, Vec<f64>) = kept.unzip();
        let known = |value: f64| (!value.is_nan()).then_some(value);
        output.json(&Answer {
            start: fetched.start_s,
            end: fetched.end_s,
            step: fetched.step_s,
            values: values.into_iter().map(known).collect(),
            timestamps: flags.drop.map(|_| times),
        })?;
        return output.finish();
    }
    let zone = flags.window.zone()?;
    for (time, value) in kept {
        let time = flags.shown.show(time, &zone);
        match value.is_nan() {
            true => output.line(format_args!("{time}\tNone"))?,
            false => output.line(format_args!("{time}\t{value:.6}"))?,
        }
    }
    output.finish()
}
