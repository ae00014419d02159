//! `timeShiftByMetric`, as carbonapi has it: series of several versions laid over each other by the
//! marks that say when each version began.

use std::sync::LazyLock;

use regex::Regex;

use super::SERIES;
use crate::functions::node::node_at;
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Parameter, Series, Signature,
};

/// A version as marks write it: major and minor number.
static VERSION: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(\d+)_(\d+)").expect("a constant expression is valid"));

/// See the signature.
pub(super) struct TimeShiftByMetric;

static SIGNATURE: Signature = Signature {
    names: &["timeShiftByMetric"],
    group: Group::Custom,
    usage: "(seriesList, markSource, versionRankIndex)",
    description: "Moves the series of older versions later, so that all versions begin together. The \
                  last node of each series of markSource is a version such as 12_3, its last point \
                  the time that version began; of each major version the highest minor one counts. \
                  versionRankIndex is the node of a series that names its version.",
    parameters: &[
        SERIES,
        Parameter::required("markSource", Kind::SeriesList),
        Parameter::required("versionRankIndex", Kind::Integer),
    ],
    aggregator: false,
};

impl Function for TimeShiftByMetric {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let all = call.series("seriesList")?;
        let mark_series = call.series("markSource")?;
        let rank = call.integer("versionRankIndex")?;
        if rank < 0 {
            return Err(call.error("parameter \"versionRankIndex\" must not be negative"));
        }
        check_lengths(call, &all, &mark_series)?;
        let marks = latest_marks(&mark_series);
        let [newest, _, ..] = marks.as_slice() else {
            return Err(
                call.error("parameter \"markSource\" must hold marks of two major versions")
            );
        };
        let shifted = all.iter().filter_map(|series| {
            let version = node_at(series.tags.get("name")?, rank)?;
            let mark = mark_of(&marks, version)?;
            Some(shift(
                series,
                (newest.position - mark.position) * all[0].step,
            ))
        });
        Ok(shifted.collect())
    }
}

/// When a version began.
#[derive(Clone, Debug)]
struct Mark {
    version: String,
    major: u64,
    minor: u64,
    /// The position of the last known point.
    position: i64,
}

impl Mark {
    /// `None` when the series has no point or its last node is no version.
    fn of(series: &Series) -> Option<Self> {
        let version = node_at(series.tags.get("name")?, -1)?;
        let numbers = VERSION.captures(version)?;
        let position = series.values.iter().rposition(|value| !value.is_nan())?;
        Some(Self {
            version: version.to_owned(),
            major: numbers[1].parse().ok()?,
            minor: numbers[2].parse().ok()?,
            position: i64::try_from(position).ok()?,
        })
    }
}

/// The mark of the highest minor version of each major one, the newest first.
fn latest_marks(series: &[Series]) -> Vec<Mark> {
    let mut marks: Vec<Mark> = series.iter().filter_map(Mark::of).collect();
    marks.sort_by_key(|mark| std::cmp::Reverse((mark.major, mark.minor)));
    marks.dedup_by_key(|mark| mark.major);
    marks
}

/// The mark of a version, or the newest one that begins like it: a series may name the major version
/// alone.
fn mark_of<'a>(marks: &'a [Mark], version: &str) -> Option<&'a Mark> {
    let exact = marks.iter().find(|mark| mark.version == version);
    exact.or_else(|| marks.iter().find(|mark| mark.version.starts_with(version)))
}

fn shift(series: &Series, seconds: i64) -> Series {
    let mut shifted = series.clone();
    shifted.start += seconds;
    shifted.end += seconds;
    shifted.rename(format!("timeShiftByMetric({})", series.name));
    shifted
}

fn check_lengths(call: &Call<'_>, all: &[Series], marks: &[Series]) -> Result<(), EvaluationError> {
    for (parameter, list) in [("seriesList", all), ("markSource", marks)] {
        if list.len() < 2 {
            let problem = format!("parameter \"{parameter}\" must be at least two series");
            return Err(call.error(problem));
        }
    }
    let length = all[0].values.len();
    let differs = |series: &&Series| series.values.len() != length;
    match all.iter().chain(marks).find(differs) {
        Some(other) => {
            let (name, first) = (&other.name, &all[0].name);
            Err(call.error(format!("\"{name}\" and \"{first}\" differ in length")))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::Samples;

    const NULL: f64 = f64::NAN;

    fn samples() -> Samples {
        Samples::new()
            .with("app.1_3.hits", 10, 10, &[1.0, 1.0, 1.0, 1.0, 1.0])
            .with("app.2.hits", 10, 10, &[2.0, 2.0, 2.0, 2.0, 2.0])
            .with("app.x.hits", 10, 10, &[9.0, 9.0, 9.0, 9.0, 9.0])
            .with("mark.1_2", 10, 10, &[1.0, NULL, NULL, NULL, NULL])
            .with("mark.1_3", 10, 10, &[NULL, 1.0, NULL, NULL, NULL])
            .with("mark.2_0", 10, 10, &[NULL, NULL, NULL, NULL, 1.0])
            .with("mark.none", 10, 10, &[NULL, NULL, NULL, NULL, 1.0])
            .with("short.1_1", 10, 10, &[1.0])
            .with("short.2_1", 10, 10, &[1.0])
    }

    #[test]
    fn older_versions_move_to_the_newest_mark() {
        let result = samples().run("timeShiftByMetric(app.*.hits,mark.*,1)", 0, 600);
        let seen: Vec<_> = result
            .iter()
            .map(|one| (one.name.as_str(), one.start, one.end))
            .collect();
        let expected = [
            ("timeShiftByMetric(app.1_3.hits)", 40, 90),
            ("timeShiftByMetric(app.2.hits)", 10, 60),
        ];
        assert_eq!(seen, expected);
    }

    #[test]
    fn marks_must_be_of_two_versions_and_of_one_length() {
        for target in [
            "timeShiftByMetric(app.*.hits,mark.1_*,1)",
            "timeShiftByMetric(app.*.hits,mark.1_2,1)",
            "timeShiftByMetric(app.x.hits,mark.*,1)",
            "timeShiftByMetric(app.*.hits,short.*,1)",
            "timeShiftByMetric(app.*.hits,mark.*,-1)",
        ] {
            assert!(samples().try_run(target, 0, 600).is_err(), "{target}");
        }
    }
}
