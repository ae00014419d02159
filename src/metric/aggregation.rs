//! How fine points become a coarse one: the aggregation method and the xFilesFactor.

/// The method that makes one coarse value of the known fine values of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum AggregationMethod {
    /// Mean of the known values.
    #[default]
    Average,
    /// Their sum.
    Sum,
    /// The newest.
    Last,
    /// The greatest.
    Max,
    /// The least.
    Min,
    /// The sum divided by all slots of the window, known or not.
    AvgZero,
    /// The value of the greatest magnitude, sign kept.
    AbsMax,
    /// The value of the least magnitude, sign kept.
    AbsMin,
    /// The oldest.
    First,
    /// How many are known.
    Count,
    /// The middle one (mean of the two middle ones).
    Median,
    /// A percentile, in tenths of a percent: 999 is p99.9.
    Percentile(u16),
}

/// How a series is rolled up into its coarser archives; fixed when it is created.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rollup {
    /// The method.
    pub method: AggregationMethod,
    /// The share of a window's fine slots that must be known, 0 to 1.
    pub x_files_factor: f32,
}

impl Default for Rollup {
    fn default() -> Self {
        Self {
            method: AggregationMethod::Average,
            x_files_factor: 0.5,
        }
    }
}

impl AggregationMethod {
    /// Graphite's spelling, as in `storage-aggregation.conf`; `None` for an unknown one.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "average" | "avg" => Self::Average,
            "sum" => Self::Sum,
            "last" => Self::Last,
            "max" => Self::Max,
            "min" => Self::Min,
            "avg_zero" => Self::AvgZero,
            "absmax" => Self::AbsMax,
            "absmin" => Self::AbsMin,
            "first" => Self::First,
            "count" => Self::Count,
            "median" => Self::Median,
            _ => return Self::parse_percentile(text),
        })
    }

    fn parse_percentile(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('p')?;
        let tenths = match digits.len() {
            2 => digits.parse::<u16>().ok()?.checked_mul(10)?,
            3 if digits.starts_with("99") => digits.parse::<u16>().ok()?,
            _ => return None,
        };
        (1..1000)
            .contains(&tenths)
            .then_some(Self::Percentile(tenths))
    }

    /// One coarse value from the fine slots of a window, oldest first, NaN for an unknown slot.
    /// `None` when nothing is known or the share of known slots is below the factor, exactly as
    /// whisper's `__propagate` decides it.
    pub fn roll_up(self, slots: &[f64], x_files_factor: f32) -> Option<f64> {
        let known = slots.iter().filter(|value| !value.is_nan()).count();
        if known == 0 || (known as f64 / slots.len() as f64) < f64::from(x_files_factor) {
            return None;
        }
        Some(self.apply(slots, known))
    }

    fn apply(self, slots: &[f64], known_count: usize) -> f64 {
        let known = || slots.iter().copied().filter(|value| !value.is_nan());
        // Python's max() and min() keep the first of equals; so do these.
        let first_best = |better: fn(f64, f64) -> bool| {
            known()
                .reduce(|best, value| if better(value, best) { value } else { best })
                .unwrap_or(f64::NAN)
        };
        match self {
            Self::Average => known().sum::<f64>() / known_count as f64,
            Self::Sum => known().sum(),
            Self::Last => known().next_back().unwrap_or(f64::NAN),
            Self::First => known().next().unwrap_or(f64::NAN),
            Self::Count => known_count as f64,
            Self::Max => first_best(|value, best| value > best),
            Self::Min => first_best(|value, best| value < best),
            Self::AbsMax => first_best(|value, best| value.abs() > best.abs()),
            Self::AbsMin => first_best(|value, best| value.abs() < best.abs()),
            Self::AvgZero => known().sum::<f64>() / slots.len() as f64,
            Self::Median => percentile(known().collect(), 500),
            Self::Percentile(tenths) => percentile(known().collect(), tenths),
        }
    }
}

/// Linear interpolation between closest ranks (the `C = 1` variant, as NumPy's default).
fn percentile(mut values: Vec<f64>, tenths: u16) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = f64::from(tenths) / 1000.0 * (values.len() - 1) as f64;
    let (low, high) = (rank.floor() as usize, rank.ceil() as usize);
    values[low] + (values[high] - values[low]) * (rank - rank.floor())
}

impl std::fmt::Display for AggregationMethod {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self {
            Self::Average => "average",
            Self::Sum => "sum",
            Self::Last => "last",
            Self::Max => "max",
            Self::Min => "min",
            Self::AvgZero => "avg_zero",
            Self::AbsMax => "absmax",
            Self::AbsMin => "absmin",
            Self::First => "first",
            Self::Count => "count",
            Self::Median => "median",
            Self::Percentile(tenths) if tenths % 10 == 0 => {
                return write!(formatter, "p{:02}", tenths / 10);
            }
            Self::Percentile(tenths) => return write!(formatter, "p{tenths}"),
        };
        formatter.write_str(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_survives_a_round_trip() {
        for text in [
            "average", "sum", "last", "max", "min", "avg_zero", "absmax", "absmin", "first",
            "count", "median", "p05", "p50", "p99", "p999",
        ] {
            assert_eq!(AggregationMethod::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "mean", "p", "p0", "p00", "p100", "p1000", "p9x"] {
            assert_eq!(AggregationMethod::parse(text), None, "{text}");
        }
    }

    #[test]
    fn roll_up_needs_the_share_that_the_factor_asks() {
        let slots = [1.0, f64::NAN, 3.0, f64::NAN];
        assert_eq!(AggregationMethod::Average.roll_up(&slots, 0.5), Some(2.0));
        assert_eq!(AggregationMethod::Average.roll_up(&slots, 0.51), None);
        assert_eq!(AggregationMethod::AvgZero.roll_up(&slots, 0.0), Some(1.0));
        assert_eq!(AggregationMethod::Sum.roll_up(&[f64::NAN; 4], 0.0), None);
    }

    #[test]
    fn absolute_methods_keep_the_sign() {
        let slots = [-5.0, 2.0, 5.0];
        assert_eq!(AggregationMethod::AbsMax.roll_up(&slots, 0.0), Some(-5.0));
        assert_eq!(AggregationMethod::AbsMin.roll_up(&slots, 0.0), Some(2.0));
    }

    #[test]
    fn percentiles_interpolate() {
        let slots = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(AggregationMethod::Median.roll_up(&slots, 0.0), Some(2.5));
        assert_eq!(
            AggregationMethod::Percentile(250).roll_up(&slots, 0.0),
            Some(1.75)
        );
    }
}
