//! `info`: what a file is, what a data folder holds.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use plumbago_storage_format::whisper::{Archive, Dialect, SLOT_BYTES};
use serde::Serialize;

use super::dialect::DialectFlag;
use super::numbers::repr;
use super::output::{Form, Output};
use super::subject::Subject;
use super::whisper_file::Beginning;
use super::{Outcome, ToolError, folder};

/// The flags of `info`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    plumbago info /var/lib/graphite/whisper/servers/web1/load.wsp\n  \
    plumbago info --json load.wsp\n  \
    plumbago info load.wsp xFilesFactor\n  \
    plumbago info /var/lib/plumbago\n  \
    plumbago info --json /var/lib/plumbago 'servers.web1.*'\n\n\
    Of series in a data folder JSON tells one object a line.")]
pub struct Info {
    /// A Whisper file, or a data folder with or without its daemon.
    path: PathBuf,
    /// Of a file: the field to print alone. Of a data folder: names or globs of series to tell of.
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    #[command(flatten)]
    form: Form,
    #[command(flatten)]
    dialect: DialectFlag,
}

/// The fields of whisper-info.py.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "camelCase")]
enum Field {
    AggregationMethod,
    MaxRetention,
    XFilesFactor,
    FileSize,
}

/// What is told of a file; keys and their order are whisper-info.py's.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    aggregation_method: &'static str,
    max_retention: u64,
    x_files_factor: f64,
    archives: Vec<ArchiveReport>,
    file_size: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ArchiveReport {
    offset: u32,
    seconds_per_point: u32,
    points: u32,
    retention: u64,
    size: u64,
}

impl Info {
    /// Prints the report.
    ///
    /// # Errors
    /// When the path is no readable Whisper file.
    pub(super) fn run(&self) -> Result<Outcome, ToolError> {
        let report = match Subject::of(&self.path)? {
            Subject::WhisperFile(path) => Report::of(&path, self.dialect.get())?,
            Subject::DataFolder(path) => {
                return folder::info::run(&path, &self.names, self.form.json);
            }
            other => return Err(other.refusal("a Whisper file or a data folder")),
        };
        let mut output = Output::stdout();
        match self.field()? {
            Some(field) => output.line(report.field(field))?,
            None if self.form.json => output.json(&report)?,
            None => report.print(&mut output)?,
        }
        output.finish()?;
        Ok(Outcome::Done)
    }
}

impl Info {
    /// The field of a file that is asked for.
    fn field(&self) -> Result<Option<Field>, ToolError> {
        match &self.names[..] {
            [] => Ok(None),
            [name] => Field::from_str(name, false).map(Some).map_err(|_| {
                let names = Field::value_variants().iter();
                let names = names.filter_map(|field| field.to_possible_value());
                let names: Vec<String> = names.map(|name| name.get_name().to_owned()).collect();
                let known = names.join(", ");
                ToolError::BadInput(format!(
                    "a Whisper file has no field \"{name}\", but {known}"
                ))
            }),
            _ => Err(ToolError::BadInput(
                "only one field of a Whisper file can be asked for".to_owned(),
            )),
        }
    }
}

impl Report {
    fn of(path: &Path, dialect: Dialect) -> Result<Self, ToolError> {
        let Beginning { header, file, .. } = Beginning::read(path, dialect)?;
        let metadata = file.metadata();
        let metadata = metadata.map_err(ToolError::io(path, "cannot be read"))?;
        Ok(Self {
            aggregation_method: header.method().name(),
            max_retention: header.max_retention_s(),
            // As Python has it: the double that the float is.
            x_files_factor: f64::from(header.x_files_factor()),
            archives: header.archives().iter().map(ArchiveReport::of).collect(),
            file_size: metadata.len(),
        })
    }

    fn field(&self, field: Field) -> String {
        match field {
            Field::AggregationMethod => self.aggregation_method.to_owned(),
            Field::MaxRetention => self.max_retention.to_string(),
            Field::XFilesFactor => repr(self.x_files_factor),
            Field::FileSize => self.file_size.to_string(),
        }
    }

    fn print(&self, output: &mut Output) -> Result<(), ToolError> {
        for field in Field::value_variants() {
            let name = field.to_possible_value();
            let name = name.as_ref().map_or("", |name| name.get_name());
            output.line(format_args!("{name}: {}", self.field(*field)))?;
        }
        output.line("")?;
        for (number, archive) in self.archives.iter().enumerate() {
            output.line(format_args!("Archive {number}"))?;
            output.line(format_args!("offset: {}", archive.offset))?;
            output.line(format_args!(
                "secondsPerPoint: {}",
                archive.seconds_per_point
            ))?;
            output.line(format_args!("points: {}", archive.points))?;
            output.line(format_args!("retention: {}", archive.retention))?;
            output.line(format_args!("size: {}\n", archive.size))?;
        }
        Ok(())
    }
}

impl ArchiveReport {
    fn of(archive: &Archive) -> Self {
        Self {
            offset: archive.offset_bytes(),
            seconds_per_point: archive.step_s(),
            points: archive.points(),
            retention: archive.retention_s(),
            size: u64::from(archive.points()) * SLOT_BYTES as u64,
        }
    }
}
