//! `filterSeries` and its short forms: series whose aggregated value stands against a threshold.

use crate::functions::{
    Aggregation, Call, EvaluationError, Function, Group, Kind, Literal, Parameter, Series,
    Signature,
};

const SERIES: Parameter = Parameter::required("seriesList", Kind::SeriesList);

/// How the value of a series is compared with the threshold.
#[derive(Clone, Copy)]
enum Operator {
    Equal,
    NotEqual,
    Above,
    AtLeast,
    Below,
    AtMost,
}

/// Graphite's spellings, sorted as `/functions` lists them.
const OPERATORS: [(&str, Operator); 6] = [
    ("!=", Operator::NotEqual),
    ("<", Operator::Below),
    ("<=", Operator::AtMost),
    ("=", Operator::Equal),
    (">", Operator::Above),
    (">=", Operator::AtLeast),
];

impl Operator {
    fn parse(text: &str) -> Option<Self> {
        let found = OPERATORS.iter().find(|(spelling, _)| *spelling == text);
        found.map(|(_, operator)| *operator)
    }

    fn holds(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::Equal => value == threshold,
            Self::NotEqual => value != threshold,
            Self::Above => value > threshold,
            Self::AtLeast => value >= threshold,
            Self::Below => value < threshold,
            Self::AtMost => value <= threshold,
        }
    }
}

/// Keeps the series for which the comparison holds; one without values counts as minus infinity.
fn keep(
    mut all: Vec<Series>,
    aggregation: Aggregation,
    operator: Operator,
    threshold: f64,
) -> Vec<Series> {
    all.retain(|series| {
        let value = aggregation.apply(&series.values);
        let value = if value.is_nan() {
            f64::NEG_INFINITY
        } else {
            value
        };
        operator.holds(value, threshold)
    });
    all
}

/// `filterSeries` itself.
pub(super) struct FilterSeries;

static FILTER_SERIES: Signature = Signature {
    names: &["filterSeries"],
    group: Group::FilterSeries,
    usage: "(seriesList, func, operator, threshold)",
    description: "Keeps the series whose aggregated value compares with a threshold as the \
                  operator says: =, !=, >, >=, < or <=.",
    parameters: &[
        SERIES,
        Parameter::required("func", Kind::AggFunc),
        Parameter::required("operator", Kind::String).options(&[
            Literal::String("!="),
            Literal::String("<"),
            Literal::String("<="),
            Literal::String("="),
            Literal::String(">"),
            Literal::String(">="),
        ]),
        Parameter::required("threshold", Kind::Float),
    ],
    aggregator: false,
};

impl Function for FilterSeries {
    fn signature(&self) -> &Signature {
        &FILTER_SERIES
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let all = call.series("seriesList")?;
        let aggregation = call.aggregation("func")?;
        let operator = call.string("operator")?;
        let operator = Operator::parse(&operator)
            .ok_or_else(|| call.error(format!("\"{operator}\" is not an operator")))?;
        Ok(keep(all, aggregation, operator, call.number("threshold")?))
    }
}

/// A function that is `filterSeries` with one aggregation and one operator.
pub(super) struct ShortForm {
    signature: Signature,
    aggregation: Aggregation,
    operator: Operator,
}

const SHORT_FORM_PARAMETERS: &[Parameter] = &[SERIES, Parameter::required("n", Kind::Float)];

impl ShortForm {
    const fn new(
        names: &'static [&'static str],
        aggregation: Aggregation,
        operator: Operator,
        description: &'static str,
    ) -> Self {
        let signature = Signature {
            names,
            group: Group::FilterSeries,
            usage: "(seriesList, n)",
            description,
            parameters: SHORT_FORM_PARAMETERS,
            aggregator: false,
        };
        Self {
            signature,
            aggregation,
            operator,
        }
    }
}

pub(super) static AVERAGE_ABOVE: ShortForm = ShortForm::new(
    &["averageAbove"],
    Aggregation::Average,
    Operator::Above,
    "Keeps the series whose average is above n.",
);
pub(super) static AVERAGE_BELOW: ShortForm = ShortForm::new(
    &["averageBelow"],
    Aggregation::Average,
    Operator::AtMost,
    "Keeps the series whose average is at most n.",
);
pub(super) static CURRENT_ABOVE: ShortForm = ShortForm::new(
    &["currentAbove"],
    Aggregation::Last,
    Operator::Above,
    "Keeps the series whose newest value is above n.",
);
pub(super) static CURRENT_BELOW: ShortForm = ShortForm::new(
    &["currentBelow"],
    Aggregation::Last,
    Operator::AtMost,
    "Keeps the series whose newest value is at most n.",
);
pub(super) static MAXIMUM_ABOVE: ShortForm = ShortForm::new(
    &["maximumAbove"],
    Aggregation::Max,
    Operator::Above,
    "Keeps the series whose greatest value is above n.",
);
pub(super) static MAXIMUM_BELOW: ShortForm = ShortForm::new(
    &["maximumBelow"],
    Aggregation::Max,
    Operator::AtMost,
    "Keeps the series whose greatest value is at most n.",
);
pub(super) static MINIMUM_ABOVE: ShortForm = ShortForm::new(
    &["minimumAbove"],
    Aggregation::Min,
    Operator::Above,
    "Keeps the series whose least value is above n.",
);
pub(super) static MINIMUM_BELOW: ShortForm = ShortForm::new(
    &["minimumBelow"],
    Aggregation::Min,
    Operator::AtMost,
    "Keeps the series whose least value is at most n.",
);

impl Function for ShortForm {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let all = call.series("seriesList")?;
        Ok(keep(
            all,
            self.aggregation,
            self.operator,
            call.number("n")?,
        ))
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::Samples;

    fn kept(target: &str) -> Vec<String> {
        let samples = Samples::new()
            .with("s.a", 60, 60, &[1.0, 3.0])
            .with("s.b", 60, 60, &[f64::NAN, f64::NAN])
            .with("s.c", 60, 60, &[5.0, 2.0]);
        let result = samples.run(target, 0, 120);
        result
            .into_iter()
            .map(|series| series.name.into())
            .collect()
    }

    #[test]
    fn series_without_values_is_below_everything() {
        assert_eq!(kept("averageBelow(s.*,2)"), ["s.a", "s.b"]);
        assert_eq!(kept("currentAbove(s.*,2)"), ["s.a"]);
        assert_eq!(kept("filterSeries(s.*,'max','<',4)"), ["s.a", "s.b"]);
        assert_eq!(kept("filterSeries(s.*,'max','!=',5)"), ["s.a", "s.b"]);
    }

    #[test]
    fn unknown_operator_is_an_error() {
        let samples = Samples::new().with("a", 60, 60, &[1.0]);
        let error = samples.try_run("filterSeries(a,'max','~',1)", 0, 60);
        assert_eq!(
            error.unwrap_err().to_string(),
            "filterSeries: \"~\" is not an operator"
        );
    }
}
