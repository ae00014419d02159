//! `verify` of a data folder: store, catalog and events.

use std::path::Path;

use serde::Serialize;

use super::files;
use crate::catalog::{self, Catalog};
use crate::events::EventLog;
use crate::metric::name;
use crate::storage::damage::{Damage, Findings, Remark};
use crate::storage::strata::inspect::{self, Watch};
use crate::tool::interrupt::Interrupt;
use crate::tool::output::{Output, bytes};
use crate::tool::progress::Progress;
use crate::tool::times::utc;
use crate::tool::verify::Verify;
use crate::tool::{Outcome, ToolError};

/// Names that a line tells of the series that a damage costs.
const NAMES_MAX: usize = 3;

/// Prints what is damaged.
///
/// # Errors
/// When a file cannot be read.
pub(in crate::tool) fn run(flags: &Verify, path: &Path) -> Result<Outcome, ToolError> {
    let kinds = files::count(path)?;
    let length = kinds.iter().map(|kind| kind.bytes).sum();
    let progress = Progress::bar(length, "bytes", flags.quiet);
    let names = catalog::verify(path)?;
    progress.advance(names.bytes);
    // When the catalog cannot be opened at all, its own check has said why.
    let catalog = Catalog::open_read_only(path)
        .ok()
        .map(|(catalog, _)| catalog);
    let check = Check {
        shards: catalog
            .as_ref()
            .map(|catalog| shards_of(catalog, path))
            .unwrap_or_default(),
        progress: &progress,
        interrupt: Interrupt::listen(),
    };
    let store = inspect::verify(path, &check)?;
    let found = names.with(store).with(events(path)?);
    progress.finish();
    check
        .interrupt
        .check(|| format!("{} files were checked", found.files))?;
    let report = Report {
        found,
        catalog: catalog.as_ref(),
    };
    let mut output = Output::stdout();
    match flags.form.json {
        true => output.json(&report.document())?,
        false => report.print(&mut output)?,
    }
    output.finish()?;
    Ok(match report.found.damage.is_empty() {
        true => Outcome::Done,
        false => Outcome::Amiss,
    })
}

/// The shard of each series, by id.
fn shards_of(catalog: &Catalog, path: &Path) -> Vec<Option<u16>> {
    let Ok(store) = inspect::shards(path) else {
        return Vec::new();
    };
    let mut shards = vec![None; catalog.next_id().index()];
    for series in catalog.definitions() {
        let shard = name::shard_of(name::hash(series.name.as_bytes()), store);
        if let Some(place) = shards.get_mut(series.id.index()) {
            *place = u16::try_from(shard).ok();
        }
    }
    shards
}

struct Check<'p> {
    shards: Vec<Option<u16>>,
    progress: &'p Progress,
    interrupt: Interrupt,
}

impl Watch for Check<'_> {
    fn shard(&self, series: u32) -> Option<usize> {
        let shard = self.shards.get(series as usize).copied().flatten();
        shard.map(usize::from)
    }

    fn advance(&self, bytes: u64) {
        self.progress.advance(bytes);
    }

    fn is_cancelled(&self) -> bool {
        self.interrupt.is_requested()
    }
}

fn events(path: &Path) -> Result<Findings, ToolError> {
    let mut findings = Findings::default();
    let check = EventLog::check(path).map_err(|error| ToolError::BadInput(error.to_string()))?;
    let Some(check) = check else {
        return Ok(findings);
    };
    let file = path.join(crate::events::EVENTS_FILE);
    findings.read(check.bytes);
    for offset in check.damaged {
        let problem = "a line fails its checksum";
        let damage = Damage::new(&file, problem, "an event is not shown").at(offset);
        findings.damage.push(damage);
    }
    if check.torn.is_some() {
        findings.remark(&file, "its last line is cut off: the next start removes it");
    }
    Ok(findings)
}

struct Report<'c> {
    found: Findings,
    catalog: Option<&'c Catalog>,
}

#[derive(Serialize)]
struct Document {
    files: u64,
    bytes: u64,
    damage: Vec<DamageReport>,
    remarks: Vec<RemarkReport>,
}

#[derive(Serialize)]
struct DamageReport {
    path: String,
    offset: Option<u64>,
    problem: String,
    consequence: String,
    from: Option<i64>,
    until: Option<i64>,
    series: Vec<String>,
}

#[derive(Serialize)]
struct RemarkReport {
    path: String,
    text: String,
}

impl Report<'_> {
    fn document(&self) -> Document {
        let damage = self.found.damage.iter();
        let remarks = self.found.remarks.iter();
        Document {
            files: self.found.files,
            bytes: self.found.bytes,
            damage: damage
                .map(|damage| DamageReport {
                    path: damage.path.display().to_string(),
                    offset: damage.offset,
                    problem: damage.problem.clone(),
                    consequence: damage.consequence.clone(),
                    from: damage.span.as_ref().map(|span| span.start),
                    until: damage.span.as_ref().map(|span| span.end),
                    series: damage.series.iter().map(|id| self.name(*id)).collect(),
                })
                .collect(),
            remarks: remarks
                .map(|Remark { path, text }| RemarkReport {
                    path: path.display().to_string(),
                    text: text.clone(),
                })
                .collect(),
        }
    }

    fn print(&self, output: &mut Output) -> Result<(), ToolError> {
        for damage in &self.found.damage {
            let offset = damage
                .offset
                .map_or_else(String::new, |at| format!(" at byte {at}"));
            let path = damage.path.display();
            output.line(format_args!("damaged: {path}{offset}: {}", damage.problem))?;
            output.line(format_args!(
                "  cost: {}{}",
                damage.consequence,
                self.extent(damage)
            ))?;
        }
        for remark in &self.found.remarks {
            output.line(format_args!(
                "note: {}: {}",
                remark.path.display(),
                remark.text
            ))?;
        }
        let (files, size) = (self.found.files, bytes(self.found.bytes));
        match self.found.damage.len() {
            0 => output.line(format_args!("{files} files, {size}: no damage")),
            1 => output.line(format_args!("{files} files, {size}: 1 damage")),
            many => output.line(format_args!("{files} files, {size}: {many} damages")),
        }
    }

    /// Which times and series a damage costs.
    fn extent(&self, damage: &Damage) -> String {
        let mut text = String::new();
        if let Some(span) = &damage.span {
            text.push_str(&format!(", from {} to {}", utc(span.start), utc(span.end)));
        }
        if !damage.series.is_empty() {
            let names = damage.series.iter().take(NAMES_MAX);
            let names: Vec<String> = names.map(|id| self.name(*id)).collect();
            text.push_str(&format!(": {}", names.join(", ")));
            if damage.series.len() > NAMES_MAX {
                text.push_str(&format!(" and {} more", damage.series.len() - NAMES_MAX));
            }
        }
        text
    }

    fn name(&self, id: u32) -> String {
        super::name_in(self.catalog, id)
    }
}
