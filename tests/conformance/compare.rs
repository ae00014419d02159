//! Compares an answer with the recorded one by the rules of the corpus' own checker.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

/// The tolerances of a case.
pub(crate) struct Comparison {
    relative: f64,
    absolute: f64,
    /// Values this close to zero may stand for null and the other way round.
    null_zero: f64,
    ignores_tags: bool,
    /// Only names, tags, times and nulls count.
    is_random: bool,
}

type Difference = Result<(), String>;

impl Comparison {
    /// The rules of one case.
    pub(crate) fn of(case: &Value) -> Self {
        let tolerance = |key: &str| case["tolerance"][key].as_f64().unwrap_or(0.0);
        let ignored = case["ignore"].as_array();
        Self {
            relative: tolerance("rel").max(1e-9),
            absolute: tolerance("abs").max(1e-12),
            null_zero: tolerance("null_zero"),
            ignores_tags: ignored.is_some_and(|keys| keys.iter().any(|key| key == "tags")),
            is_random: case["nondeterministic"].as_bool().unwrap_or(false),
        }
    }

    /// Compares lists of series.
    ///
    /// # Errors
    /// The first difference.
    pub(crate) fn render(&self, expected: &Value, got: &Value) -> Difference {
        let (expected, got) = (list(expected), list(got));
        let names = |list: &[Value]| clip(&list.iter().map(name).collect::<Vec<_>>().join(" | "));
        if expected.len() != got.len() {
            return Err(format!(
                "expected {} series: {}\n    got {}: {}",
                expected.len(),
                names(expected),
                got.len(),
                names(got)
            ));
        }
        for (one, other) in expected.iter().zip(got) {
            if !self.same_text(&name(one), &name(other)) {
                let (one, other) = (name(one), name(other));
                return Err(format!(
                    "expected the name {one}\n    got {other}; all: {}",
                    names(got)
                ));
            }
        }
        expected
            .iter()
            .zip(got)
            .try_for_each(|(one, other)| self.series(one, other))
    }

    fn series(&self, expected: &Value, got: &Value) -> Difference {
        let name = name(expected);
        if !self.ignores_tags {
            self.tags(&expected["tags"], &got["tags"])
                .map_err(|reason| format!("{name}: {reason}"))?;
        }
        let (expected, got) = (list(&expected["datapoints"]), list(&got["datapoints"]));
        let times = |points: &[Value]| {
            points
                .iter()
                .map(|point| point[1].as_i64())
                .collect::<Vec<_>>()
        };
        if times(expected) != times(got) {
            return Err(format!(
                "{name}: expected {}\n    got {}",
                brief(expected),
                brief(got)
            ));
        }
        for (one, other) in expected.iter().zip(got) {
            if !self.same_value(&one[0], &other[0]) {
                return Err(format!(
                    "{name} at {}: expected {}, got {}",
                    one[1], one[0], other[0]
                ));
            }
        }
        Ok(())
    }

    fn tags(&self, expected: &Value, got: &Value) -> Difference {
        let (Some(one), Some(other)) = (expected.as_object(), got.as_object()) else {
            return Err("no tags".to_owned());
        };
        let same = one.len() == other.len()
            && one.iter().all(|(tag, value)| {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                other
                    .get(tag)
                    .is_some_and(|found| self.same_text(&text(value), &text(found)))
            });
        if same {
            Ok(())
        } else {
            Err(format!("expected the tags {expected}\n    got {got}"))
        }
    }

    pub(crate) fn same_value(&self, expected: &Value, got: &Value) -> bool {
        if self.is_random {
            return expected.is_null() == got.is_null();
        }
        match (expected, got) {
            (Value::Null, Value::Null) => true,
            (Value::Null, Value::Number(number)) | (Value::Number(number), Value::Null) => number
                .as_f64()
                .is_some_and(|number| number.abs() <= self.null_zero && self.null_zero > 0.0),
            (Value::Number(one), Value::Number(other)) => one
                .as_f64()
                .zip(other.as_f64())
                .is_some_and(|(one, other)| self.same_number(one, other)),
            (Value::String(text), Value::Null) => text == "__nan__",
            (one, other) => one == other,
        }
    }

    fn same_number(&self, one: f64, other: f64) -> bool {
        one == other
            || (one - other).abs()
                <= self
                    .absolute
                    .max(self.relative * one.abs().max(other.abs()))
    }

    /// Text that is equal, or equal but for long decimal numbers that agree within the tolerance.
    pub(crate) fn same_text(&self, one: &str, other: &str) -> bool {
        static NUMBER: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"[-+]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?|[-+]?inf|nan")
                .expect("the pattern is valid")
        });
        if one == other {
            return true;
        }
        if !NUMBER.split(one).eq(NUMBER.split(other)) {
            return false;
        }
        let pairs = NUMBER.find_iter(one).zip(NUMBER.find_iter(other));
        pairs
            .map(|(one, other)| (one.as_str(), other.as_str()))
            .all(|(one, other)| {
                let is_short =
                    one.len().max(other.len()) < 8 && !one.contains('e') && !other.contains('e');
                let values = one.parse().ok().zip(other.parse().ok());
                one == other
                    || (!is_short
                        && values.is_some_and(|(one, other)| self.same_number(one, other)))
            })
    }
}

/// Cuts a text for a message.
pub(crate) fn clip(text: &str) -> String {
    const LENGTH_MAX: usize = 200;
    match text.char_indices().nth(LENGTH_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn name(series: &Value) -> String {
    match &series["target"] {
        Value::String(name) => name.clone(),
        other => other.to_string(),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn brief(points: &[Value]) -> String {
    let time = |point: Option<&Value>| point.and_then(|point| point[1].as_i64()).unwrap_or(0);
    let (first, second) = (time(points.first()), time(points.get(1)));
    format!(
        "{} points {first}..{} step {}",
        points.len(),
        time(points.last()),
        second - first
    )
}
