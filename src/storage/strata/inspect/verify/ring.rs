//! The panels of a ring: header, column map, and cells that are values.
//!
//! A daemon may be storing meanwhile, so what looks damaged is read a second time before it is told.

use std::collections::HashMap;
use std::path::Path;

use plumbago_storage_format::ring::{self, PAGE_BYTES, PanelHeader};

use super::super::super::panel;
use super::group::Check;
use super::{Read, not_zero, read, words};
use crate::storage::StoreError;
use crate::storage::damage::{Damage, Findings};

const HEADER_FIELDS_BYTES: usize = 40;

/// Checks all panels.
///
/// # Errors
/// When one cannot be read.
pub(super) fn check(
    group: &Check<'_>,
    folder: &Path,
    names: &[String],
    findings: &mut Findings,
) -> Result<(), StoreError> {
    let mut owners = HashMap::new();
    for (position, number) in Check::panels(names).into_iter().enumerate() {
        let path = folder.join(panel::file_name(number));
        if number as usize != position {
            let problem = format!("panel {position} before it is missing");
            let cost = "its points are not read, and its columns are given away";
            findings.damage.push(Damage::new(&path, problem, cost));
            break;
        }
        let mut found = check_panel(group, &path, number, &mut owners)?;
        if !found.damage.is_empty() {
            let again = check_panel(group, &path, number, &mut owners)?;
            found.damage.retain(|damage| again.damage.contains(damage));
        }
        *findings = std::mem::take(findings).with(found);
    }
    Ok(())
}

fn check_panel(
    group: &Check<'_>,
    path: &Path,
    number: u32,
    owners: &mut HashMap<u32, (u32, bool)>,
) -> Result<Findings, StoreError> {
    let mut findings = Findings::default();
    let Read::Whole(bytes) = read(path, group.watch, &mut findings)? else {
        return Ok(findings);
    };
    let cost = "the next start sets the panel aside: points of its series that were not sealed yet \
        are lost";
    let header = match PanelHeader::decode(&bytes, bytes.len() as u64) {
        Ok(header) => header,
        Err(error) => {
            findings.damage.push(Damage::of_format(path, &error, cost));
            return Ok(findings);
        }
    };
    let step = group.place.retention.finest().step;
    if header != PanelHeader::new(number, step) {
        let problem = format!("{header:?} is not panel {number} of {step} s");
        findings.damage.push(Damage::new(path, problem, cost));
        return Ok(findings);
    }
    if let Some(at) = not_zero(&bytes, HEADER_FIELDS_BYTES..PAGE_BYTES) {
        let damage = Damage::new(path, "reserved bytes are not zero", "none");
        findings.damage.push(damage.at(at));
    }
    let panel = Panel {
        path,
        header,
        bytes: &bytes,
    };
    let owned = panel.columns(group, cost, owners, &mut findings);
    panel.cells(&owned, &mut findings);
    Ok(findings)
}

struct Panel<'a> {
    path: &'a Path,
    header: PanelHeader,
    bytes: &'a [u8],
}

impl Panel<'_> {
    /// Checks the column map and answers each column's owner.
    fn columns(
        &self,
        group: &Check<'_>,
        cost: &str,
        owners: &mut HashMap<u32, (u32, bool)>,
        findings: &mut Findings,
    ) -> Vec<Option<u32>> {
        let word = words(self.bytes);
        let columns = 0..self.header.columns;
        let owned: Vec<Option<u32>> = columns
            .map(|column| {
                let at = self.header.column_word(column);
                match ring::column_owner(word(at)) {
                    Ok(owner) => owner,
                    Err(error) => {
                        let problem = format!("column {column}: {error}");
                        let damage = Damage::new(self.path, problem, cost);
                        findings.damage.push(damage.at(at as u64 * 8));
                        None
                    }
                }
            })
            .collect();
        for (column, owner) in owned.iter().enumerate() {
            let Some(owner) = *owner else { continue };
            let at = self.header.column_word(column as u32) as u64 * 8;
            if group.is_misplaced(owner) {
                let problem = format!("column {column} is of series {owner}, of another shard");
                let cost = "the next start takes its points for those of that series";
                let damage = Damage::new(self.path, problem, cost).at(at);
                findings.damage.push(Damage {
                    series: vec![owner],
                    ..damage
                });
            }
            self.second_column(owner, column as u32, owners, findings);
        }
        owned
    }

    /// A power loss may leave a series with two columns, of which one is empty. More is damage.
    fn second_column(
        &self,
        owner: u32,
        column: u32,
        owners: &mut HashMap<u32, (u32, bool)>,
        findings: &mut Findings,
    ) {
        let number = ring::first_column(self.header.panel) + column;
        let has_points = self.has_points(column);
        match owners.insert(owner, (number, has_points)) {
            Some((other, true)) if has_points && other != number => {
                let problem = format!("series {owner} has the columns {other} and {number}");
                let cost = "points in the first of them are not read before they are sealed";
                let at = self.header.column_word(column) as u64 * 8;
                findings.damage.push(Damage {
                    series: vec![owner],
                    ..Damage::new(self.path, problem, cost).at(at)
                });
            }
            _ => {}
        }
    }

    fn has_points(&self, column: u32) -> bool {
        let word = words(self.bytes);
        (0..self.header.rows).any(|row| word(self.header.cell_word(row, column)) != 0)
    }

    /// Cells carry no checksum, but what is never stored can be told: a value that is no number.
    fn cells(&self, owned: &[Option<u32>], findings: &mut Findings) {
        let word = words(self.bytes);
        for row in 0..self.header.rows {
            for (column, owner) in owned.iter().enumerate() {
                let at = self.header.cell_word(row, column as u32);
                let cell = word(at);
                if cell != 0 && owner.is_some() && ring::value_of(cell).is_nan() {
                    let problem = format!("row {row} of column {column} is no number");
                    let cost = "a point reads as absent";
                    findings.damage.push(Damage {
                        series: owner.iter().copied().collect(),
                        ..Damage::new(self.path, problem, cost).at(at as u64 * 8)
                    });
                }
            }
        }
    }
}
