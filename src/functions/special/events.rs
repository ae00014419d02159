//! `events`: how many events every second saw.

use crate::functions::series::points_between;
use crate::functions::{
    Aggregation, Call, EvaluationError, Function, Group, Kind, Parameter, Series, Signature,
};

/// See the signature.
pub(super) struct Events;

static SIGNATURE: Signature = Signature {
    names: &["events"],
    group: Group::Special,
    usage: "(*tags)",
    description: "How many events with all of the tags there were, second by second; \"*\" counts \
                  every event. Null where there was none.",
    parameters: &[Parameter::required("tags", Kind::String).multiple()],
    aggregator: false,
};

impl Function for Events {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let tags = call.strings("tags")?;
        let name = format!("events(\"{}\")", tags.join("\", \""));
        let tags = if tags == ["*"] { Vec::new() } else { tags };
        let (from, until) = (call.window().from, call.window().until);
        let points = points_between(from, until, 1);
        call.check_points(points)?;
        let mut values = vec![f64::NAN; points];
        for time in call.events(&tags, from, until)? {
            // An event at the very end has no second left to stand in.
            let second = usize::try_from(time - from).unwrap_or(usize::MAX);
            if let Some(value) = values.get_mut(second) {
                *value = if value.is_nan() { 1.0 } else { *value + 1.0 };
            }
        }
        let mut series = call.fresh(name, (from, until, 1), values);
        series.consolidation = Aggregation::Sum;
        Ok(vec![series])
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::Aggregation;
    use crate::functions::testing::{Samples, assert_values};

    #[test]
    fn events_of_a_second_are_counted_together() {
        let samples = Samples::new().with_event(12).with_event(12).with_event(13);
        let samples = samples.with_event(9).with_event(14);
        let result = samples.run("events(\"*\")", 10, 14);
        assert_eq!(result[0].name, "events(\"*\")");
        assert_eq!(result[0].consolidation, Aggregation::Sum);
        assert_eq!(
            (result[0].start, result[0].end, result[0].step),
            (10, 14, 1)
        );
        assert_values(&result[0], &[None, None, Some(2.0), Some(1.0)]);
        let named = samples.run("events(\"a\",'b')", 10, 14);
        assert_eq!(named[0].name, "events(\"a\", \"b\")");
        assert!(samples.try_run("events()", 10, 14).is_err());
    }
}
