//! The answer on standard output: lines, a table for people, or JSON for programs.
//!
//! Everything is buffered and flushed by [`Output::finish`]; a reader that goes away is no error of
//! the tool ([`ToolError::is_broken_pipe`]).

use std::io::{self, BufWriter, Write};

use clap::Args;
use serde::Serialize;

use super::ToolError;

/// `--json`, for every subcommand that answers.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Form {
    /// Answer as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// Standard output.
pub(super) struct Output(BufWriter<Box<dyn Write>>);

impl Output {
    /// Standard output, locked for the whole answer.
    pub(super) fn stdout() -> Self {
        Self(BufWriter::new(Box::new(io::stdout().lock())))
    }

    /// Writes one line.
    ///
    /// # Errors
    /// [`ToolError::Output`], as of everything here.
    pub(super) fn line(&mut self, text: impl std::fmt::Display) -> Result<(), ToolError> {
        writeln!(self.0, "{text}").map_err(ToolError::Output)
    }

    /// Writes a value as JSON over several lines.
    pub(super) fn json(&mut self, value: &impl Serialize) -> Result<(), ToolError> {
        let written = serde_json::to_writer_pretty(&mut self.0, value);
        written.map_err(|error| ToolError::Output(error.into()))?;
        self.line("")
    }

    /// Writes a value as one line of JSON: a record of a long list.
    pub(super) fn json_line(&mut self, value: &impl Serialize) -> Result<(), ToolError> {
        let written = serde_json::to_writer(&mut self.0, value);
        written.map_err(|error| ToolError::Output(error.into()))?;
        self.line("")
    }

    /// Writes a table with its columns below each other.
    pub(super) fn table(&mut self, table: &Table) -> Result<(), ToolError> {
        table.lines().try_for_each(|line| self.line(line))
    }

    /// Writes what is still buffered.
    pub(super) fn finish(mut self) -> Result<(), ToolError> {
        self.0.flush().map_err(ToolError::Output)
    }
}

/// Rows under a header. Columns of numbers stand to the right, as all their cells begin with a digit,
/// a sign or are `-`.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these column heads.
    pub(super) fn new(heads: &[&str]) -> Self {
        Self {
            rows: vec![heads.iter().map(|&head| head.to_owned()).collect()],
        }
    }

    /// Adds a row; it has as many cells as there are heads.
    pub(super) fn row(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.rows[0].len());
        self.rows.push(cells);
    }

    fn lines(&self) -> impl Iterator<Item = String> {
        let columns = 0..self.rows[0].len();
        let shape: Vec<(usize, bool)> = columns.map(|column| self.shape(column)).collect();
        self.rows.iter().map(move |row| {
            let cells = row.iter().zip(&shape);
            let cells = cells.map(|(cell, &(width, is_number))| match is_number {
                true => format!("{cell:>width$}"),
                false => format!("{cell:<width$}"),
            });
            let line = cells.collect::<Vec<_>>().join("  ");
            line.trim_end().to_owned()
        })
    }

    /// The width of a column and whether it is one of numbers.
    fn shape(&self, column: usize) -> (usize, bool) {
        let cells = self.rows.iter().map(|row| &row[column]);
        let width = cells.map(|cell| cell.chars().count()).max();
        let mut cells = self.rows[1..].iter().map(|row| &row[column]);
        (width.unwrap_or_default(), cells.all(|cell| is_number(cell)))
    }
}

/// A text as a field of CSV, quoted where it must be.
pub(super) fn csv_field(text: &str) -> std::borrow::Cow<'_, str> {
    match text.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")).into(),
        false => text.into(),
    }
}

/// A number of bytes for people: 512 B, 1.5 KiB, 20 GiB.
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = count as f64;
    let mut unit = "B";
    for larger in UNITS {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    match unit {
        "B" => format!("{count} B"),
        _ if value < 10.0 => format!("{value:.1} {unit}"),
        _ => format!("{value:.0} {unit}"),
    }
}

fn is_number(cell: &str) -> bool {
    cell == "-"
        || cell
            .trim_start_matches(['-', '+'])
            .starts_with(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_told_with_two_digits_or_more() {
        let counts = [0, 1023, 1024, 1536, 10_240, 1 << 20, 5 << 30, u64::MAX];
        let told = counts.map(bytes);
        let expected = [
            "0 B",
            "1023 B",
            "1.0 KiB",
            "1.5 KiB",
            "10 KiB",
            "1.0 MiB",
            "5.0 GiB",
            "16384 PiB",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn numbers_stand_to_the_right_and_names_to_the_left() {
        let mut table = Table::new(&["name", "bytes"]);
        table.row(vec!["a.b.c".to_owned(), "12".to_owned()]);
        table.row(vec!["a".to_owned(), "-".to_owned()]);
        let lines: Vec<String> = table.lines().collect();
        assert_eq!(lines, ["name   bytes", "a.b.c     12", "a          -"]);
    }
}
