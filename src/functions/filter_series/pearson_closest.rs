//! `pearsonClosest`: the series that move most like another one.

use crate::functions::calculate::correlation;
use crate::functions::filter_series::first_of;
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Literal, Parameter, Series, Signature,
};

/// See the signature.
pub(super) struct PearsonClosest;

static SIGNATURE: Signature = Signature {
    names: &["pearsonClosest"],
    group: Group::Custom,
    usage: "(series, seriesList, n, direction='abs')",
    description: "The n series of a list that correlate most with a single one, closest first: in \
                  either direction (abs), only those that rise with it (pos), or only those that \
                  fall when it rises (neg).",
    parameters: &[
        Parameter::required("series", Kind::SeriesList),
        Parameter::required("seriesList", Kind::SeriesList),
        Parameter::required("n", Kind::Integer),
        Parameter::optional("direction", Kind::String)
            .default(Literal::String("abs"))
            .options(&[
                Literal::String("abs"),
                Literal::String("pos"),
                Literal::String("neg"),
            ]),
    ],
    aggregator: false,
};

impl Function for PearsonClosest {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let of = call.series("series")?;
        let [of] = of.as_slice() else {
            return Err(call.error(format!("series must be one series, not {}", of.len())));
        };
        let direction = call.string("direction")?;
        let closeness: fn(f64) -> f64 = match direction.as_str() {
            "abs" => f64::abs,
            "pos" => |score| score,
            "neg" => |score| -score,
            _ => {
                let problem = format!("direction is abs, pos or neg, not \"{direction}\"");
                return Err(call.error(problem));
            }
        };
        let all = call.series("seriesList")?;
        let scored = all.into_iter().filter_map(|series| {
            // Only rows of one grid can be compared; a constant has no correlation.
            let is_comparable = series.values.len() == of.values.len();
            let score = closeness(correlation(&of.values, &series.values));
            (is_comparable && score >= 0.0).then_some((score, series))
        });
        let mut scored: Vec<(f64, Series)> = scored.collect();
        scored.sort_by(|one, other| other.0.total_cmp(&one.0));
        let keep = first_of(call.integer("n")?, scored.len());
        Ok(scored
            .into_iter()
            .take(keep)
            .map(|(_, series)| series)
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::Samples;

    #[test]
    fn closest_come_first() {
        let samples = Samples::new()
            .with("of", 60, 60, &[1.0, 2.0, 3.0])
            .with("s.down", 60, 60, &[3.0, 2.0, 1.0])
            .with("s.flat", 60, 60, &[2.0, 2.0, 2.0])
            .with("s.short", 60, 60, &[2.0])
            .with("s.up", 60, 60, &[1.0, 2.0, 9.0]);
        let kept = |arguments: &str| -> Vec<String> {
            let result = samples.run(&format!("pearsonClosest(of,s.*,{arguments})"), 0, 180);
            result
                .into_iter()
                .map(|series| series.name.into())
                .collect()
        };
        assert_eq!(kept("2"), ["s.down", "s.up"]);
        assert_eq!(kept("2,'pos'"), ["s.up"]);
        assert_eq!(kept("2,direction='neg'"), ["s.down"]);
        assert!(samples.try_run("pearsonClosest(s.*,of,1)", 0, 180).is_err());
        assert!(
            samples
                .try_run("pearsonClosest(of,s.*,1,'up')", 0, 180)
                .is_err()
        );
    }
}
