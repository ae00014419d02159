//! `join`: set operations on two lists, by the names of their series.

use std::collections::HashSet;

use smol_str::SmolStr;

use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Literal, Parameter, Series, Signature,
};

/// See the signature.
pub(super) struct Join;

static SIGNATURE: Signature = Signature {
    names: &["join"],
    group: Group::Custom,
    usage: "(seriesA, seriesB, type='AND')",
    description: "Compares two lists by legends. AND keeps the series of the first that the second has \
                  too, SUB those that it has not; OR adds to the first what only the second has; XOR \
                  gives what just one of them has.",
    parameters: &[
        Parameter::required("seriesA", Kind::SeriesList),
        Parameter::required("seriesB", Kind::SeriesList),
        Parameter::optional("type", Kind::String)
            .default(Literal::String("AND"))
            .options(&[
                Literal::String("AND"),
                Literal::String("OR"),
                Literal::String("XOR"),
                Literal::String("SUB"),
            ]),
    ],
    aggregator: false,
};

impl Function for Join {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let first = call.series("seriesA")?;
        let second = call.series("seriesB")?;
        let kind = call.string("type")?;
        // Which of those that both have, that only the first and that only the second has.
        let (both, only_first, only_second) = match kind.to_uppercase().as_str() {
            "AND" => (true, false, false),
            "OR" => (true, true, true),
            "XOR" => (false, true, true),
            "SUB" => (false, true, false),
            _ => return Err(call.error(format!("type is AND, OR, XOR or SUB, not \"{kind}\""))),
        };
        let (in_first, in_second) = (names(&first), names(&second));
        let of_first = first.into_iter().filter(|series| {
            if in_second.contains(&*series.name) {
                both
            } else {
                only_first
            }
        });
        let of_second = second
            .into_iter()
            .filter(|series| only_second && !in_first.contains(&*series.name));
        Ok(of_first.chain(of_second).collect())
    }
}

fn names(series: &[Series]) -> HashSet<SmolStr> {
    series.iter().map(|series| series.name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::Samples;

    #[test]
    fn lists_are_compared_by_legends() {
        let samples = ["a", "b", "c"]
            .iter()
            .fold(Samples::new(), |samples, name| {
                samples.with(&format!("s.{name}"), 60, 60, &[1.0])
            });
        let joined = |kind: &str| -> Vec<String> {
            let target = format!("join(s.{{a,b}},s.{{b,c}},'{kind}')");
            let result = samples.run(&target, 0, 60);
            result
                .into_iter()
                .map(|series| series.name.into())
                .collect()
        };
        assert_eq!(joined("AND"), ["s.b"]);
        assert_eq!(joined("or"), ["s.a", "s.b", "s.c"]);
        assert_eq!(joined("XOR"), ["s.a", "s.c"]);
        assert_eq!(joined("SUB"), ["s.a"]);
        assert!(samples.try_run("join(s.a,s.b,'NOT')", 0, 60).is_err());
    }
}
