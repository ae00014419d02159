//! Checking a catalog's files: every snapshot and every segment of the log is read whole, also those
//! that a start would pass over because a newer snapshot stands for them.
//!
//! What a start makes of the damage is `recovery`'s affair; here it is named with its byte and what it
//! costs. Damage met in what a start reads costs names; in what it does not read, the way back.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use plumbago_storage_format::catalog::header::{self, Kind};
use plumbago_storage_format::catalog::{Record, frame};
use plumbago_storage_format::error::FormatError;

use super::disk::{Disk, RealDisk};
use super::error::{CatalogError, failed};
use super::files::{self, Files};
use super::recovery::load_snapshot;
use crate::storage::damage::{Damage, Findings};

/// How often the files are listed anew when a daemon drops some of them meanwhile.
const ATTEMPTS_MAX: usize = 20;

/// Checks the catalog's files in a folder.
///
/// # Errors
/// When the folder or a file in it cannot be read.
pub fn verify(folder: &Path) -> Result<Findings, CatalogError> {
    let mut attempt = 0;
    loop {
        let names = list(folder)?;
        let found = Check::new(folder, &names).run();
        let is_fine = matches!(&found, Ok(findings) if findings.damage.is_empty());
        attempt += 1;
        if is_fine || attempt == ATTEMPTS_MAX || list(folder)? == names {
            return found;
        }
    }
}

fn list(folder: &Path) -> Result<Vec<String>, CatalogError> {
    let mut names = RealDisk.list(folder).map_err(failed(folder, "list"))?;
    names.sort();
    Ok(names)
}

struct Check<'f> {
    folder: &'f Path,
    files: Files,
    aside: Vec<PathBuf>,
    findings: Findings,
    /// Snapshots that are whole.
    whole: BTreeSet<u64>,
}

impl<'f> Check<'f> {
    fn new(folder: &'f Path, names: &[String]) -> Self {
        let aside = names.iter().filter(|name| files::is_damaged(name));
        Self {
            folder,
            files: Files::of(names),
            aside: aside.map(|name| folder.join(name)).collect(),
            findings: Findings::default(),
            whole: BTreeSet::new(),
        }
    }

    fn run(mut self) -> Result<Findings, CatalogError> {
        for path in &self.aside {
            let problem = "a snapshot that was found damaged and set aside";
            let cost = "nothing reads it; remove it once nobody wants to look at it";
            self.findings.damage.push(Damage::new(path, problem, cost));
        }
        for name in &self.files.temporary {
            let path = self.folder.join(name);
            let text = "left by an interrupted snapshot, or just being written";
            self.findings.remark(&path, text);
        }
        for number in self.files.snapshots.clone() {
            self.snapshot(number)?;
        }
        // What a start reads: the newest whole snapshot and the log from its number on.
        let first = self.whole.last().copied().unwrap_or(1);
        for number in self.files.logs.clone() {
            self.segment(number, number >= first)?;
        }
        self.gaps(first);
        Ok(self.findings)
    }

    /// A file's bytes; `None` when a newer snapshot has let it go meanwhile.
    fn read(&mut self, path: &Path) -> Result<Vec<u8>, CatalogError> {
        let bytes = RealDisk.read(path).map_err(failed(path, "read"))?;
        self.findings.read(bytes.len() as u64);
        Ok(bytes)
    }

    fn snapshot(&mut self, number: u64) -> Result<(), CatalogError> {
        let path = files::snapshot(self.folder, number);
        let bytes = self.read(&path)?;
        match load_snapshot(&bytes, number) {
            Ok((_, end)) if end == bytes.len() as u64 => {
                self.whole.insert(number);
            }
            Ok((_, end)) => {
                self.whole.insert(number);
                let problem = "bytes follow its end";
                let damage = Damage::new(&path, problem, "none: they are not read").at(end);
                self.findings.damage.push(damage);
            }
            Err(error) => {
                let is_newest = self.files.snapshots.last() == Some(&number);
                let cost = match is_newest {
                    true => {
                        "the next start sets it aside and takes the snapshot before and its log"
                    }
                    false => "none as long as the newest snapshot can be read",
                };
                self.findings
                    .damage
                    .push(Damage::of_format(&path, &error, cost));
            }
        }
        Ok(())
    }

    fn segment(&mut self, number: u64, is_needed: bool) -> Result<(), CatalogError> {
        let path = files::log(self.folder, number);
        let bytes = self.read(&path)?;
        let is_last = self.files.logs.last() == Some(&number);
        match header::read(&bytes, Kind::Log) {
            Ok(found) if found == number => self.frames(&path, &bytes, is_needed),
            Ok(found) => {
                let problem = format!("it says that it is segment {found}");
                self.damage_of_log(Damage::new(&path, problem, no_start(is_needed)));
            }
            Err(_) if is_last && bytes.len() <= header::BYTES => {
                self.findings
                    .remark(&path, "its header is not whole, as after a power loss");
            }
            Err(error) => {
                self.damage_of_log(Damage::of_format(&path, &error, no_start(is_needed)));
            }
        }
        Ok(())
    }

    fn damage_of_log(&mut self, damage: Damage) {
        self.findings.damage.push(damage);
    }

    fn frames(&mut self, path: &Path, bytes: &[u8], is_needed: bool) {
        let mut offset = header::BYTES as u64;
        while let Some(step) = next_frame(bytes, offset) {
            match step {
                Step::Whole { end, problem: None } => offset = end,
                Step::Whole {
                    end,
                    problem: Some(error),
                } => {
                    let damage = Damage::of_format(path, &error, lost_record(is_needed));
                    self.damage_of_log(damage);
                    offset = end;
                }
                Step::Damaged { error, next } => {
                    let bytes = next - offset;
                    let cost = format!("{} ({bytes} bytes of records)", lost_record(is_needed));
                    self.damage_of_log(Damage::of_format(path, &error, cost));
                    offset = next;
                }
                Step::Torn => {
                    let left = bytes.len() as u64 - offset;
                    let text = format!(
                        "the last {left} bytes are no whole record: just being written, or torn by \
                         a power loss; the next start cuts them off"
                    );
                    self.findings.remark(path, text);
                    return;
                }
            }
        }
    }

    /// Segments that a start would miss.
    fn gaps(&mut self, first: u64) {
        let Some(last) = self.files.logs.last().copied() else {
            return;
        };
        for number in first..=last {
            if self.files.logs.binary_search(&number).is_err() {
                let path = files::log(self.folder, number);
                let damage = Damage::new(&path, "this part of the log is missing", no_start(true));
                self.findings.damage.push(damage);
            }
        }
    }
}

enum Step {
    /// A whole frame, whose record may make no sense.
    Whole {
        end: u64,
        problem: Option<FormatError>,
    },
    /// Damage, and where reading goes on.
    Damaged { error: FormatError, next: u64 },
    /// Nothing whole follows.
    Torn,
}

fn next_frame(bytes: &[u8], offset: u64) -> Option<Step> {
    match frame::read(bytes, offset) {
        Ok(found) => found.map(|frame| Step::Whole {
            end: frame.end,
            problem: Record::parse(frame).err(),
        }),
        Err(error) => Some(match frame::find(bytes, offset) {
            Some(next) => Step::Damaged { error, next },
            // A record that is there in full was not cut off while it was written.
            None if matches!(error, FormatError::Checksum { .. }) => Step::Damaged {
                error,
                next: bytes.len() as u64,
            },
            None => Step::Torn,
        }),
    }
}

fn no_start(is_needed: bool) -> &'static str {
    match is_needed {
        true => "the daemon does not start: series would be lost unseen",
        false => "none as long as the newest snapshot can be read",
    }
}

fn lost_record(is_needed: bool) -> &'static str {
    match is_needed {
        true => "names that were created or removed there are not known; their points stay unread",
        false => "none as long as the newest snapshot can be read",
    }
}
