//! `highest`, `lowest` and their short forms: the n series that lead in an aggregation.

use crate::functions::sorting::sorted;
use crate::functions::{
    Aggregation, Call, EvaluationError, Function, Group, Kind, Literal, Parameter, Series,
    Signature,
};

const SERIES: Parameter = Parameter::required("seriesList", Kind::SeriesList);
const COUNT: Parameter = Parameter::required("n", Kind::Integer);

/// One of the functions; without an aggregation of its own it takes one as `func`.
pub(super) struct Rank {
    signature: Signature,
    highest: bool,
    aggregation: Option<Aggregation>,
}

const ANY_PARAMETERS: &[Parameter] = &[
    SERIES,
    COUNT,
    Parameter::optional("func", Kind::AggFunc).default(Literal::String("average")),
];
const FIXED_PARAMETERS: &[Parameter] = &[SERIES, COUNT];

impl Rank {
    const fn any(names: &'static [&'static str], highest: bool, description: &'static str) -> Self {
        Self::new(
            names,
            highest,
            None,
            "(seriesList, n=1, func='average')",
            ANY_PARAMETERS,
            description,
        )
    }

    const fn fixed(
        names: &'static [&'static str],
        highest: bool,
        aggregation: Aggregation,
        description: &'static str,
    ) -> Self {
        Self::new(
            names,
            highest,
            Some(aggregation),
            "(seriesList, n)",
            FIXED_PARAMETERS,
            description,
        )
    }

    const fn new(
        names: &'static [&'static str],
        highest: bool,
        aggregation: Option<Aggregation>,
        usage: &'static str,
        parameters: &'static [Parameter],
        description: &'static str,
    ) -> Self {
        let signature = Signature {
            names,
            group: Group::FilterSeries,
            usage,
            description,
            parameters,
            aggregator: false,
        };
        Self {
            signature,
            highest,
            aggregation,
        }
    }

    /// One that carbonapi has and the reference has not.
    const fn custom(mut self) -> Self {
        self.signature.group = Group::Custom;
        self
    }
}

pub(super) static HIGHEST: Rank = Rank::any(
    &["highest"],
    true,
    "The n series with the highest aggregated value, highest first.",
);
pub(super) static LOWEST: Rank = Rank::any(
    &["lowest"],
    false,
    "The n series with the lowest aggregated value, lowest first.",
);
pub(super) static HIGHEST_AVERAGE: Rank = Rank::fixed(
    &["highestAverage"],
    true,
    Aggregation::Average,
    "The n series with the highest average.",
);
pub(super) static HIGHEST_CURRENT: Rank = Rank::fixed(
    &["highestCurrent"],
    true,
    Aggregation::Last,
    "The n series with the highest newest value.",
);
pub(super) static HIGHEST_MAX: Rank = Rank::fixed(
    &["highestMax"],
    true,
    Aggregation::Max,
    "The n series with the highest maximum.",
);
pub(super) static HIGHEST_MIN: Rank = Rank::fixed(
    &["highestMin"],
    true,
    Aggregation::Min,
    "The n series with the highest minimum.",
)
.custom();
pub(super) static LOWEST_MAX: Rank = Rank::fixed(
    &["lowestMax"],
    false,
    Aggregation::Max,
    "The n series with the lowest maximum.",
)
.custom();
pub(super) static LOWEST_MIN: Rank = Rank::fixed(
    &["lowestMin"],
    false,
    Aggregation::Min,
    "The n series with the lowest minimum.",
)
.custom();
pub(super) static LOWEST_AVERAGE: Rank = Rank::fixed(
    &["lowestAverage"],
    false,
    Aggregation::Average,
    "The n series with the lowest average.",
);
pub(super) static LOWEST_CURRENT: Rank = Rank::fixed(
    &["lowestCurrent"],
    false,
    Aggregation::Last,
    "The n series with the lowest newest value.",
);

impl Function for Rank {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let all = call.series("seriesList")?;
        let aggregation = match self.aggregation {
            Some(aggregation) => aggregation,
            None => call.aggregation("func")?,
        };
        let mut all = sorted(all, |values| aggregation.apply(values), self.highest);
        let keep = first_of(call.integer("n")?, all.len());
        all.truncate(keep);
        Ok(all)
    }
}

/// How many of `count` a Python slice `[:n]` keeps: a negative n leaves so many out at the end.
pub(crate) fn first_of(n: i64, count: usize) -> usize {
    match usize::try_from(n) {
        Ok(n) => n.min(count),
        Err(_) => {
            let left_out = usize::try_from(n.unsigned_abs()).unwrap_or(usize::MAX);
            count.saturating_sub(left_out)
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::Samples;

    fn kept(target: &str) -> Vec<String> {
        let samples = Samples::new()
            .with("s.a", 60, 60, &[1.0, 5.0])
            .with("s.b", 60, 60, &[f64::NAN, f64::NAN])
            .with("s.c", 60, 60, &[4.0, 4.0]);
        let result = samples.run(target, 0, 120);
        result
            .into_iter()
            .map(|series| series.name.into())
            .collect()
    }

    #[test]
    fn leaders_come_first() {
        assert_eq!(kept("highestAverage(s.*,1)"), ["s.c"]);
        assert_eq!(kept("highestMax(s.*,2)"), ["s.a", "s.c"]);
        assert_eq!(kept("highestMin(s.*,1)"), ["s.c"]);
        assert_eq!(kept("lowestMin(s.*,2)"), ["s.b", "s.a"]);
        assert_eq!(kept("lowestMax(s.*,2)"), ["s.b", "s.c"]);
        assert_eq!(kept("lowest(s.*,2,'last')"), ["s.b", "s.c"]);
        assert_eq!(kept("highest(s.*,-1)"), ["s.c", "s.a"]);
        assert_eq!(kept("highest(s.*,99)"), ["s.c", "s.a", "s.b"]);
    }
}
