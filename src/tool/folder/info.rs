//! `info` on a data folder: the whole, or some series of it.

use std::path::Path;

use plumbago_storage_format::version;
use serde::Serialize;

use super::files::{self, FileKind};
use super::{Folder, Named};
use crate::storage::folder::holder_of;
use crate::storage::strata::inspect::{GroupSummary, SeriesArchive};
use crate::tool::output::{Output, Table, bytes};
use crate::tool::times::utc;
use crate::tool::{Outcome, ToolError};

/// Tells of the folder, or of the series that `patterns` match.
///
/// # Errors
/// When the folder cannot be read, or a pattern matches nothing.
pub(in crate::tool) fn run(
    path: &Path,
    patterns: &[String],
    is_json: bool,
) -> Result<Outcome, ToolError> {
    let folder = Folder::open(path)?;
    let mut output = Output::stdout();
    if patterns.is_empty() {
        let report = FolderReport::of(&folder)?;
        match is_json {
            true => output.json(&report)?,
            false => report.print(&mut output)?,
        }
    } else {
        for named in folder.select(patterns)? {
            let report = SeriesReport::of(&folder, &named)?;
            match is_json {
                true => output.json_line(&report)?,
                false => report.print(&mut output)?,
            }
        }
    }
    output.finish()?;
    Ok(Outcome::Done)
}

#[derive(Serialize)]
struct FolderReport {
    path: String,
    engine: &'static str,
    /// The process that has the folder, if one has.
    daemon: Option<u32>,
    shards: usize,
    series: usize,
    versions: Versions,
    catalog: CatalogReport,
    files: Vec<FileKind>,
    families: Vec<Family>,
    groups: Vec<Group>,
    damaged: Vec<Damaged>,
}

/// The newest version of each format that this build writes.
#[derive(Serialize)]
struct Versions {
    block: u16,
    ring: u16,
    late: u16,
    manifest: u16,
    catalog: u16,
}

#[derive(Serialize)]
struct CatalogReport {
    snapshot: Option<u64>,
    log_records: u64,
    torn_bytes: u64,
}

#[derive(Serialize)]
struct Family {
    family: u32,
    retention: String,
    series: usize,
    archives: Vec<Archive>,
}

/// One archive of a family, over all shards.
#[derive(Default, Serialize)]
struct Archive {
    archive: usize,
    step: u32,
    blocks: usize,
    block_bytes: u64,
    patches: usize,
    patch_bytes: u64,
    first: Option<i64>,
    end: Option<i64>,
}

#[derive(Serialize)]
struct Group {
    shard: u32,
    family: u32,
    panels: usize,
    columns_used: u32,
    columns: u32,
    low: Option<i64>,
    open: Option<i64>,
    cleared: Option<i64>,
    end: Option<i64>,
    late_segments: usize,
    late_points: usize,
}

#[derive(Serialize)]
struct Damaged {
    path: String,
    reason: String,
}

impl FolderReport {
    fn of(folder: &Folder) -> Result<Self, ToolError> {
        let groups = folder.store.groups()?;
        let retentions = folder.store.families();
        let mut series = vec![0; retentions.len()];
        for named in folder.catalog.definitions() {
            let family = retentions
                .iter()
                .position(|known| *known == named.retention);
            if let Some(family) = family {
                series[family] += 1;
            }
        }
        let families = retentions.iter().zip(series).enumerate();
        let damaged = folder
            .report
            .damaged
            .iter()
            .cloned()
            .chain(folder.store.damaged());
        Ok(Self {
            path: folder.path.display().to_string(),
            engine: "strata",
            daemon: holder_of(&folder.path).flatten(),
            shards: folder.store.shards(),
            series: folder.catalog.len(),
            versions: Versions {
                block: version::BLOCK,
                ring: version::RING,
                late: version::LATE,
                manifest: version::MANIFEST,
                catalog: version::CATALOG,
            },
            catalog: CatalogReport {
                snapshot: folder.report.snapshot,
                log_records: folder.report.records,
                torn_bytes: folder.report.torn.iter().map(|(_, bytes)| bytes).sum(),
            },
            files: files::count(&folder.path)?,
            families: families
                .map(|(family, (retention, series))| Family {
                    family: family as u32,
                    retention: retention.to_string(),
                    series,
                    archives: archives_of(&groups, family as u32),
                })
                .collect(),
            groups: groups.iter().map(Group::of).collect(),
            damaged: damaged
                .map(|(path, reason)| Damaged {
                    path: path.display().to_string(),
                    reason,
                })
                .collect(),
        })
    }

    fn print(&self, output: &mut Output) -> Result<(), ToolError> {
        let daemon = self.daemon.map_or_else(
            || "none at work in it".to_owned(),
            |process| format!("process {process}"),
        );
        let Versions {
            block,
            ring,
            late,
            manifest,
            catalog,
        } = self.versions;
        output.line(format_args!("path:      {}", self.path))?;
        output.line(format_args!("daemon:    {daemon}"))?;
        output.line(format_args!(
            "engine:    {} (block {block}, ring {ring}, late {late}, manifest {manifest}, catalog {catalog})",
            self.engine
        ))?;
        output.line(format_args!("shards:    {}", self.shards))?;
        output.line(format_args!("series:    {}", self.series))?;
        output.line(format_args!("catalog:   {}", self.catalog.text()))?;
        for damaged in &self.damaged {
            output.line(format_args!(
                "damaged:   {}: {}",
                damaged.path, damaged.reason
            ))?;
        }
        output.line("")?;
        output.table(&self.files_table())?;
        output.line("")?;
        output.table(&self.families_table())?;
        if !self.groups.is_empty() {
            output.line("")?;
            output.table(&self.groups_table())?;
        }
        Ok(())
    }

    fn files_table(&self) -> Table {
        let mut table = Table::new(&["kind", "files", "bytes", "on disk"]);
        for kind in self.files.iter().filter(|kind| kind.files > 0) {
            table.row(vec![
                kind.kind.to_owned(),
                kind.files.to_string(),
                bytes(kind.bytes),
                bytes(kind.disk_bytes),
            ]);
        }
        table
    }

    fn families_table(&self) -> Table {
        let mut table = Table::new(&[
            "family",
            "retention",
            "series",
            "step",
            "blocks",
            "bytes",
            "patches",
            "bytes",
            "from",
            "until",
        ]);
        for family in &self.families {
            for archive in &family.archives {
                table.row(vec![
                    family.family.to_string(),
                    family.retention.clone(),
                    family.series.to_string(),
                    archive.step.to_string(),
                    archive.blocks.to_string(),
                    bytes(archive.block_bytes),
                    archive.patches.to_string(),
                    bytes(archive.patch_bytes),
                    time(archive.first),
                    time(archive.end),
                ]);
            }
        }
        table
    }

    fn groups_table(&self) -> Table {
        let mut table = Table::new(&[
            "shard",
            "family",
            "panels",
            "columns",
            "of",
            "ring from",
            "open from",
            "cleared to",
            "rows to",
            "late files",
            "points",
        ]);
        for group in &self.groups {
            table.row(vec![
                group.shard.to_string(),
                group.family.to_string(),
                group.panels.to_string(),
                group.columns_used.to_string(),
                group.columns.to_string(),
                time(group.low),
                time(group.open),
                time(group.cleared),
                time(group.end),
                group.late_segments.to_string(),
                group.late_points.to_string(),
            ]);
        }
        table
    }
}

impl CatalogReport {
    fn text(&self) -> String {
        let snapshot = match self.snapshot {
            Some(number) => format!("snapshot {number}"),
            None => "no snapshot yet".to_owned(),
        };
        let torn = match self.torn_bytes {
            0 => String::new(),
            bytes => format!(", {bytes} bytes torn at its end"),
        };
        format!("{snapshot}, {} records of the log{torn}", self.log_records)
    }
}

impl Group {
    fn of(group: &GroupSummary) -> Self {
        let ring = group.ring;
        Self {
            shard: group.shard,
            family: group.family,
            panels: ring.map_or(0, |ring| ring.panels),
            columns_used: ring.map_or(0, |ring| ring.columns_used),
            columns: ring.map_or(0, |ring| ring.columns),
            low: ring.map(|ring| ring.low),
            open: ring.map(|ring| ring.open),
            cleared: ring.map(|ring| ring.cleared),
            end: ring.map(|ring| ring.end),
            late_segments: group.late_segments,
            late_points: group.late_points,
        }
    }
}

/// The archives of a family, summed over its groups.
fn archives_of(groups: &[GroupSummary], family: u32) -> Vec<Archive> {
    let mut archives: Vec<Archive> = Vec::new();
    for group in groups.iter().filter(|group| group.family == family) {
        for (number, kept) in group.retention.archives().iter().enumerate() {
            if archives.len() == number {
                archives.push(Archive {
                    archive: number,
                    step: kept.step,
                    ..Archive::default()
                });
            }
        }
        for (sum, found) in archives.iter_mut().zip(&group.archives) {
            sum.blocks += found.blocks;
            sum.block_bytes += found.block_bytes;
            sum.patches += found.patches;
            sum.patch_bytes += found.patch_bytes;
            sum.first = [sum.first, found.first].into_iter().flatten().min();
            sum.end = sum.end.max(found.end);
        }
    }
    archives
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
struct SeriesReport {
    name: String,
    id: u32,
    retention: String,
    aggregation_method: String,
    x_files_factor: f32,
    shard: Option<u32>,
    family: Option<u32>,
    column: Option<u32>,
    archives: Vec<SeriesArchiveReport>,
}

#[derive(Serialize)]
struct SeriesArchiveReport {
    archive: usize,
    step: u32,
    slots: u32,
    /// Values that a reader finds, whatever their age.
    points: u64,
    first: Option<i64>,
    last: Option<i64>,
    blocks: usize,
    patches: usize,
    /// Compressed, in blocks and patches.
    bytes: u64,
    sealed_points: u64,
    ring_points: u64,
    late_points: u64,
}

impl SeriesReport {
    fn of(folder: &Folder, named: &Named) -> Result<Self, ToolError> {
        let place = folder.store.place(named.id);
        let stored = folder.store.archives(named.id)?;
        let mut archives = Vec::new();
        for (number, kept) in named.retention.archives().iter().enumerate() {
            archives.push(SeriesArchiveReport::of(
                number,
                (kept.step, kept.points),
                stored.get(number).copied().unwrap_or_default(),
            ));
        }
        for held in folder.store.held(named.id)? {
            let archive = &mut archives[held.archive];
            folder.store.for_each_point(named.id, held, |time, _| {
                archive.points += 1;
                archive.first.get_or_insert(time);
                archive.last = Some(time);
                Ok::<(), ToolError>(())
            })?;
        }
        Ok(Self {
            name: named.name.to_string(),
            id: named.id.0,
            retention: named.retention.to_string(),
            aggregation_method: named.rollup.method.to_string(),
            x_files_factor: named.rollup.x_files_factor,
            shard: place.map(|place| place.shard),
            family: place.map(|place| place.family),
            column: place.and_then(|place| place.column),
            archives,
        })
    }

    fn print(&self, output: &mut Output) -> Result<(), ToolError> {
        let number = |number: Option<u32>| number.map_or_else(|| "-".to_owned(), |n| n.to_string());
        output.line(&self.name)?;
        output.line(format_args!("  id:                 {}", self.id))?;
        output.line(format_args!("  retention:          {}", self.retention))?;
        output.line(format_args!(
            "  aggregation method: {}",
            self.aggregation_method
        ))?;
        output.line(format_args!(
            "  xFilesFactor:       {}",
            self.x_files_factor
        ))?;
        output.line(format_args!(
            "  shard, family:      {}, {}",
            number(self.shard),
            number(self.family)
        ))?;
        output.line(format_args!(
            "  ring column:        {}",
            number(self.column)
        ))?;
        let mut table = Table::new(&[
            "archive", "step", "slots", "points", "first", "last", "blocks", "patches", "bytes",
            "sealed", "ring", "late",
        ]);
        for archive in &self.archives {
            table.row(vec![
                archive.archive.to_string(),
                archive.step.to_string(),
                archive.slots.to_string(),
                archive.points.to_string(),
                time(archive.first),
                time(archive.last),
                archive.blocks.to_string(),
                archive.patches.to_string(),
                archive.bytes.to_string(),
                archive.sealed_points.to_string(),
                archive.ring_points.to_string(),
                archive.late_points.to_string(),
            ]);
        }
        output.table(&table)?;
        output.line("")
    }
}

impl SeriesArchiveReport {
    fn of(archive: usize, (step, slots): (u32, u32), stored: SeriesArchive) -> Self {
        Self {
            archive,
            step,
            slots,
            points: 0,
            first: None,
            last: None,
            blocks: stored.blocks,
            patches: stored.patches,
            bytes: stored.bytes,
            sealed_points: stored.sealed_points,
            ring_points: stored.ring_points,
            late_points: stored.late_points,
        }
    }
}

fn time(time: Option<i64>) -> String {
    time.map_or_else(|| "-".to_owned(), utc)
}
