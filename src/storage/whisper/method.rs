//! Between Whisper's aggregation methods and those of series.

use plumbago_storage_format::whisper::{Dialect, Method};

use crate::metric::AggregationMethod;

/// Whisper's method of the same meaning; `None` when files of the dialect cannot have it.
pub fn method_of(method: AggregationMethod, dialect: Dialect) -> Option<Method> {
    let method = match method {
        AggregationMethod::Average => Method::Average,
        AggregationMethod::Sum => Method::Sum,
        AggregationMethod::Last => Method::Last,
        AggregationMethod::Max => Method::Max,
        AggregationMethod::Min => Method::Min,
        AggregationMethod::AvgZero => Method::AvgZero,
        AggregationMethod::AbsMax => Method::AbsMax,
        AggregationMethod::AbsMin => Method::AbsMin,
        AggregationMethod::First => Method::First,
        AggregationMethod::Count | AggregationMethod::Median | AggregationMethod::Percentile(_) => {
            return None;
        }
    };
    dialect.number(method).map(|_| method)
}

/// The method of a series whose file has this one; `None` when nothing can be rolled up by it: a mix
/// has a method for each archive, and a percentile is not said by the header.
pub fn aggregation_of(method: Method) -> Option<AggregationMethod> {
    Some(match method {
        Method::Average => AggregationMethod::Average,
        Method::Sum => AggregationMethod::Sum,
        Method::Last => AggregationMethod::Last,
        Method::Max => AggregationMethod::Max,
        Method::Min => AggregationMethod::Min,
        Method::AvgZero => AggregationMethod::AvgZero,
        Method::AbsMax => AggregationMethod::AbsMax,
        Method::AbsMin => AggregationMethod::AbsMin,
        Method::First => AggregationMethod::First,
        Method::Mix | Method::Percentile => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_method_of_a_dialect_comes_back_or_cannot_be_rolled_up_by() {
        for dialect in [Dialect::Reference, Dialect::GoWhisper] {
            for number in 1..=8 {
                let method = dialect.method(number).unwrap();
                match aggregation_of(method) {
                    Some(aggregation) => assert_eq!(method_of(aggregation, dialect), Some(method)),
                    None => assert!(!method.rolls_up(), "{method}"),
                }
            }
        }
    }

    #[test]
    fn methods_that_a_dialect_has_no_number_for_are_none() {
        assert_eq!(
            method_of(AggregationMethod::First, Dialect::Reference),
            None
        );
        assert_eq!(
            method_of(AggregationMethod::AbsMax, Dialect::GoWhisper),
            None
        );
        assert_eq!(
            method_of(AggregationMethod::Median, Dialect::GoWhisper),
            None
        );
    }
}
