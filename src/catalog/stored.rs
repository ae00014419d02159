//! Retentions and rollups as the format stores them.

use plumbago_storage_format::catalog::Definition;

use crate::metric::{AggregationMethod, Archive, Retention, Rollup};

/// The bit that marks a percentile; the rest of the code is tenths of a percent.
const PERCENTILE: u16 = 0x8000;

const METHODS: [(u16, AggregationMethod); 11] = [
    (1, AggregationMethod::Average),
    (2, AggregationMethod::Sum),
    (3, AggregationMethod::Last),
    (4, AggregationMethod::Max),
    (5, AggregationMethod::Min),
    (6, AggregationMethod::AvgZero),
    (7, AggregationMethod::AbsMax),
    (8, AggregationMethod::AbsMin),
    (9, AggregationMethod::First),
    (10, AggregationMethod::Count),
    (11, AggregationMethod::Median),
];

/// As the format stores it.
pub(super) fn to_stored(retention: &Retention, rollup: Rollup) -> Definition {
    let archives = retention.archives().iter();
    let method = match rollup.method {
        AggregationMethod::Percentile(tenths) => PERCENTILE | tenths,
        method => METHODS
            .iter()
            .find(|(_, other)| *other == method)
            .map(|(code, _)| *code)
            .expect("a test holds the table to be whole"),
    };
    Definition {
        archives: archives
            .map(|archive| (archive.step, archive.points))
            .collect(),
        method,
        x_files_factor_bits: rollup.x_files_factor.to_bits(),
    }
}

/// From what the format stores; the error says what makes no sense.
pub(super) fn from_stored(stored: &Definition) -> Result<(Retention, Rollup), String> {
    let archives = stored.archives.iter();
    let archives = archives.map(|&(step, points)| Archive { step, points });
    let retention = Retention::new(archives.collect()).map_err(|error| error.to_string())?;
    let method = if stored.method & PERCENTILE != 0 {
        AggregationMethod::Percentile(stored.method & !PERCENTILE)
    } else {
        let known = METHODS.iter().find(|(code, _)| *code == stored.method);
        let unknown = || format!("aggregation method {} is unknown", stored.method);
        known.map(|(_, method)| *method).ok_or_else(unknown)?
    };
    let rollup = Rollup {
        method,
        x_files_factor: f32::from_bits(stored.x_files_factor_bits),
    };
    Ok((retention, rollup))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_survives_being_stored() {
        let names = [
            "average", "sum", "last", "max", "min", "avg_zero", "absmax", "absmin", "first",
            "count", "median", "p50", "p999",
        ];
        let retention = Retention::parse("10s:6h,1m:7d").unwrap();
        for name in names {
            let rollup = Rollup {
                method: AggregationMethod::parse(name).unwrap(),
                x_files_factor: 0.25,
            };
            let stored = to_stored(&retention, rollup);
            assert_eq!(from_stored(&stored), Ok((retention.clone(), rollup)));
        }
    }

    #[test]
    fn senseless_definitions_are_refused() {
        let stored = to_stored(&Retention::parse("10s:6h").unwrap(), Rollup::default());
        let bad_method = Definition {
            method: 99,
            ..stored.clone()
        };
        assert!(from_stored(&bad_method).unwrap_err().contains("99"));
        let bad_archives = Definition {
            archives: Vec::new(),
            ..stored
        };
        assert!(from_stored(&bad_archives).is_err());
    }
}
