//! `dump` of a Whisper file: whisper-dump's output.

use std::path::Path;

use jiff::tz::TimeZone;
use plumbago_storage_format::whisper::{Header, SLOT_BYTES, Slot};

use crate::tool::dump::{Dump, DumpFormat};
use crate::tool::numbers::general;
use crate::tool::output::Output;
use crate::tool::whisper_file::WhisperFile;
use crate::tool::{Outcome, ToolError};

/// Digits that show a double to its last bit.
const DIGITS: usize = 35;

/// Prints header and slots.
///
/// # Errors
/// When the file cannot be read or has no such archive, and for flags of data folders.
pub(in crate::tool) fn run(flags: &Dump, path: &Path) -> Result<Outcome, ToolError> {
    if flags.format != DumpFormat::Text || !flags.patterns.is_empty() {
        let reason = "a Whisper file has one series without a name: no --format and no PATTERN";
        return Err(ToolError::BadInput(format!("{}: {reason}", path.display())));
    }
    let times = flags.window.times()?;
    let range = times.from.unwrap_or(i64::MIN)..=times.until.unwrap_or(i64::MAX);
    let zone = flags.window.zone()?;
    let WhisperFile { header, bytes } = WhisperFile::read(path, flags.dialect.get())?;
    let count = header.archives().len();
    if let Some(archive) = flags.archive.filter(|&archive| archive >= count) {
        let path = path.display();
        let reason = format!("{path}: there is no archive {archive}, it has {count}");
        return Err(ToolError::BadInput(reason));
    }
    let mut output = Output::stdout();
    if !flags.raw {
        print_header(&mut output, &header)?;
    }
    for archive in (0..count).filter(|&number| flags.archive.is_none_or(|n| n == number)) {
        if !flags.raw {
            output.line(format_args!("Archive {archive} data:"))?;
        }
        let slots = header.slots(&bytes, archive);
        let slots = slots.map_err(ToolError::damaged(path))?.enumerate();
        for (number, slot) in slots.filter(|(_, slot)| range.contains(&slot.timestamp_s.into())) {
            print_slot(flags, &mut output, (number, slot), &zone)?;
        }
    }
    output.finish()?;
    Ok(Outcome::Done)
}

fn print_slot(
    flags: &Dump,
    output: &mut Output,
    (number, slot): (usize, Slot),
    zone: &TimeZone,
) -> Result<(), ToolError> {
    let value = general(slot.value, DIGITS);
    let time = slot.timestamp_s;
    if flags.raw {
        return output.line(format_args!("{time}:{value}"));
    }
    let time = flags.shown.show(i64::from(time), zone);
    output.line(format_args!("{number}: {time}, {value:>10}"))
}

fn print_header(output: &mut Output, header: &Header) -> Result<(), ToolError> {
    output.line("Meta data:")?;
    output.line(format_args!("  aggregation method: {}", header.method()))?;
    output.line(format_args!(
        "  max retention: {}",
        header.max_retention_s()
    ))?;
    let factor = general(f64::from(header.x_files_factor()), 6);
    output.line(format_args!("  xFilesFactor: {factor}\n"))?;
    for (number, archive) in header.archives().iter().enumerate() {
        let size = u64::from(archive.points()) * SLOT_BYTES as u64;
        output.line(format_args!("Archive {number} info:"))?;
        output.line(format_args!("  offset: {}", archive.offset_bytes()))?;
        output.line(format_args!("  seconds per point: {}", archive.step_s()))?;
        output.line(format_args!("  points: {}", archive.points()))?;
        output.line(format_args!("  retention: {}", archive.retention_s()))?;
        output.line(format_args!("  size: {size}\n"))?;
    }
    Ok(())
}
