//! `upper` and `lower`: the legend in capitals or without them.

use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Parameter, Series, Signature,
};

const PARAMETERS: &[Parameter] = &[Parameter::required("seriesList", Kind::SeriesList)];

/// One of the two.
pub(super) struct Case {
    signature: Signature,
    change: fn(&str) -> String,
}

impl Case {
    const fn new(
        names: &'static [&'static str],
        description: &'static str,
        change: fn(&str) -> String,
    ) -> Self {
        let signature = Signature {
            names,
            group: Group::Alias,
            usage: "(seriesList)",
            description,
            parameters: PARAMETERS,
            aggregator: false,
        };
        Self { signature, change }
    }
}

pub(super) static LOWER: Case = Case::new(
    &["lower"],
    "Shows the legend in small letters.",
    str::to_lowercase,
);
pub(super) static UPPER: Case = Case::new(
    &["upper"],
    "Shows the legend in capital letters.",
    str::to_uppercase,
);

impl Function for Case {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let mut all = call.series("seriesList")?;
        for series in &mut all {
            series.name = (self.change)(&series.name);
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::Samples;

    #[test]
    fn only_the_legend_changes_its_letters() {
        let samples = Samples::new().with("a.B", 60, 60, &[1.0]);
        assert_eq!(samples.run("upper(a.B)", 0, 60)[0].name, "A.B");
        assert_eq!(samples.run("lower(a.B)", 0, 60)[0].name, "a.b");
    }
}
