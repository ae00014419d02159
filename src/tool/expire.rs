//! `expire`: series that get no points any more.

use clap::Args;
use serde_json::Value;

use super::operate::{Asked, DryRun, refuse_if_stopped};
use super::output::{Output, Table, bytes};
use super::{Outcome, ToolError};
use crate::lifecycle::{Kind, NAMES_SHOWN, parse_age};

/// The flags of `expire`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    plumbago expire --data /var/lib/plumbago --dry-run\n  \
    plumbago expire --data /var/lib/plumbago --older-than 30d\n  \
    plumbago expire --config plumbago.toml --older-than 1d 'ci.builds.**'\n\n\
    Without --older-than only series go of which no point can be read any more. The daemon may run \
    or not; storage.expire_after does the same by itself.")]
pub struct Expire {
    /// Globs or seriesByTag('tag=value', …): only among these. All without one.
    #[arg(value_name = "PATTERN")]
    pattern: Vec<String>,
    /// Series whose newest point is older than this, as in 30d or 12h.
    #[arg(long, value_name = "AGE", value_parser = age)]
    older_than: Option<i64>,
    #[command(flatten)]
    dry_run: DryRun,
    /// Series that a dry run lists at most.
    #[arg(long, value_name = "NAMES", default_value_t = NAMES_SHOWN)]
    limit: usize,
    #[command(flatten)]
    asked: Asked,
}

fn age(text: &str) -> Result<i64, String> {
    parse_age(text).ok_or_else(|| "is not an age with its unit, as in 30d or 12h".to_owned())
}

impl Expire {
    /// Removes dead series, or says which would go.
    ///
    /// # Errors
    /// A bad pattern, a folder that cannot be used, a daemon that refuses.
    pub(super) fn run(&self) -> Result<Outcome, ToolError> {
        let mut operation = self.asked.operation(Kind::Expire, &self.pattern);
        operation.older_than = self.older_than;
        operation.dry_run = self.dry_run.dry_run;
        operation.limit = self.limit;
        let answer = self.asked.answer(&operation, tell)?;
        refuse_if_stopped(&answer, &format!("{} series expired", answer["expired"]))?;
        Ok(Outcome::Done)
    }
}

fn tell(answer: &Value, output: &mut Output) -> Result<(), ToolError> {
    let (examined, matched) = (&answer["examined"], answer["matched"].as_u64().unwrap_or(0));
    let size = bytes(answer["bytes"].as_u64().unwrap_or(0));
    if answer["dry_run"] != true {
        let expired = &answer["expired"];
        let line =
            format!("{expired} of {examined} series expired, {size} of blocks to be reclaimed");
        return output.line(line);
    }
    let series = answer["series"].as_array().map_or(&[][..], Vec::as_slice);
    if !series.is_empty() {
        let mut table = Table::new(&["newest", "series"]);
        for dead in series {
            let newest = dead["newest"]
                .as_i64()
                .map_or("-".to_owned(), |time| time.to_string());
            table.row(vec![
                newest,
                dead["name"].as_str().unwrap_or_default().to_owned(),
            ]);
        }
        output.table(&table)?;
    }
    let more = matched - series.len() as u64;
    if more > 0 {
        output.line(format!("and {more} more"))?;
    }
    output.line(format!(
        "{matched} of {examined} series would go, {size} of blocks"
    ))
}
