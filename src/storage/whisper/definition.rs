//! Between a series' definition and a file's header.

use plumbago_storage_format::whisper::{ArchiveSpec, Dialect, Header};

use super::method::{aggregation_of, method_of};
use super::series::Definition;
use crate::metric::{AggregationMethod, Archive, Retention, Rollup};

/// The header of a new file.
///
/// # Errors
/// What the format cannot say, in one line.
pub(super) fn header_of(
    retention: &Retention,
    rollup: Rollup,
    dialect: Dialect,
) -> Result<Header, String> {
    let specs: Vec<ArchiveSpec> = retention
        .archives()
        .iter()
        .map(|archive| ArchiveSpec {
            step_s: archive.step,
            points: archive.points,
        })
        .collect();
    let method = method_of(rollup.method, dialect)
        .ok_or_else(|| format!("no Whisper file has the method {}", rollup.method))?;
    Header::new(&specs, method, rollup.x_files_factor, dialect).map_err(|error| error.to_string())
}

/// What a file says of itself.
///
/// # Errors
/// Why no series can have it, in one line.
pub(super) fn definition_of(header: &Header) -> Result<(Retention, Rollup), String> {
    let archives = header.archives().iter().map(|archive| Archive {
        step: archive.step_s(),
        points: archive.points(),
    });
    let retention = Retention::new(archives.collect()).map_err(|error| error.to_string())?;
    let method = aggregation_of(header.method())
        .ok_or_else(|| format!("points cannot be rolled up by {}", header.method()))?;
    let rollup = Rollup {
        method,
        x_files_factor: header.x_files_factor(),
    };
    Ok((retention, rollup))
}

/// True when a header says what a series is known for.
pub(super) fn is_of(known: &Definition, header: &Header) -> bool {
    let archives = known.retention.archives();
    archives.len() == header.archives().len()
        && archives
            .iter()
            .zip(header.archives())
            .all(|(known, file)| (known.step, known.points) == (file.step_s(), file.points()))
        && known.rollup.x_files_factor.to_bits() == header.x_files_factor().to_bits()
        && aggregation_of(header.method()) == Some(known.rollup.method)
}

/// The rollup that a file can have: carbon too passes over a method that it does not know and takes
/// its default.
pub(super) fn possible(rollup: Rollup, dialect: Dialect) -> Rollup {
    match method_of(rollup.method, dialect) {
        Some(_) => rollup,
        None => Rollup {
            method: AggregationMethod::default(),
            ..rollup
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_survives_a_file() {
        let retention = Retention::parse("10s:6h,1m:7d").unwrap();
        for dialect in [Dialect::Reference, Dialect::GoWhisper] {
            for number in 1..=6 {
                let method = aggregation_of(dialect.method(number).unwrap()).unwrap();
                let rollup = Rollup {
                    method,
                    x_files_factor: 0.25,
                };
                let header = header_of(&retention, rollup, dialect).unwrap();
                assert_eq!(definition_of(&header).unwrap(), (retention.clone(), rollup));
                assert_eq!(possible(rollup, dialect), rollup);
            }
        }
    }

    #[test]
    fn methods_that_no_file_has_become_the_default() {
        let median = Rollup {
            method: AggregationMethod::Median,
            x_files_factor: 0.1,
        };
        let retention = Retention::parse("10s:6h").unwrap();
        let error = header_of(&retention, median, Dialect::Reference).unwrap_err();
        assert!(error.contains("median"), "{error}");
        let possible = possible(median, Dialect::Reference);
        assert_eq!(possible.method, AggregationMethod::Average);
        assert_eq!(possible.x_files_factor, 0.1);
    }
}
