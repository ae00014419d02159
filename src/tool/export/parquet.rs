//! A Parquet file: columns metric (text), timestamp (milliseconds, UTC) and value (double).
//!
//! Rows stand in the order of metric and time, so that metrics shrink to almost nothing and readers
//! skip what they do not want by the statistics of the row groups.

use std::fs::File;
use std::io;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use rayon::prelude::*;

use super::super::ToolError;
use super::{Export, Summary, Work, points};

const SCHEMA: &str = "message points {
    REQUIRED BYTE_ARRAY metric (UTF8);
    REQUIRED INT64 timestamp (TIMESTAMP(MILLIS, true));
    REQUIRED DOUBLE value;
}";
/// Series that are read together.
const CHUNK: usize = 64;
/// Rows of one group: some tens of megabytes until it is written.
const GROUP_ROWS: usize = 1 << 20;

/// Rows of the group to come, a column each.
#[derive(Default)]
struct Rows {
    metrics: Vec<ByteArray>,
    timestamps_ms: Vec<i64>,
    values: Vec<f64>,
}

/// Writes a row a point.
///
/// # Errors
/// As [`Export::run`].
pub(super) fn write(work: &Work<'_>, export: &Export) -> Result<Summary, ToolError> {
    let target = &export.target;
    let failed = |error: ParquetError| {
        ToolError::io(target, "cannot be written")(io::Error::other(error.to_string()))
    };
    let mut options = File::options();
    options.write(true).truncate(true);
    let file = match export.overwrite {
        true => options.create(true).open(target),
        false => options.create_new(true).open(target),
    };
    let file = file.map_err(ToolError::io(target, "cannot be written"))?;
    let schema = Arc::new(parse_message_type(SCHEMA).map_err(failed)?);
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
    let properties = Arc::new(properties.build());
    let mut writer = SerializedFileWriter::new(file, schema, properties).map_err(failed)?;
    let mut rows = Rows::default();
    let mut summary = Summary::default();
    for chunk in work.series.chunks(CHUNK) {
        work.check()?;
        let read = chunk
            .par_iter()
            .map(|series| points::of_series(work, series));
        let read: Vec<Vec<(i64, f64)>> = read.collect::<Result<_, ToolError>>()?;
        for (series, points) in chunk.iter().zip(read) {
            summary.series += usize::from(!points.is_empty());
            summary.points += points.len() as u64;
            rows.add(&series.name, &points);
            if rows.values.len() >= GROUP_ROWS {
                rows.write(&mut writer).map_err(failed)?;
            }
        }
        work.progress.advance(chunk.len() as u64);
    }
    rows.write(&mut writer).map_err(failed)?;
    writer.close().map_err(failed)?;
    Ok(summary)
}

impl Rows {
    fn add(&mut self, metric: &str, points: &[(i64, f64)]) {
        let metric = ByteArray::from(metric);
        for (time, value) in points {
            self.metrics.push(metric.clone());
            self.timestamps_ms.push(time * 1000);
            self.values.push(*value);
        }
    }

    /// Writes all rows as one group and begins anew.
    fn write(&mut self, writer: &mut SerializedFileWriter<File>) -> Result<(), ParquetError> {
        if self.values.is_empty() {
            return Ok(());
        }
        let mut group = writer.next_row_group()?;
        if let Some(mut column) = group.next_column()? {
            column
                .typed::<ByteArrayType>()
                .write_batch(&self.metrics, None, None)?;
            column.close()?;
        }
        if let Some(mut column) = group.next_column()? {
            column
                .typed::<Int64Type>()
                .write_batch(&self.timestamps_ms, None, None)?;
            column.close()?;
        }
        if let Some(mut column) = group.next_column()? {
            column
                .typed::<DoubleType>()
                .write_batch(&self.values, None, None)?;
            column.close()?;
        }
        group.close()?;
        *self = Self::default();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::RowAccessor;

    use super::*;

    #[test]
    fn rows_come_back_in_order_and_from_several_groups() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
        let properties = Arc::new(WriterProperties::builder().build());
        let opened = file.reopen().unwrap();
        let mut writer = SerializedFileWriter::new(opened, schema, properties).unwrap();
        let mut rows = Rows::default();
        let expected = [
            ("a.b", 10, 1.5),
            ("a.b", 20, -0.25),
            ("c;d=e", 5, f64::INFINITY),
        ];
        for (metric, time, value) in expected {
            rows.add(metric, &[(time, value)]);
            rows.write(&mut writer).unwrap();
        }
        rows.write(&mut writer).unwrap();
        writer.close().unwrap();
        let reader = SerializedFileReader::new(file.reopen().unwrap()).unwrap();
        assert_eq!(reader.num_row_groups(), 3);
        for (row, (metric, time, value)) in reader.get_row_iter(None).unwrap().zip(expected) {
            let row = row.unwrap();
            assert_eq!(row.get_string(0).unwrap(), metric);
            assert_eq!(row.get_timestamp_millis(1).unwrap(), time * 1000);
            assert_eq!(row.get_double(2).unwrap(), value);
        }
    }
}
