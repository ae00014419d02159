//! `threshold`: a constant line with a label and a colour.

use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Parameter, Series, Signature, Value,
};

/// See the signature.
pub(super) struct Threshold;

static SIGNATURE: Signature = Signature {
    names: &["threshold"],
    group: Group::Graph,
    usage: "(value, label=None, color=None)",
    description: "Draws a line at a value, with a label and a colour if they are given.",
    parameters: &[
        Parameter::required("value", Kind::Float),
        Parameter::optional("label", Kind::String),
        Parameter::optional("color", Kind::String),
    ],
    aggregator: false,
};

impl Function for Threshold {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let value = call.number("value")?;
        let mut line = call.invoke("constantLine", vec![Value::Float(value)])?;
        let label = call
            .optional_string("label")?
            .filter(|label| !label.is_empty());
        let color = call
            .optional_string("color")?
            .filter(|color| !color.is_empty());
        for series in &mut line {
            if let Some(label) = &label {
                series.name = label.into();
            }
            series.options.color.clone_from(&color);
        }
        Ok(line)
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::Samples;

    #[test]
    fn label_and_colour_are_optional() {
        let samples = Samples::new();
        assert_eq!(samples.run("threshold(5)", 0, 60)[0].name, "5.0");
        let result = samples.run("threshold(5,'max','red')", 0, 60);
        assert_eq!(result[0].name, "max");
        assert_eq!(result[0].options.color.as_deref(), Some("red"));
    }
}
