//! `update`: points into one file, rolled up.

use std::io::{BufRead, stdin};
use std::path::PathBuf;

use clap::Args;

use super::dialect::DialectFlag;
use super::times;
use super::whisper_file::{Edit, LockFlag};
use super::{Outcome, ToolError};

/// The flags of `update`.
#[derive(Debug, Args)]
#[command(
    after_help = "Without points they are read from standard input, one a line. N stands for the \
    present. Exit code 1 tells that some points had no place.\n\nExamples:\n  \
    plumbago update load.wsp N:0.75 1700000000:0.5\n  \
    plumbago dump --raw old.wsp | plumbago update --lock load.wsp"
)]
pub struct Update {
    /// A Whisper file.
    path: PathBuf,
    /// Points to store.
    #[arg(value_name = "TIMESTAMP:VALUE")]
    points: Vec<String>,
    #[command(flatten)]
    lock: LockFlag,
    #[command(flatten)]
    dialect: DialectFlag,
}

impl Update {
    /// Stores the points in one pass.
    ///
    /// # Errors
    /// A point that cannot be read (nothing is stored then), and what the system refuses.
    pub(super) fn run(&self) -> Result<Outcome, ToolError> {
        let now = times::now();
        let points = match self.points.is_empty() {
            true => read_points(now)?,
            false => {
                let points = self.points.iter().map(|point| parse(point, now));
                points.collect::<Result<_, _>>()?
            }
        };
        let mut edit = Edit::open(&self.path, self.dialect.get(), self.lock)?;
        let file = &mut edit.after;
        let written = file.header.update_many(&mut file.bytes, &points, now);
        let written = written.map_err(ToolError::damaged(&self.path))?;
        edit.commit()?;
        if written.too_old + written.future == 0 {
            return Ok(Outcome::Done);
        }
        eprintln!(
            "plumbago: {}: {} points stored, {} too old for its archives, {} in the future",
            self.path.display(),
            written.stored,
            written.too_old,
            written.future
        );
        Ok(Outcome::Amiss)
    }
}

/// The points of standard input; the empty slots of a raw dump are none.
fn read_points(now: i64) -> Result<Vec<(i64, f64)>, ToolError> {
    let mut points = Vec::new();
    for line in stdin().lock().lines() {
        let line = line.map_err(|error| ToolError::BadInput(format!("standard input: {error}")))?;
        let line = line.trim();
        if !line.is_empty() && !line.starts_with("0:") {
            points.push(parse(line, now)?);
        }
    }
    Ok(points)
}

fn parse(text: &str, now: i64) -> Result<(i64, f64), ToolError> {
    let parsed = text.split_once(':').and_then(|(time, value)| {
        let time = match time.trim() {
            "N" => now,
            time => time.parse().ok()?,
        };
        let value: f64 = value.trim().parse().ok()?;
        (!value.is_nan()).then_some((time, value))
    });
    let wrong = || {
        let reason = "is not TIMESTAMP:VALUE, as in 1700000000:0.5 or N:0.5";
        ToolError::BadInput(format!("{text:?} {reason}"))
    };
    parsed.ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_read_and_what_is_none_is_named() {
        assert_eq!(parse("N:1.5", 7).unwrap(), (7, 1.5));
        assert_eq!(parse(" 12: -3e2", 7).unwrap(), (12, -300.0));
        for text in ["12", "12:", ":1", "x:1", "1.5:1", "1:nan", "1:x"] {
            let refusal = parse(text, 7).unwrap_err().to_string();
            assert!(refusal.contains(text), "{refusal}");
        }
    }
}
