//! `delete`: series by name, with all their points.

use clap::Args;
use serde_json::Value;

use super::operate::{Asked, DryRun, refuse_if_stopped};
use super::output::{Output, bytes};
use super::{Outcome, ToolError};
use crate::lifecycle::{Kind, NAMES_SHOWN};

/// The flags of `delete`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    plumbago delete --data /var/lib/plumbago --dry-run 'servers.web01.**'\n  \
    plumbago delete --data /var/lib/plumbago 'servers.web01.**' 'old.*.count'\n  \
    plumbago delete --config plumbago.toml --regex '^tmp\\.[0-9]+\\.'\n  \
    plumbago delete --data /var/lib/plumbago \"seriesByTag('name=cpu','host=~web0.*')\"\n\n\
    Patterns are those of a find: * stays within a node, ** does not. The daemon may run or not. A \
    point that comes for a deleted name makes it anew, without a past. Exit code 1 says that \
    nothing matched.")]
pub struct Delete {
    /// Globs, whole names, or seriesByTag('tag=value', …).
    #[arg(value_name = "PATTERN", required_unless_present = "regex")]
    pattern: Vec<String>,
    #[command(flatten)]
    dry_run: DryRun,
    /// Names that a dry run lists at most.
    #[arg(long, value_name = "NAMES", default_value_t = NAMES_SHOWN)]
    limit: usize,
    #[command(flatten)]
    asked: Asked,
}

impl Delete {
    /// Deletes, or says what would go.
    ///
    /// # Errors
    /// A bad pattern, a folder that cannot be used, a daemon that refuses.
    pub(super) fn run(&self) -> Result<Outcome, ToolError> {
        let mut operation = self.asked.operation(Kind::Delete, &self.pattern);
        operation.dry_run = self.dry_run.dry_run;
        operation.limit = self.limit;
        let answer = self.asked.answer(&operation, tell)?;
        refuse_if_stopped(
            &answer,
            &format!("{} series were deleted", answer["deleted"]),
        )?;
        Ok(match answer["matched"].as_u64() {
            Some(0) => Outcome::Amiss,
            _ => Outcome::Done,
        })
    }
}

fn tell(answer: &Value, output: &mut Output) -> Result<(), ToolError> {
    let matched = answer["matched"].as_u64().unwrap_or(0);
    let size = bytes(answer["bytes"].as_u64().unwrap_or(0));
    if matched == 0 {
        return output.line("no series matches");
    }
    if answer["dry_run"] != true {
        let deleted = &answer["deleted"];
        return output.line(format!(
            "{deleted} series deleted, {size} of blocks to be reclaimed"
        ));
    }
    let names = answer["names"].as_array().map_or(&[][..], Vec::as_slice);
    for name in names.iter().filter_map(Value::as_str) {
        output.line(name)?;
    }
    let more = matched - names.len() as u64;
    if more > 0 {
        output.line(format!("and {more} more"))?;
    }
    output.line(format!("{matched} series would go, {size} of blocks"))
}
