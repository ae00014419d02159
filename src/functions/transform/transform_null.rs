//! `transformNull`: a value in place of nulls, everywhere or only where other series have one.

use super::SERIES;
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Literal, Parameter, Reach, Series, Signature,
    number_text, parallel,
};

/// See the signature.
pub(super) struct TransformNull;

static SIGNATURE: Signature = Signature {
    names: &["transformNull"],
    group: Group::Transform,
    usage: "(seriesList, default=0, referenceSeries=None)",
    description: "Replaces nulls by a value. With referenceSeries only those where one of these has \
                  a point.",
    parameters: &[
        SERIES,
        Parameter::optional("default", Kind::Float).default(Literal::Integer(0)),
        Parameter::optional("referenceSeries", Kind::SeriesList),
    ],
    aggregator: false,
};

impl Function for TransformNull {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn reach(&self, _call: &Call<'_>) -> Reach {
        Reach::Points(0)
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let all = call.series("seriesList")?;
        let default = call.number("default")?;
        let reference = call.optional_series("referenceSeries")?.unwrap_or_default();
        let wanted = (!reference.is_empty()).then(|| replacements(&reference, default));
        // A default that the caller did not write keeps its type, which the tag shows; a reference
        // can only follow one that is written.
        let tag = if wanted.is_none() && call.values("default")?.is_empty() {
            "0".to_owned()
        } else {
            number_text::repr(default)
        };
        let flag = if wanted.is_some() {
            ",referenceSeries"
        } else {
            ""
        };
        let printed = number_text::general(default);
        Ok(parallel::map(all, |mut series| {
            replace_nulls(series.values_mut(), default, wanted.as_deref());
            series.tags.set("transformNull", tag.as_str());
            if wanted.is_some() {
                series.tags.set("referenceSeries", "1");
            }
            series.rename(format!("transformNull({},{printed}{flag})", series.name));
            series
        }))
    }
}

/// The default wherever one of the series has a point, null elsewhere.
fn replacements(reference: &[Series], default: f64) -> Vec<f64> {
    let length = reference.iter().map(|one| one.values.len()).max();
    let mut wanted = vec![f64::NAN; length.unwrap_or(0)];
    for one in reference {
        for (slot, value) in wanted.iter_mut().zip(one.values.iter()) {
            if !value.is_nan() {
                *slot = default;
            }
        }
    }
    wanted
}

fn replace_nulls(values: &mut [f64], default: f64, wanted: Option<&[f64]>) {
    let nulls = |value: &&mut f64| value.is_nan();
    match wanted {
        None => {
            for value in values.iter_mut().filter(nulls) {
                *value = default;
            }
        }
        Some(wanted) => {
            for (value, replacement) in values.iter_mut().zip(wanted) {
                if value.is_nan() {
                    *value = *replacement;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    const NULL: f64 = f64::NAN;

    fn samples() -> Samples {
        Samples::new()
            .with("a", 10, 10, &[1.0, NULL, NULL, NULL])
            .with("r.one", 10, 10, &[NULL, 5.0])
            .with("r.two", 10, 10, &[NULL, NULL, NULL, 5.0])
    }

    #[test]
    fn default_is_a_float_only_when_written() {
        for (target, name, tag) in [
            ("transformNull(a)", "transformNull(a,0)", "0"),
            ("transformNull(a,0)", "transformNull(a,0)", "0.0"),
            ("transformNull(a,-1.5)", "transformNull(a,-1.5)", "-1.5"),
        ] {
            let result = samples().run(target, 0, 600);
            assert_eq!(result[0].name, name);
            assert_eq!(result[0].tags.get("transformNull"), Some(tag));
        }
        let result = samples().run("transformNull(a,7)", 0, 600);
        assert_values(&result[0], &[1.0, 7.0, 7.0, 7.0].map(Some));
    }

    #[test]
    fn reference_decides_which_nulls_are_replaced() {
        let result = samples().run("transformNull(a,7,r.*)", 0, 600);
        assert_eq!(result[0].name, "transformNull(a,7,referenceSeries)");
        assert_eq!(result[0].tags.get("referenceSeries"), Some("1"));
        assert_values(&result[0], &[Some(1.0), Some(7.0), None, Some(7.0)]);
    }

    #[test]
    fn empty_reference_is_none() {
        let result = samples().run("transformNull(a,referenceSeries=missing)", 0, 600);
        assert_eq!(result[0].name, "transformNull(a,0)");
    }
}
