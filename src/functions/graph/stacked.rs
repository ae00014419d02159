//! `stacked`: each series on top of the ones before it.

use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Parameter, Series, Signature,
};

/// See the signature.
pub(super) struct Stacked;

/// The stack of calls that name none; only for it the name tells of the stacking.
const DEFAULT_STACK: &str = "__DEFAULT__";

static SIGNATURE: Signature = Signature {
    names: &["stacked"],
    group: Group::Graph,
    usage: "(seriesLists, stackName='__DEFAULT__')",
    description: "Adds to each series the sum of those before it in the same stack, in this call \
                  and in earlier ones of the request.",
    parameters: &[
        Parameter::required("seriesList", Kind::SeriesList),
        Parameter::optional("stack", Kind::String).also("stackName"),
    ],
    aggregator: false,
};

impl Function for Stacked {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn shares_state(&self) -> bool {
        true
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let mut all = call.series("seriesList")?;
        // Null is a stack of its own.
        let default = match call.is_null("stack")? {
            true => "None",
            false => DEFAULT_STACK,
        };
        let stack = call
            .optional_string("stack")?
            .unwrap_or_else(|| default.to_owned());
        let mut stacks = call.state().stacks.lock();
        let totals = stacks.entry(stack.clone()).or_default();
        for series in &mut all {
            add(series, totals);
            series.options.stacked = true;
            if stack == DEFAULT_STACK {
                series.tags.set("stacked", stack.as_str());
                series.name = format!("stacked({})", series.name).into();
            }
            series.path_expression.clone_from(&series.name);
        }
        Ok(all)
    }
}

/// Makes the values running totals; nulls stay null and leave the total as it is.
fn add(series: &mut Series, totals: &mut Vec<f64>) {
    let values = series.values_mut();
    if totals.len() < values.len() {
        totals.resize(values.len(), 0.0);
    }
    for (value, total) in values.iter_mut().zip(totals) {
        if !value.is_nan() {
            *total += *value;
            *value = *total;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    #[test]
    fn totals_run_on_within_a_stack() {
        let samples =
            Samples::new()
                .with("a", 60, 60, &[1.0, f64::NAN])
                .with("b", 60, 60, &[2.0, 3.0]);
        let result = samples.run("stacked({a,b})", 0, 120);
        assert_values(&result[0], &[Some(1.0), None]);
        assert_values(&result[1], &[Some(3.0), Some(3.0)]);
        assert_eq!(result[1].name, "stacked(b)");
        let again = samples.run("stacked(a)", 0, 120);
        assert_values(&again[0], &[Some(4.0), None]);
        let other = samples.run("stacked(a,'mine')", 0, 120);
        assert_values(&other[0], &[Some(1.0), None]);
        assert_eq!(other[0].name, "a");
        assert_eq!(samples.run("stacked(a,none)", 0, 120)[0].name, "a");
    }
}
