//! `retention`: which series no longer match their rules, and moving them.

use clap::{Args, Subcommand};
use serde_json::Value;

use super::operate::{Asked, DryRun, refuse_if_stopped};
use super::output::{Output, Table, bytes};
use super::{Outcome, ToolError};
use crate::lifecycle::Kind;

/// `retention plan` and `retention apply`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    plumbago retention plan --config /etc/plumbago.toml\n  \
    plumbago retention apply --config /etc/plumbago.toml")]
pub struct Retention {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say which series do not match the rules that hold now, and what moving them would take.
    ///
    /// Exit code 1 says that there are some.
    Plan(Plan),
    /// Give series what the rules say, with their history.
    ///
    /// The daemon may run or not; points that come meanwhile wait and are stored. Values of an archive
    /// whose step stays are copied as they are; a coarser archive is aggregated with the series'
    /// method and xFilesFactor; in a finer one the values keep their own times, as with
    /// whisper-resize, and nothing is invented between them.
    Apply(Apply),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    plumbago retention plan --data /var/lib/plumbago\n  \
    plumbago retention plan --config plumbago.toml --pattern 'servers.**' --json")]
struct Plan {
    #[command(flatten)]
    among: Among,
    #[command(flatten)]
    asked: Asked,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    plumbago retention apply --data /var/lib/plumbago --dry-run\n  \
    plumbago retention apply --data /var/lib/plumbago --pattern 'servers.*.cpu.**'")]
struct Apply {
    #[command(flatten)]
    among: Among,
    #[command(flatten)]
    asked: Asked,
    #[command(flatten)]
    dry_run: DryRun,
}

#[derive(Debug, Args)]
struct Among {
    /// Only series that this glob matches, or seriesByTag('tag=value', …). May be repeated.
    #[arg(long, value_name = "PATTERN")]
    pattern: Vec<String>,
}

impl Retention {
    /// Plans or applies.
    ///
    /// # Errors
    /// A bad pattern, a folder that cannot be used, a daemon that refuses, rules that are missing.
    pub(super) fn run(&self) -> Result<Outcome, ToolError> {
        match &self.action {
            Action::Plan(plan) => {
                let operation = plan
                    .asked
                    .operation(Kind::RetentionPlan, &plan.among.pattern);
                let answer = plan.asked.answer(&operation, tell_plan)?;
                Ok(match answer["matched"].as_u64() {
                    Some(0) => Outcome::Done,
                    _ => Outcome::Amiss,
                })
            }
            Action::Apply(apply) => {
                let mut operation = apply
                    .asked
                    .operation(Kind::RetentionApply, &apply.among.pattern);
                operation.dry_run = apply.dry_run.dry_run;
                let answer = apply.asked.answer(&operation, tell_applied)?;
                let done = format!(
                    "{} series were moved, {} redefined",
                    answer["moved"], answer["redefined"]
                );
                refuse_if_stopped(&answer, &done)?;
                Ok(Outcome::Done)
            }
        }
    }
}

fn tell_plan(plan: &Value, output: &mut Output) -> Result<(), ToolError> {
    let moves = plan["moves"].as_array().map_or(&[][..], Vec::as_slice);
    if !moves.is_empty() {
        let mut table = Table::new(&["series", "from", "to", "bytes", "after", "as in"]);
        for change in moves {
            table.row(row(change));
        }
        output.table(&table)?;
    }
    let (matched, examined) = (&plan["matched"], &plan["examined"]);
    output.line(format!(
        "{matched} of {examined} series do not match their rules"
    ))
}

fn row(change: &Value) -> Vec<String> {
    let terms = |side: &str| {
        let terms = &change[side];
        let text = |key: &str| terms[key].as_str().unwrap_or_default().to_owned();
        format!(
            "{} {} {}",
            text("retention"),
            text("method"),
            factor(&terms["x_files_factor"])
        )
    };
    let size = |key: &str| bytes(change[key].as_u64().unwrap_or(0));
    vec![
        change["series"].to_string(),
        terms("from"),
        terms("to"),
        size("bytes_before"),
        size("bytes_after"),
        change["examples"][0]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
    ]
}

/// A factor as it was written: it is a 32-bit float.
fn factor(value: &Value) -> String {
    let number = value.as_f64().unwrap_or_default() as f32;
    number.to_string()
}

fn tell_applied(answer: &Value, output: &mut Output) -> Result<(), ToolError> {
    tell_plan(&answer["plan"], output)?;
    if answer["dry_run"] == true {
        return output.line("nothing was changed");
    }
    output.line(format!(
        "{} series moved with {} points, {} redefined, {} skipped",
        answer["moved"], answer["points"], answer["redefined"], answer["skipped"]
    ))
}
