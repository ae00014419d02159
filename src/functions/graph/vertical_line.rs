//! `verticalLine`: a mark at one time.

use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Parameter, Series, Signature,
};
use crate::target::parse_at_time;

/// See the signature.
pub(super) struct VerticalLine;

static SIGNATURE: Signature = Signature {
    names: &["verticalLine"],
    group: Group::Graph,
    usage: "(ts, label=None, color=None)",
    description: "Draws a line from bottom to top at a time, which must lie within the window of \
                  the answer; times are written as in from and until.",
    parameters: &[
        Parameter::required("ts", Kind::Date),
        Parameter::optional("label", Kind::String),
        Parameter::optional("color", Kind::String),
    ],
    aggregator: false,
};

impl Function for VerticalLine {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let text = call.string("ts")?;
        let time = parse_at_time(&text, call.now(), call.timezone())
            .map_err(|error| call.error(error.to_string()))?;
        let window = call.window();
        if !(window.from..=window.until).contains(&time) {
            return Err(call.error(format!("\"{text}\" lies outside of the time range")));
        }
        // The reference has no name for a line without a label; the time says at least what it is.
        let label = call.optional_string("label")?.unwrap_or(text);
        let mut line = call.fresh(label, (time, time, 1), vec![1.0, 1.0]);
        line.options.draw_as_infinite = true;
        line.options.color = call
            .optional_string("color")?
            .filter(|color| !color.is_empty());
        Ok(vec![line])
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::Samples;

    #[test]
    fn line_stands_at_its_time_with_label_and_colour() {
        let result = Samples::new().run("verticalLine(\"100\",\"deploy\",\"blue\")", 60, 120);
        let line = &result[0];
        assert_eq!(
            (line.name.as_str(), line.start, line.end),
            ("deploy", 100, 100)
        );
        assert_eq!(line.options.color.as_deref(), Some("blue"));
        assert!(line.options.draw_as_infinite);
        let result = Samples::new().run("verticalLine(\"-20s\")", 60, 120);
        assert_eq!((result[0].name.as_str(), result[0].start), ("-20s", 100));
    }

    #[test]
    fn time_outside_the_window_is_an_error() {
        let run = |time: &str| {
            Samples::new().try_run(&format!("verticalLine(\"{time}\",\"x\")"), 60, 120)
        };
        assert!(run("59").is_err() && run("121").is_err() && run("bad").is_err());
        assert!(run("60").is_ok() && run("120").is_ok());
    }
}
