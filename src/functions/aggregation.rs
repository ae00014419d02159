//! The aggregation functions that rows, windows and buckets of values are made one value with.
//!
//! [`Aggregation::apply`] works on one row; [`rows`](super::rows) does the same for many series at
//! once. NaN stands for null everywhere. Additions run in the order of the values, as Python's `sum`
//! does, so that results agree with the reference to the last bit.

use crate::metric::AggregationMethod;

/// One of the reference's aggregation functions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Aggregation {
    /// The mean of the known values.
    #[default]
    Average,
    /// The sum of the known values divided by the number of all.
    AvgZero,
    /// The middle one of the known values, or the mean of the two in the middle.
    Median,
    /// Their sum.
    Sum,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// The first known value less all that follow.
    Diff,
    /// The population standard deviation.
    StdDev,
    /// How many are known.
    Count,
    /// The greatest less the least.
    Range,
    /// Their product; null when any is null.
    Multiply,
    /// The last known value.
    Last,
    /// The first known value; only consolidation knows it.
    First,
}

/// Every name that `aggFunc` parameters accept, sorted, with what it means.
pub const AGGREGATION_NAMES: [(&str, Aggregation); 16] = [
    ("average", Aggregation::Average),
    ("avg", Aggregation::Average),
    ("avg_zero", Aggregation::AvgZero),
    ("count", Aggregation::Count),
    ("current", Aggregation::Last),
    ("diff", Aggregation::Diff),
    ("last", Aggregation::Last),
    ("max", Aggregation::Max),
    ("median", Aggregation::Median),
    ("min", Aggregation::Min),
    ("multiply", Aggregation::Multiply),
    ("range", Aggregation::Range),
    ("rangeOf", Aggregation::Range),
    ("stddev", Aggregation::StdDev),
    ("sum", Aggregation::Sum),
    ("total", Aggregation::Sum),
];

impl Aggregation {
    /// Reads a name or alias of an `aggFunc` parameter.
    pub fn parse(text: &str) -> Option<Self> {
        AGGREGATION_NAMES
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, aggregation)| *aggregation)
    }

    /// Reads a name that consolidation accepts, as in `consolidateBy`. The reference takes any name as
    /// long as there is nothing to consolidate; those of other aggregations do what they say here.
    pub fn parse_consolidation(text: &str) -> Option<Self> {
        Some(match text {
            "sum" => Self::Sum,
            "average" | "avg" => Self::Average,
            "avg_zero" => Self::AvgZero,
            "max" => Self::Max,
            "min" => Self::Min,
            "first" => Self::First,
            "last" => Self::Last,
            other => return Self::parse(other),
        })
    }

    /// What makes points fewer as an aggregation method of the store does, for points that come from an
    /// archive (0 is the finest). Counts of counts are sums. The mean stands for methods that have no
    /// counterpart here: percentiles, and the greatest and least by magnitude.
    pub fn of_rollup(method: AggregationMethod, archive: usize) -> Self {
        match method {
            AggregationMethod::Sum => Self::Sum,
            AggregationMethod::Last => Self::Last,
            AggregationMethod::Max => Self::Max,
            AggregationMethod::Min => Self::Min,
            AggregationMethod::AvgZero => Self::AvgZero,
            AggregationMethod::First => Self::First,
            AggregationMethod::Median => Self::Median,
            AggregationMethod::Count if archive == 0 => Self::Count,
            AggregationMethod::Count => Self::Sum,
            AggregationMethod::Average
            | AggregationMethod::AbsMax
            | AggregationMethod::AbsMin
            | AggregationMethod::Percentile(_) => Self::Average,
        }
    }

    /// The reference's canonical name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Average => "average",
            Self::AvgZero => "avg_zero",
            Self::Median => "median",
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
            Self::Diff => "diff",
            Self::StdDev => "stddev",
            Self::Count => "count",
            Self::Range => "range",
            Self::Multiply => "multiply",
            Self::Last => "last",
            Self::First => "first",
        }
    }

    /// One value from a row, NaN when there is nothing to make it of. `Count` of nothing is 0.
    pub fn apply(self, row: &[f64]) -> f64 {
        match self {
            Self::Average => mean(row),
            Self::AvgZero => known(row).fold(0.0, |sum, value| sum + value) / row.len() as f64,
            Self::Median => median(&mut known(row).collect::<Vec<_>>()),
            Self::Sum => known(row)
                .reduce(|sum, value| sum + value)
                .unwrap_or(f64::NAN),
            Self::Min => least(row),
            Self::Max => greatest(row),
            Self::Diff => known(row)
                .reduce(|rest, value| rest - value)
                .unwrap_or(f64::NAN),
            Self::StdDev => deviation(row),
            Self::Count => known(row).count() as f64,
            Self::Range => greatest(row) - least(row),
            Self::Multiply => row
                .iter()
                .copied()
                .reduce(|product, value| product * value)
                .unwrap_or(f64::NAN),
            Self::Last => known(row).next_back().unwrap_or(f64::NAN),
            Self::First => known(row).next().unwrap_or(f64::NAN),
        }
    }

    /// [`Aggregation::apply`] when enough of the row is known, else NaN.
    pub fn apply_when_enough(self, row: &[f64], x_files_factor: f64) -> f64 {
        if enough_known(known_count(row), row.len(), x_files_factor) {
            self.apply(row)
        } else {
            f64::NAN
        }
    }
}

impl std::fmt::Display for Aggregation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The values that are not null.
pub fn known(row: &[f64]) -> impl DoubleEndedIterator<Item = f64> + '_ {
    row.iter().copied().filter(|value| !value.is_nan())
}

/// How many values are not null.
pub fn known_count(row: &[f64]) -> usize {
    row.iter().filter(|value| !value.is_nan()).count()
}

/// The rule of the xFilesFactor: something is known, and at least the share that is asked for.
#[inline]
pub fn enough_known(known: usize, total: usize, x_files_factor: f64) -> bool {
    known > 0 && known as f64 / total as f64 >= x_files_factor
}

/// The least known value, NaN when there is none.
pub fn least(row: &[f64]) -> f64 {
    row.iter().fold(f64::NAN, |best, &value| {
        if value < best || best.is_nan() {
            value
        } else {
            best
        }
    })
}

/// The greatest known value, NaN when there is none.
pub fn greatest(row: &[f64]) -> f64 {
    row.iter().fold(f64::NAN, |best, &value| {
        if value > best || best.is_nan() {
            value
        } else {
            best
        }
    })
}

/// The mean of the known values, NaN when there is none.
pub fn mean(row: &[f64]) -> f64 {
    let (mut sum, mut count) = (0.0, 0_usize);
    for value in known(row) {
        sum += value;
        count += 1;
    }
    if count == 0 {
        f64::NAN
    } else {
        sum / count as f64
    }
}

/// The population variance of the known values, NaN when there is none.
pub fn variance(row: &[f64]) -> f64 {
    let mean = mean(row);
    let squares = known(row).fold(0.0, |sum, value| sum + (value - mean) * (value - mean));
    squares / known_count(row) as f64
}

/// The population standard deviation of the known values, NaN when there is none.
pub fn deviation(row: &[f64]) -> f64 {
    variance(row).sqrt()
}

/// The median of values that are all known; sorts them. NaN when there is none.
pub fn median(values: &mut [f64]) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    let middle = values.len() / 2;
    let even = values.len().is_multiple_of(2);
    let (below, &mut upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    if even {
        (greatest(below) + upper) / 2.0
    } else {
        upper
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: [f64; 5] = [3.0, f64::NAN, 1.0, 4.0, 2.0];

    #[test]
    fn every_aggregation_skips_nulls() {
        let expected = [
            (Aggregation::Average, 2.5),
            (Aggregation::AvgZero, 2.0),
            (Aggregation::Median, 2.5),
            (Aggregation::Sum, 10.0),
            (Aggregation::Min, 1.0),
            (Aggregation::Max, 4.0),
            (Aggregation::Diff, -4.0),
            (Aggregation::StdDev, 1.25_f64.sqrt()),
            (Aggregation::Count, 4.0),
            (Aggregation::Range, 3.0),
            (Aggregation::Last, 2.0),
            (Aggregation::First, 3.0),
        ];
        for (aggregation, value) in expected {
            assert_eq!(aggregation.apply(&ROW), value, "{aggregation}");
        }
    }

    #[test]
    fn product_with_a_null_is_null() {
        assert!(Aggregation::Multiply.apply(&ROW).is_nan());
        assert_eq!(Aggregation::Multiply.apply(&[2.0, 3.0]), 6.0);
    }

    #[test]
    fn row_of_nulls_is_null() {
        for (name, aggregation) in AGGREGATION_NAMES {
            let value = aggregation.apply_when_enough(&[f64::NAN; 3], 0.0);
            assert!(value.is_nan(), "{name}");
        }
    }

    #[test]
    fn share_of_known_values_decides() {
        assert_eq!(Aggregation::Sum.apply_when_enough(&ROW, 0.8), 10.0);
        assert!(Aggregation::Sum.apply_when_enough(&ROW, 0.81).is_nan());
        assert!(!enough_known(0, 0, 0.0));
    }

    #[test]
    fn median_of_an_odd_number_is_the_middle_one() {
        assert_eq!(median(&mut [9.0, 1.0, 5.0]), 5.0);
        assert!(median(&mut []).is_nan());
    }

    #[test]
    fn names_are_sorted_and_unique() {
        assert!(
            AGGREGATION_NAMES
                .windows(2)
                .all(|pair| pair[0].0 < pair[1].0)
        );
    }
}
