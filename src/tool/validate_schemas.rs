//! `validate-schemas`: rule files held against themselves, and against a tree.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use plumbago_storage_format::whisper::Header;
use serde::Serialize;

use super::archives;
use super::auto_resize::specs;
use super::create::show_bytes;
use super::dialect::DialectFlag;
use super::output::{Form, Output, Table};
use super::rules::{RulesFlags, header_for, specs_of};
use super::tree::{SweepFlags, Tree};
use super::whisper_file::Beginning;
use super::{Outcome, ToolError};
use crate::metric::{Rollup, Schemas};

/// What a rule's line is called where no schema matches.
const DEFAULT: &str = "(default)";

/// The flags of `validate-schemas`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit code 1 tells that files of the tree differ from their rules.\n\nExamples:\n  \
    plumbago validate-schemas --schemas /etc/carbon/storage-schemas.conf\n  \
    plumbago validate-schemas /etc/carbon --tree /var/lib/graphite/whisper\n  \
    plumbago validate-schemas --config /etc/plumbago.toml --json"
)]
pub struct ValidateSchemas {
    /// Carbon's configuration folder, with storage-schemas.conf and storage-aggregation.conf.
    #[arg(value_name = "CONFDIR")]
    rules_folder: Option<PathBuf>,
    #[command(flatten)]
    rules: RulesFlags,
    /// Count the metrics of this tree by rule, with the disk they will take, and list the files that
    /// are not as their rules want them.
    #[arg(long, value_name = "PATH")]
    tree: Option<PathBuf>,
    #[command(flatten)]
    form: Form,
    #[command(flatten)]
    dialect: DialectFlag,
    #[command(flatten)]
    sweep: SweepFlags,
}

/// The answer.
#[derive(Serialize)]
struct Report {
    schemas: Vec<SchemaReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tree: Option<TreeReport>,
}

#[derive(Serialize)]
struct SchemaReport {
    name: String,
    pattern: String,
    retentions: String,
    /// What one Whisper file of it takes.
    file_bytes: u64,
    /// How many metrics of the tree have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<u64>,
}

#[derive(Default, Serialize)]
struct TreeReport {
    files: u64,
    /// Files without a metric's name, which no rule matches.
    nameless: u64,
    /// What all files take by the rules.
    wanted_bytes: u64,
    /// What they take now.
    present_bytes: u64,
    /// The files that differ, and how.
    differing: BTreeMap<String, String>,
}

/// What a file of the tree is: its schema, its bytes by the rule and now, how it differs.
struct Verdict {
    schema: String,
    wanted_bytes: u64,
    present_bytes: u64,
    difference: Option<String>,
}

impl ValidateSchemas {
    /// Prints the report.
    ///
    /// # Errors
    /// Rules that `serve` would refuse, and a tree that cannot be read.
    pub(super) fn run(&self) -> Result<Outcome, ToolError> {
        let rules = self.rules.clone().in_folder(self.rules_folder.as_ref());
        let (schemas, warnings) = rules.read()?;
        for warning in warnings {
            eprintln!("plumbago: warning: {warning}");
        }
        let mut report = Report {
            schemas: reports(&schemas)?,
            tree: None,
        };
        let Some(path) = &self.tree else {
            self.print(&report)?;
            return Ok(Outcome::Done);
        };
        let tree = Tree::read(path, self.sweep.quiet)?;
        let swept = tree.sweep(self.sweep, |file| self.judge(&tree, file, &schemas))?;
        let mut sums = TreeReport::default();
        for (file, verdict) in &swept.done {
            sums.files += 1;
            let Some(verdict) = verdict else {
                sums.nameless += 1;
                continue;
            };
            sums.wanted_bytes += verdict.wanted_bytes;
            sums.present_bytes += verdict.present_bytes;
            if let Some(difference) = &verdict.difference {
                sums.differing.insert(tree.label(file), difference.clone());
            }
            let known = report.schemas.iter_mut();
            let mut known = known.filter(|schema| schema.name == verdict.schema);
            if let Some(schema) = known.next() {
                schema.metrics = Some(schema.metrics.unwrap_or_default() + 1);
            }
        }
        let differs = !sums.differing.is_empty();
        report.tree = Some(sums);
        self.print(&report)?;
        swept.finish()?;
        Ok(if differs {
            Outcome::Amiss
        } else {
            Outcome::Done
        })
    }

    fn judge(
        &self,
        tree: &Tree,
        file: &Path,
        schemas: &Schemas,
    ) -> Result<Option<Verdict>, ToolError> {
        let found = Beginning::read(file, self.dialect.get())?.header;
        let Some(metric) = tree.metric(file) else {
            return Ok(None);
        };
        let schema = schemas.schema_for(&metric);
        let (retention, rollup) = schemas.definition_for(&metric);
        let wanted = header_for(&retention, rollup).map_err(ToolError::damaged(file))?;
        Ok(Some(Verdict {
            schema: schema.map_or(DEFAULT, |schema| &schema.name).to_owned(),
            wanted_bytes: wanted.file_bytes(),
            present_bytes: found.file_bytes(),
            difference: difference(&found, &wanted),
        }))
    }

    fn print(&self, report: &Report) -> Result<(), ToolError> {
        let mut output = Output::stdout();
        if self.form.json {
            output.json(report)?;
            return output.finish();
        }
        let mut table = Table::new(&["schema", "file bytes", "metrics", "retentions", "pattern"]);
        for schema in &report.schemas {
            let metrics = schema.metrics.map(|metrics| metrics.to_string());
            table.row(vec![
                schema.name.clone(),
                schema.file_bytes.to_string(),
                metrics.unwrap_or_else(|| "-".to_owned()),
                schema.retentions.clone(),
                schema.pattern.clone(),
            ]);
        }
        output.table(&table)?;
        if let Some(tree) = &report.tree {
            output.line(format_args!(
                "\n{} files, {} now, {} by the rules; {} without a name for the rules; {} differ",
                tree.files,
                show_bytes(tree.present_bytes),
                show_bytes(tree.wanted_bytes),
                tree.nameless,
                tree.differing.len()
            ))?;
            for (metric, difference) in &tree.differing {
                output.line(format_args!("{metric}: {difference}"))?;
            }
        }
        output.finish()
    }
}

/// The schemas in their order, and the default that is behind them.
fn reports(schemas: &Schemas) -> Result<Vec<SchemaReport>, ToolError> {
    let mut reports = Vec::new();
    let default = Schemas::new(Vec::new(), Vec::new());
    let (fallback, _) = default.definition_for("");
    let rules = schemas.schemas().iter();
    let rules = rules.map(|rule| (rule.name.as_str(), rule.pattern.as_str(), &rule.retention));
    for (name, pattern, retention) in rules.chain([(DEFAULT, "", &fallback)]) {
        let header = header_for(retention, Rollup::default());
        let wrong = |reason| ToolError::BadInput(format!("schema {name}: {reason}"));
        reports.push(SchemaReport {
            name: name.to_owned(),
            pattern: pattern.to_owned(),
            retentions: archives::show(&specs_of(retention)),
            file_bytes: header.map_err(wrong)?.file_bytes(),
            metrics: None,
        });
    }
    Ok(reports)
}

/// How a file differs from what its rules want, in words; `None` for a file as it should be.
pub(super) fn difference(found: &Header, wanted: &Header) -> Option<String> {
    let mut words = Vec::new();
    let (old, new) = (specs(found), specs(wanted));
    if old != new {
        let [old, new] = [old, new].map(|archives| archives::show(&archives));
        words.push(format!("{old} -> {new}"));
    }
    if found.method() != wanted.method() {
        words.push(format!("{} -> {}", found.method(), wanted.method()));
    }
    let factors = (found.x_files_factor(), wanted.x_files_factor());
    if factors.0 != factors.1 {
        words.push(format!("xFilesFactor {} -> {}", factors.0, factors.1));
    }
    (!words.is_empty()).then(|| words.join(", "))
}
