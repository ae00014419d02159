//! `info`: what a file is, what a data folder holds.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use plumbago_storage_format::whisper::{Archive, Dialect, Header};
use serde::Serialize;

use super::output::{Form, Output, Table};
use super::subject::Subject;
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
    /// Whose numbers the aggregation types 6 to 8 have: of the reference or of go-carbon.
    #[arg(long, value_enum, default_value = "reference")]
    dialect: DialectName,
}

/// The fields of whisper-info.py.
#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "camelCase")]
enum Field {
    MaxRetention,
    XFilesFactor,
    AggregationMethod,
    FileSize,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DialectName {
    Reference,
    Go,
}

impl From<DialectName> for Dialect {
    fn from(name: DialectName) -> Self {
        match name {
            DialectName::Reference => Self::Reference,
            DialectName::Go => Self::GoWhisper,
        }
    }
}

/// What is told of a file; the keys are whisper-info.py's.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    max_retention: u64,
    x_files_factor: f32,
    aggregation_method: &'static str,
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
            Subject::WhisperFile(path) => Report::of(&path, self.dialect.into())?,
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
        let bytes = fs::read(path).map_err(ToolError::io(path, "cannot be read"))?;
        let header = Header::parse(&bytes, dialect).map_err(ToolError::damaged(path))?;
        Ok(Self {
            max_retention: header.max_retention_s(),
            x_files_factor: header.x_files_factor(),
            aggregation_method: header.method().name(),
            archives: header.archives().iter().map(ArchiveReport::of).collect(),
            file_size: bytes.len() as u64,
        })
    }

    fn field(&self, field: Field) -> String {
        match field {
            Field::MaxRetention => self.max_retention.to_string(),
            Field::XFilesFactor => self.x_files_factor.to_string(),
            Field::AggregationMethod => self.aggregation_method.to_owned(),
            Field::FileSize => self.file_size.to_string(),
        }
    }

    fn print(&self, output: &mut Output) -> Result<(), ToolError> {
        output.line(format_args!(
            "aggregationMethod: {}",
            self.aggregation_method
        ))?;
        output.line(format_args!("maxRetention: {}", self.max_retention))?;
        output.line(format_args!("xFilesFactor: {}", self.x_files_factor))?;
        output.line(format_args!("fileSize: {}", self.file_size))?;
        output.line("")?;
        let mut table = Table::new(&["archive", "step", "points", "retention", "offset", "size"]);
        for (number, archive) in self.archives.iter().enumerate() {
            table.row(vec![
                number.to_string(),
                archive.seconds_per_point.to_string(),
                archive.points.to_string(),
                archive.retention.to_string(),
                archive.offset.to_string(),
                archive.size.to_string(),
            ]);
        }
        output.table(&table)
    }
}

impl ArchiveReport {
    fn of(archive: &Archive) -> Self {
        Self {
            offset: archive.offset_bytes(),
            seconds_per_point: archive.step_s(),
            points: archive.points(),
            retention: archive.retention_s(),
            size: u64::from(archive.points()) * 12,
        }
    }
}
