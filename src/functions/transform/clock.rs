//! Series made of the time alone: `time` and `sin`.

use crate::functions::special::generated::{NAME, STEP, generate};
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Literal, Parameter, Series, Signature,
};

/// `time`.
pub(super) struct Time;

static TIME: Signature = Signature {
    names: &["time", "timeFunction"],
    group: Group::Transform,
    usage: "(name, step=60)",
    description: "A series whose values are the times of its points.",
    parameters: &[NAME, STEP],
    aggregator: false,
};

impl Function for Time {
    fn signature(&self) -> &Signature {
        &TIME
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let step = call.integer("step")?;
        Ok(vec![generate(call, step, |time| time as f64)?])
    }
}

/// `sin`.
pub(super) struct Sine;

static SINE: Signature = Signature {
    names: &["sin", "sinFunction"],
    group: Group::Transform,
    usage: "(name, amplitude=1, step=60)",
    description: "A series whose values are the sine of the time in seconds, times an amplitude.",
    parameters: &[
        NAME,
        Parameter::optional("amplitude", Kind::Integer).default(Literal::Integer(1)),
        STEP,
    ],
    aggregator: false,
};

impl Function for Sine {
    fn signature(&self) -> &Signature {
        &SINE
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let (amplitude, step) = (call.number("amplitude")?, call.integer("step")?);
        let wave = |time| (time as f64).sin() * amplitude;
        Ok(vec![generate(call, step, wave)?])
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    #[test]
    fn values_follow_the_time() {
        let result = Samples::new().run("timeFunction(\"t\",30)", 10, 70);
        assert_eq!((result[0].name.as_str(), result[0].start), ("t", 10));
        assert_values(&result[0], &[Some(10.0), Some(40.0)]);
        let result = Samples::new().run("sin(\"s\",2,step=30)", 10, 70);
        let expected = [10.0, 40.0].map(|time: f64| Some(time.sin() * 2.0));
        assert_values(&result[0], &expected);
        assert!(Samples::new().try_run("time(\"t\",0)", 10, 70).is_err());
    }
}
