//! What decides how points are made fewer: `consolidateBy`, `cumulative`, `setXFilesFactor`.

use super::SERIES;
use crate::functions::{
    Aggregation, Call, EvaluationError, Function, Group, Kind, Literal, Parameter, Reach, Series,
    Signature, number_text,
};

/// `consolidateBy`.
pub(super) struct ConsolidateBy;

static CONSOLIDATE_BY: Signature = Signature {
    names: &["consolidateBy"],
    group: Group::Special,
    usage: "(seriesList, consolidationFunc)",
    description: "Chooses what one value is made of several with, where there are more points than \
                  asked for and where steps differ: average if nothing else is said.",
    parameters: &[
        SERIES,
        Parameter::required("consolidationFunc", Kind::String).options(&[
            Literal::String("average"),
            Literal::String("avg"),
            Literal::String("avg_zero"),
            Literal::String("first"),
            Literal::String("last"),
            Literal::String("max"),
            Literal::String("min"),
            Literal::String("sum"),
        ]),
    ],
    aggregator: false,
};

impl Function for ConsolidateBy {
    fn signature(&self) -> &Signature {
        &CONSOLIDATE_BY
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn reach(&self, _call: &Call<'_>) -> Reach {
        Reach::Points(0)
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        consolidate_by(call, &call.string("consolidationFunc")?)
    }
}

/// `cumulative`.
pub(super) struct Cumulative;

static CUMULATIVE: Signature = Signature {
    names: &["cumulative"],
    group: Group::Special,
    usage: "(seriesList)",
    description: "Adds points up where there are more than asked for: consolidateBy(…, \"sum\").",
    parameters: &[SERIES],
    aggregator: false,
};

impl Function for Cumulative {
    fn signature(&self) -> &Signature {
        &CUMULATIVE
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn reach(&self, _call: &Call<'_>) -> Reach {
        Reach::Points(0)
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        consolidate_by(call, "sum")
    }
}

fn consolidate_by(call: &Call<'_>, function: &str) -> Result<Vec<Series>, EvaluationError> {
    let consolidation = Aggregation::parse_consolidation(function)
        .ok_or_else(|| call.error(format!("\"{function}\" is not a consolidation function")))?;
    let mut all = call.series("seriesList")?;
    for series in &mut all {
        series.consolidation = consolidation;
        series.tags.set("consolidateBy", function);
        series.rename(format!("consolidateBy({},\"{function}\")", series.name));
    }
    Ok(all)
}

/// `setXFilesFactor`.
pub(super) struct SetXFilesFactor;

static SET_X_FILES_FACTOR: Signature = Signature {
    names: &["setXFilesFactor", "xFilesFactor"],
    group: Group::Special,
    usage: "(seriesList, xFilesFactor)",
    description: "The share of points, 0 to 1, that must be known where several are made one; below \
                  it the result is null. Holds for everything that is evaluated afterwards.",
    parameters: &[SERIES, Parameter::required("xFilesFactor", Kind::Float)],
    aggregator: false,
};

impl Function for SetXFilesFactor {
    fn signature(&self) -> &Signature {
        &SET_X_FILES_FACTOR
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn shares_state(&self) -> bool {
        true
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let mut all = call.series("seriesList")?;
        let factor = call.number("xFilesFactor")?;
        call.state().set_x_files_factor(factor);
        let tag = number_text::repr(factor);
        for series in &mut all {
            series.x_files_factor = factor;
            series.tags.set("xFilesFactor", tag.as_str());
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::Aggregation;
    use crate::functions::testing::Samples;

    fn samples() -> Samples {
        Samples::new().with("a", 60, 60, &[1.0, f64::NAN, 3.0])
    }

    #[test]
    fn consolidation_keeps_the_name_it_was_given() {
        let result = samples().run("consolidateBy(a,\"avg\")", 0, 180);
        assert_eq!(result[0].name, "consolidateBy(a,\"avg\")");
        assert_eq!(result[0].path_expression, "consolidateBy(a,\"avg\")");
        assert_eq!(result[0].tags.get("consolidateBy"), Some("avg"));
        assert_eq!(result[0].consolidation, Aggregation::Average);
        let result = samples().run("cumulative(a)", 0, 180);
        assert_eq!(result[0].name, "consolidateBy(a,\"sum\")");
        assert_eq!(result[0].consolidation, Aggregation::Sum);
    }

    #[test]
    fn unknown_consolidation_is_an_error_even_of_nothing() {
        for target in ["consolidateBy(a,\"mode\")", "consolidateBy(none,\"bogus\")"] {
            assert!(samples().try_run(target, 0, 180).is_err(), "{target}");
        }
    }

    #[test]
    fn factor_marks_the_series_and_stays_in_force() {
        let samples = samples();
        let result = samples.run("xFilesFactor(a,0.5)", 0, 180);
        assert_eq!(
            (result[0].name.as_str(), result[0].x_files_factor),
            ("a", 0.5)
        );
        assert_eq!(result[0].tags.get("xFilesFactor"), Some("0.5"));
        let later = samples.run("constantLine(1)", 0, 180);
        assert_eq!(later[0].x_files_factor, 0.5);
    }
}
