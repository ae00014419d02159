//! `timeShift` and `timeStack`: the series of another time, drawn as if they were of this one.
//!
//! The grid comes from the first series of the unmoved window, so that is read as well.

use super::SERIES;
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Literal, Parameter, Reach, Series, Signature,
    Window,
};
use crate::target::parse_shift;

/// An hour of daylight saving.
const DAYLIGHT_SAVING_SECONDS: i64 = 3_600;

const SUGGESTIONS: &[Literal] = &[
    Literal::String("1h"),
    Literal::String("6h"),
    Literal::String("12h"),
    Literal::String("1d"),
    Literal::String("2d"),
    Literal::String("7d"),
    Literal::String("14d"),
    Literal::String("30d"),
];

/// How far to shift: as text with its sign, and in seconds; without a sign into the past.
struct Shift {
    text: String,
    seconds: i64,
}

impl Shift {
    fn of(call: &Call<'_>, parameter: &str) -> Result<Self, EvaluationError> {
        let given = call.string(parameter)?;
        let seconds = parse_shift(&given).ok().filter(|_| !given.is_empty());
        let seconds = seconds.ok_or_else(|| {
            call.error(format!(
                "parameter \"{parameter}\" must be a length of time such as \"1d\", not \"{given}\""
            ))
        })?;
        let is_unsigned = given.starts_with(|first: char| first.is_ascii_digit());
        let text = if is_unsigned {
            format!("-{given}")
        } else {
            given
        };
        Ok(Self { text, seconds })
    }
}

/// `timeShift`.
pub(super) struct TimeShift;

static TIME_SHIFT: Signature = Signature {
    names: &["timeShift"],
    group: Group::Transform,
    usage: "(seriesList, timeShift, resetEnd=True, alignDST=False)",
    description: "Draws the series of another time over this one: \"1d\" and \"-1d\" are yesterday's, \
                  \"+1d\" tomorrow's. The end is that of the unmoved series unless resetEnd is \
                  false. With alignDST an hour of daylight saving between the two is made up for.",
    parameters: &[
        SERIES,
        Parameter::required("timeShift", Kind::Interval).suggestions(SUGGESTIONS),
        Parameter::optional("resetEnd", Kind::Boolean).default(Literal::Boolean(true)),
        Parameter::optional("alignDst", Kind::Boolean)
            .also("alignDST")
            .default(Literal::Boolean(false)),
    ],
    aggregator: false,
};

impl Function for TimeShift {
    fn signature(&self) -> &Signature {
        &TIME_SHIFT
    }

    fn windows(&self, call: &Call<'_>) -> Result<Vec<Window>, EvaluationError> {
        Ok(vec![call.window(), shifted_window(call)?])
    }

    fn reach(&self, _call: &Call<'_>) -> Reach {
        Reach::Points(0)
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let shift = Shift::of(call, "timeShift")?;
        let reset_end = call.boolean("resetEnd")?;
        let window = shifted_window(call)?;
        let unmoved = call.series("seriesList")?;
        let Some((start, end)) = unmoved.first().map(|first| (first.start, first.end)) else {
            return Ok(Vec::new());
        };
        let mut all = call.series_in("seriesList", window)?;
        for series in &mut all {
            series.tags.set("timeShift", shift.text.as_str());
            series.name = format!("timeShift({}, \"{}\")", series.name, shift.text).into();
            series.end = if reset_end {
                end
            } else {
                series.end - series.start + start
            };
            series.start = start;
        }
        Ok(all)
    }
}

fn shifted_window(call: &Call<'_>) -> Result<Window, EvaluationError> {
    let shifted = call.window().shifted(Shift::of(call, "timeShift")?.seconds);
    if !call.boolean("alignDst")? {
        return Ok(shifted);
    }
    let here = (
        is_summer(call, call.window().from),
        is_summer(call, call.window().until),
    );
    let there = (
        is_summer(call, shifted.from),
        is_summer(call, shifted.until),
    );
    // A window with a change inside is left where it is: half of it would be wrong either way.
    Ok(match (here, there) {
        ((true, true), (false, false)) => shifted.shifted(DAYLIGHT_SAVING_SECONDS),
        ((false, false), (true, true)) => shifted.shifted(-DAYLIGHT_SAVING_SECONDS),
        _ => shifted,
    })
}

fn is_summer(call: &Call<'_>, time: i64) -> bool {
    jiff::Timestamp::from_second(time)
        .is_ok_and(|time| call.timezone().to_offset_info(time).dst().is_dst())
}

/// `timeStack`.
pub(super) struct TimeStack;

/// The most shifts that one call makes: each reads its series again.
const SHIFTS_MAX: i64 = 1_000;

/// What is shifted by, once a number; see [`stacked_shifts`].
pub(in crate::functions) const UNIT: Parameter =
    Parameter::optional("timeShiftUnit", Kind::Interval)
        .default(Literal::String("1d"))
        .suggestions(SUGGESTIONS);

/// The first number.
pub(in crate::functions) const FIRST: Parameter =
    Parameter::optional("timeShiftStart", Kind::Integer).default(Literal::Integer(0));

/// The number after the last one.
pub(in crate::functions) const END: Parameter =
    Parameter::optional("timeShiftEnd", Kind::Integer).default(Literal::Integer(7));

static TIME_STACK: Signature = Signature {
    names: &["timeStack"],
    group: Group::Transform,
    usage: "(seriesList, timeShiftUnit='1d', timeShiftStart=0, timeShiftEnd=7)",
    description: "Draws the series of several other times over this one: shifted by the unit times \
                  every number from timeShiftStart up to, but not including, timeShiftEnd.",
    parameters: &[SERIES, UNIT, FIRST, END],
    aggregator: false,
};

impl Function for TimeStack {
    fn signature(&self) -> &Signature {
        &TIME_STACK
    }

    fn windows(&self, call: &Call<'_>) -> Result<Vec<Window>, EvaluationError> {
        let shifts = stacked_shifts(call)?.into_iter().map(|shift| shift.window);
        Ok(std::iter::once(call.window()).chain(shifts).collect())
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let unit = Shift::of(call, "timeShiftUnit")?.text;
        let shifts = stacked_shifts(call)?;
        let unmoved = call.series("seriesList")?;
        let Some((start, end)) = unmoved.first().map(|first| (first.start, first.end)) else {
            return Ok(Vec::new());
        };
        let mut results = Vec::new();
        for StackedShift { times, window, .. } in shifts {
            for mut series in call.series_in("seriesList", window)? {
                series.tags.set("timeShiftUnit", unit.as_str());
                series.tags.set("timeShift", times.to_string());
                series.rename(format!("timeShift({}, {unit}, {times})", series.name));
                (series.start, series.end) = (start, end);
                results.push(series);
            }
        }
        Ok(results)
    }
}

/// One shift of several.
pub(in crate::functions) struct StackedShift {
    /// How often the unit is shifted by.
    times: i64,
    /// How far that is; negative into the past.
    pub(in crate::functions) seconds: i64,
    /// The window that comes of it.
    pub(in crate::functions) window: Window,
}

/// The shifts that the parameters [`UNIT`], [`FIRST`] and [`END`] ask for.
///
/// # Errors
/// When they cannot be read or ask for too many.
pub(in crate::functions) fn stacked_shifts(
    call: &Call<'_>,
) -> Result<Vec<StackedShift>, EvaluationError> {
    let unit = Shift::of(call, "timeShiftUnit")?.seconds;
    let (first, end) = (
        call.integer("timeShiftStart")?,
        call.integer("timeShiftEnd")?,
    );
    if end.saturating_sub(first) > SHIFTS_MAX {
        return Err(call.error(format!("makes at most {SHIFTS_MAX} shifts")));
    }
    let shift = |times: i64| {
        let seconds = unit.saturating_mul(times);
        StackedShift {
            times,
            seconds,
            window: call.window().shifted(seconds),
        }
    };
    Ok((first..end).map(shift).collect())
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    fn samples() -> Samples {
        let values: Vec<f64> = (1..=20).map(f64::from).collect();
        Samples::new().with("a", 10, 10, &values)
    }

    #[test]
    fn values_come_from_the_past_and_the_grid_stays() {
        for target in ["timeShift(a,\"1min\")", "timeShift(a,\"-1min\")"] {
            let result = samples().run(target, 100, 130);
            assert_eq!(result[0].name, "timeShift(a, \"-1min\")");
            assert_eq!(result[0].path_expression, "a");
            assert_eq!(result[0].tags.get("timeShift"), Some("-1min"));
            assert_eq!((result[0].start, result[0].end), (110, 140));
            assert_values(&result[0], &[5.0, 6.0, 7.0].map(Some));
        }
    }

    #[test]
    fn end_is_reset_unless_asked_otherwise() {
        let result = samples().run("timeShift(a,\"1min\")", 180, 300);
        assert_eq!((result[0].start, result[0].end), (190, 210));
        let result = samples().run("timeShift(a,\"1min\",false)", 180, 300);
        assert_eq!((result[0].start, result[0].end), (190, 270));
        assert_eq!(result[0].values.len(), 8);
    }

    #[test]
    fn hour_of_daylight_saving_is_made_up_for() {
        // Noon in Berlin on 1 April 2025, two days after clocks went forward, and a week before.
        let (noon, week, hour) = (1_743_501_600, 7 * 86_400, 3_600);
        let samples = || {
            Samples::new()
                .with("a", noon - week, hour, &[1.0, 2.0, 3.0])
                .with("a", noon, hour, &[11.0, 12.0, 13.0])
        };
        let run = |zone: &str, flag: &str, from: i64| {
            let samples = samples().in_zone(zone);
            let target = format!("timeShift(a,\"1w\",true,{flag})");
            samples.run(&target, from, from + hour).remove(0).values[0]
        };
        assert_eq!(run("Europe/Berlin", "alignDST=false", noon), 2.0);
        assert_eq!(run("Europe/Berlin", "alignDST=true", noon), 3.0);
        assert_eq!(run("UTC", "alignDST=true", noon), 2.0);
    }

    #[test]
    fn shifts_nest() {
        let result = samples().run("timeShift(timeShift(a,\"30s\"),\"30s\")", 100, 110);
        assert_values(&result[0], &[Some(5.0)]);
    }

    #[test]
    fn nothing_here_is_nothing_there() {
        assert!(
            samples()
                .run("timeShift(a,\"1h\")", 3_700, 3_800)
                .is_empty()
        );
        assert!(samples().run("timeStack(b,\"1h\")", 100, 130).is_empty());
        assert!(samples().try_run("timeShift(a,\"\")", 100, 130).is_err());
        assert!(samples().try_run("timeShift(a,\"5m\")", 100, 130).is_err());
        assert!(
            samples()
                .try_run("timeStack(a,\"1h\",0,5000)", 100, 130)
                .is_err()
        );
    }

    #[test]
    fn stack_counts_up_to_its_end() {
        let result = samples().run("timeStack(a,\"20s\",-1,2)", 100, 110);
        let names: Vec<_> = result.iter().map(|one| one.name.as_str()).collect();
        let expected = [
            "timeShift(a, -20s, -1)",
            "timeShift(a, -20s, 0)",
            "timeShift(a, -20s, 1)",
        ];
        assert_eq!(names, expected);
        let values: Vec<_> = result.iter().map(|one| one.values[0]).collect();
        assert_eq!(values, [13.0, 11.0, 9.0]);
        assert!(result.iter().all(|one| one.start == 110 && one.end == 120));
    }
}
