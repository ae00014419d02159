//! Plaintext and CSV, in parallel and in the order of the names.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use rayon::prelude::*;

use super::super::ToolError;
use super::super::folder::Named;
use super::{Export, Summary, Work, points};

/// Series that are read together: their text is kept in memory.
const CHUNK: usize = 64;

/// Which lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lines {
    Plaintext,
    Csv,
}

/// Writes a line a point.
///
/// # Errors
/// As [`Export::run`].
pub(super) fn write(work: &Work<'_>, export: &Export, lines: Lines) -> Result<Summary, ToolError> {
    let target = &export.target;
    let failed = |error: io::Error| match target.as_os_str() == "-" {
        true => ToolError::Output(error),
        false => ToolError::io(target, "cannot be written")(error),
    };
    let mut output = Target::open(target, export.overwrite).map_err(failed)?;
    if lines == Lines::Csv {
        output
            .write_all(b"metric,timestamp,value\n")
            .map_err(failed)?;
    }
    let mut summary = Summary::default();
    for chunk in work.series.chunks(CHUNK) {
        work.check()?;
        let texts = chunk.par_iter().map(|series| text_of(work, series, lines));
        let texts: Vec<(String, u64)> = texts.collect::<Result<_, ToolError>>()?;
        for (text, points) in texts {
            output.write_all(text.as_bytes()).map_err(failed)?;
            summary.series += usize::from(points > 0);
            summary.points += points;
        }
        work.progress.advance(chunk.len() as u64);
    }
    output.finish().map_err(failed)?;
    Ok(summary)
}

fn text_of(work: &Work<'_>, series: &Named, lines: Lines) -> Result<(String, u64), ToolError> {
    let points = points::of_series(work, series)?;
    let name = match lines {
        Lines::Plaintext => series.name.to_string(),
        Lines::Csv => quoted(&series.name),
    };
    let mut text = String::with_capacity(points.len() * (name.len() + 24));
    for (time, value) in &points {
        // Writing to a string never fails.
        let _ = match lines {
            Lines::Plaintext => writeln!(text, "{name} {value} {time}"),
            Lines::Csv => writeln!(text, "{name},{time},{value}"),
        };
    }
    Ok((text, points.len() as u64))
}

/// A field of CSV, as RFC 4180 has it.
fn quoted(name: &str) -> String {
    match name.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", name.replace('"', "\"\"")),
        false => name.to_owned(),
    }
}

/// Standard output, or a file that is compressed by its name.
enum Target {
    Plain(BufWriter<Box<dyn Write>>),
    Gzip(flate2::write::GzEncoder<BufWriter<File>>),
    Zstd(zstd::stream::write::Encoder<'static, BufWriter<File>>),
}

impl Target {
    fn open(path: &Path, overwrite: bool) -> io::Result<Self> {
        if path.as_os_str() == "-" {
            return Ok(Self::Plain(BufWriter::new(Box::new(io::stdout().lock()))));
        }
        let mut options = File::options();
        options.write(true).truncate(true);
        let file = match overwrite {
            true => options.create(true).open(path)?,
            false => options.create_new(true).open(path)?,
        };
        Ok(match path.extension().and_then(|end| end.to_str()) {
            Some("gz") => {
                let level = flate2::Compression::default();
                Self::Gzip(flate2::write::GzEncoder::new(BufWriter::new(file), level))
            }
            Some("zst") => Self::Zstd(zstd::stream::write::Encoder::new(BufWriter::new(file), 0)?),
            _ => Self::Plain(BufWriter::new(Box::new(file))),
        })
    }

    fn finish(self) -> io::Result<()> {
        match self {
            Self::Plain(mut output) => output.flush(),
            Self::Gzip(output) => output.finish()?.flush(),
            Self::Zstd(output) => output.finish()?.flush(),
        }
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(output) => output.write(bytes),
            Self::Gzip(output) => output.write(bytes),
            Self::Zstd(output) => output.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(output) => output.flush(),
            Self::Gzip(output) => output.flush(),
            Self::Zstd(output) => output.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_commas_and_quotes_are_quoted() {
        assert_eq!(quoted("a.b;c=d"), "a.b;c=d");
        assert_eq!(quoted("a;b=c,\"d\""), "\"a;b=c,\"\"d\"\"\"");
    }
}
