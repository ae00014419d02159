//! Opening a folder: the newest snapshot that is whole, then the log behind it.
//!
//! A torn tail, which a power loss leaves, is cut off. Damage in the middle of a log costs the
//! records it hit, and reading goes on behind it. A damaged snapshot is set aside and the one
//! before it is taken, whose log is still there. All of it is told in an [`OpenReport`]. What
//! cannot be made good is an error and leaves every file as it was.

use std::path::{Path, PathBuf};

use plumbago_storage_format::catalog::header::{self, Kind};
use plumbago_storage_format::catalog::{Record, SnapshotPart, frame, read_part};
use plumbago_storage_format::error::FormatError;

use super::disk::Disk;
use super::error::{CatalogError, failed};
use super::files::{self, Files};
use super::index::Index;
use super::journal::{LogEnd, Segment, new_segment};
use super::replay::Replay;

/// What was found when a catalog was opened, for the log and for `/health`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenReport {
    /// How many series there are.
    pub series: usize,
    /// The number of the snapshot it began with.
    pub snapshot: Option<u64>,
    /// How many records of the log were read behind it.
    pub records: u64,
    /// Tails that were cut off, with how many bytes: what a power loss leaves.
    pub torn: Vec<(PathBuf, u64)>,
    /// Files with damage, with what is wrong and what it costs.
    pub damaged: Vec<(PathBuf, String)>,
}

/// A catalog that was read and can be gone on with.
pub(super) struct Recovered {
    pub(super) index: Index,
    /// All ids below have been given or reserved.
    pub(super) next_id: u32,
    pub(super) end: LogEnd,
    pub(super) report: OpenReport,
}

/// Reads a folder, making it when there is none.
pub(super) fn recover(disk: &dyn Disk, folder: &Path) -> Result<Recovered, CatalogError> {
    disk.create_dir(folder)
        .map_err(failed(folder, "create folder"))?;
    let names = disk.list(folder).map_err(failed(folder, "list"))?;
    let mut recovery = Recovery {
        disk,
        folder,
        files: Files::of(&names),
        set_aside: Vec::new(),
        report: OpenReport::default(),
    };
    let (mut replay, snapshot_bytes) = recovery.read_snapshot()?;
    let end = recovery.read_log(&mut replay, snapshot_bytes)?;
    recovery.clean()?;
    let (index, next_id) = replay.finish();
    let mut report = recovery.report;
    report.series = index.count();
    Ok(Recovered {
        index,
        next_id,
        end,
        report,
    })
}

struct Recovery<'d> {
    disk: &'d dyn Disk,
    folder: &'d Path,
    files: Files,
    /// Damaged snapshots, to be renamed once it is sure that there is something to go on with.
    set_aside: Vec<PathBuf>,
    report: OpenReport,
}

/// A segment as it was read.
struct ReadLog {
    /// Where the last whole record ends: what stands behind is torn.
    end: u64,
    /// False when not even the header is whole: nothing was ever written to it.
    has_header: bool,
}

impl Recovery<'_> {
    /// The newest snapshot that is whole, with its length; an empty catalog when there is none and
    /// the log goes back to the beginning.
    fn read_snapshot(&mut self) -> Result<(Replay, u64), CatalogError> {
        let mut last_error = None;
        for &number in self.files.snapshots.iter().rev() {
            let path = files::snapshot(self.folder, number);
            let bytes = self.disk.read(&path).map_err(failed(&path, "read"))?;
            match load_snapshot(&bytes, number) {
                Ok((replay, _)) => {
                    self.report.snapshot = Some(number);
                    return Ok((replay, bytes.len() as u64));
                }
                Err(error @ FormatError::Version { .. }) => return Err(damaged(&path, &error)),
                Err(error) => {
                    let reason = format!("{error}; the snapshot before it is taken");
                    self.report.damaged.push((path.clone(), reason));
                    last_error.get_or_insert_with(|| damaged(&path, &error));
                    self.set_aside.push(path);
                }
            }
        }
        let is_whole = self.files.logs.first().is_none_or(|&first| first == 1);
        match last_error {
            Some(error) if !is_whole || self.files.logs.is_empty() => Err(error),
            None if !is_whole => Err(CatalogError::Damaged {
                path: self.folder.to_owned(),
                reason: "there is a log but no snapshot that it belongs to".to_owned(),
            }),
            _ => Ok((Replay::default(), 0)),
        }
    }

    /// Replays the segments behind the snapshot and opens the last one to go on.
    fn read_log(
        &mut self,
        replay: &mut Replay,
        snapshot_bytes: u64,
    ) -> Result<LogEnd, CatalogError> {
        let first = self.report.snapshot.unwrap_or(1);
        let last = self.files.logs.last().copied().unwrap_or(first).max(first);
        let mut bytes_since_snapshot = 0;
        let mut end = None;
        for number in first..=last {
            let path = files::log(self.folder, number);
            if self.files.logs.binary_search(&number).is_err() {
                let is_new = self.files.logs.is_empty() && self.files.snapshots.is_empty();
                if !is_new {
                    return Err(CatalogError::Damaged {
                        path,
                        reason: "this part of the log is missing".to_owned(),
                    });
                }
                break;
            }
            let log = self.read_segment(&path, number, replay)?;
            bytes_since_snapshot += log.end;
            end = Some((path, log));
        }
        let (segment, length) = match end {
            Some((path, log)) if log.has_header => self.reopen(path, &log)?,
            _ => (
                new_segment(self.disk, self.folder, last)?,
                header::BYTES as u64,
            ),
        };
        // A snapshot soon, so that the damage is not met again at the next opening.
        let is_damaged = !self.report.damaged.is_empty();
        Ok(LogEnd {
            number: last,
            segment,
            length,
            bytes_since_snapshot: if is_damaged {
                u64::MAX / 2
            } else {
                bytes_since_snapshot
            },
            snapshot_bytes,
        })
    }

    fn read_segment(
        &mut self,
        path: &Path,
        number: u64,
        replay: &mut Replay,
    ) -> Result<ReadLog, CatalogError> {
        let bytes = self.disk.read(path).map_err(failed(path, "read"))?;
        let is_last = self.files.logs.last() == Some(&number);
        match header::read(&bytes, Kind::Log) {
            Ok(found) if found == number => Ok(self.read_frames(path, &bytes, replay)),
            Ok(found) => Err(CatalogError::Damaged {
                path: path.to_owned(),
                reason: format!("it says that it is segment {found}"),
            }),
            Err(FormatError::Version { found, newest, .. }) if found > newest => {
                Err(CatalogError::Damaged {
                    path: path.to_owned(),
                    reason: format!("version {found} is unknown, this build reads up to {newest}"),
                })
            }
            // A header is durable before the first record is written behind it.
            Err(_) if is_last && bytes.len() <= header::BYTES => Ok(ReadLog {
                end: 0,
                has_header: false,
            }),
            Err(error) => Err(damaged(path, &error)),
        }
    }

    fn read_frames(&mut self, path: &Path, bytes: &[u8], replay: &mut Replay) -> ReadLog {
        let mut offset = header::BYTES as u64;
        loop {
            match frame::read(bytes, offset) {
                Ok(None) => break,
                Ok(Some(frame)) => {
                    self.report.records += 1;
                    offset = frame.end;
                    let record = Record::parse(frame).map_err(|error| error.to_string());
                    if let Err(reason) = record.and_then(|record| replay.apply(record)) {
                        self.report.damaged.push((path.to_owned(), reason));
                    }
                }
                Err(error) => match frame::find(bytes, offset) {
                    Some(next) => {
                        let lost = next - offset;
                        let reason = format!("{error}; {lost} bytes of records are lost");
                        self.report.damaged.push((path.to_owned(), reason));
                        offset = next;
                    }
                    None => {
                        let left = bytes.len() as u64 - offset;
                        self.report.torn.push((path.to_owned(), left));
                        break;
                    }
                },
            }
        }
        replay.flush();
        ReadLog {
            end: offset,
            has_header: true,
        }
    }

    /// Opens the last segment at its end, cut where it is torn.
    fn reopen(&self, path: PathBuf, log: &ReadLog) -> Result<(Segment, u64), CatalogError> {
        let file = self.disk.append_to(&path, false);
        let file = file.map_err(failed(&path, "open"))?;
        file.truncate(log.end).map_err(failed(&path, "cut"))?;
        // What was read may be in the page cache only, and must not be lost once it is built upon.
        file.sync().map_err(failed(&path, "sync"))?;
        Ok((Segment { path, file }, log.end))
    }

    /// Puts out of the way what is of no use: this much may fail without harm.
    fn clean(&self) -> Result<(), CatalogError> {
        for name in &self.files.temporary {
            let path = self.folder.join(name);
            self.disk.remove(&path).map_err(failed(&path, "remove"))?;
        }
        for path in &self.set_aside {
            let renamed = self.disk.rename(path, &files::damaged(path));
            renamed.map_err(failed(path, "set aside"))?;
        }
        Ok(())
    }
}

/// Reads a whole snapshot and answers where it ends, or says what is wrong with it.
pub(super) fn load_snapshot(bytes: &[u8], number: u64) -> Result<(Replay, u64), FormatError> {
    let found = header::read(bytes, Kind::Snapshot)?;
    let mut offset = header::BYTES as u64;
    let invalid = |offset, expected, found| FormatError::Invalid {
        part: "catalog snapshot",
        offset,
        expected,
        found,
    };
    if found != number {
        return Err(invalid(0, "the number in its name", found));
    }
    let mut replay = Replay::default();
    let (mut series, mut names) = (0, 0);
    while let Some(frame) = frame::read(bytes, offset)? {
        match read_part(frame)? {
            SnapshotPart::Definition(number, definition) => {
                let added = replay.define(number, &definition);
                added.map_err(|_| invalid(offset, "a retention", u64::from(number)))?;
            }
            SnapshotPart::Series(block) => block.for_each(|entry| {
                series += u32::from(replay.load(entry).is_ok());
            })?,
            SnapshotPart::Name(name) => names += u32::from(replay.register(name).is_ok()),
            SnapshotPart::End(end) => {
                if (end.series, end.names) != (series, names) {
                    return Err(invalid(
                        offset,
                        "as many series as there are",
                        end.series.into(),
                    ));
                }
                replay.reserve(end.next_id);
                return Ok((replay, frame.end));
            }
        }
        offset = frame.end;
    }
    Err(FormatError::Truncated {
        part: "catalog snapshot",
        offset,
        needed: 1,
        available: 0,
    })
}

fn damaged(path: &Path, error: &FormatError) -> CatalogError {
    CatalogError::Damaged {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}
