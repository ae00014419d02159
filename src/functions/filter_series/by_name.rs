//! `grep` and `exclude`: series whose legend a regular expression finds or not.

use crate::functions::python_regex::PythonRegex;
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Parameter, Reach, Series, Signature,
};

const PARAMETERS: &[Parameter] = &[
    Parameter::required("seriesList", Kind::SeriesList),
    Parameter::required("pattern", Kind::String),
];

/// One of the two.
pub(super) struct ByName {
    signature: Signature,
    keeps_found: bool,
}

impl ByName {
    const fn new(
        names: &'static [&'static str],
        keeps_found: bool,
        description: &'static str,
    ) -> Self {
        let signature = Signature {
            names,
            group: Group::FilterSeries,
            usage: "(seriesList, pattern)",
            description,
            parameters: PARAMETERS,
            aggregator: false,
        };
        Self {
            signature,
            keeps_found,
        }
    }
}

pub(super) static GREP: ByName = ByName::new(
    &["grep"],
    true,
    "Keeps the series in whose legend a regular expression is found.",
);
pub(super) static EXCLUDE: ByName = ByName::new(
    &["exclude"],
    false,
    "Leaves out the series in whose legend a regular expression is found.",
);

impl Function for ByName {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn reach(&self, _call: &Call<'_>) -> Reach {
        Reach::Points(0)
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let all = call.series("seriesList")?;
        let problem = |problem: String| call.error(problem);
        let regex = PythonRegex::new(&call.string("pattern")?).map_err(problem)?;
        let mut kept = Vec::with_capacity(all.len());
        for series in all {
            if regex.is_found(&series.name).map_err(problem)? == self.keeps_found {
                kept.push(series);
            }
        }
        Ok(kept)
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::Samples;

    #[test]
    fn expression_is_searched_anywhere_in_the_legend() {
        let samples = Samples::new()
            .with("s.web1", 60, 60, &[1.0])
            .with("s.db1", 60, 60, &[1.0]);
        let names = |target| -> Vec<String> {
            let result = samples.run(target, 0, 60);
            result
                .into_iter()
                .map(|series| series.name.into())
                .collect()
        };
        assert_eq!(names("grep(s.*,'b\\d$')"), ["s.db1", "s.web1"]);
        assert_eq!(names("exclude(s.*,'(?<=\\.)web')"), ["s.db1"]);
        assert!(samples.try_run("grep(s.*,'(')", 0, 60).is_err());
    }
}
