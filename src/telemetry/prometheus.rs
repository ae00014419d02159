//! Samples as Prometheus' text exposition format, version 0.0.4.

use std::collections::HashMap;
use std::fmt::Write;

use super::{Kind, Sample};

/// The content type of what [`print`] makes.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Prints the samples. Those of one name are put together, as the format asks, at the place of the
/// first; otherwise the order is kept.
pub fn print(samples: &[Sample]) -> String {
    let mut names: Vec<&'static str> = Vec::new();
    let mut groups: HashMap<&'static str, Vec<&Sample>> = HashMap::new();
    for sample in samples {
        groups
            .entry(sample.name)
            .or_insert_with(|| {
                names.push(sample.name);
                Vec::new()
            })
            .push(sample);
    }
    let mut text = String::with_capacity(samples.len() * 96);
    for name in names {
        print_group(&groups[name], &mut text);
    }
    text
}

fn print_group(group: &[&Sample], text: &mut String) {
    let Some(first) = group.first() else { return };
    let kind = match first.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
    };
    text.push_str("# HELP ");
    text.push_str(first.name);
    text.push(' ');
    push_escaped(first.help, false, text);
    text.push_str("\n# TYPE ");
    text.push_str(first.name);
    text.push(' ');
    text.push_str(kind);
    text.push('\n');
    for sample in group {
        print_sample(sample, text);
    }
}

fn print_sample(sample: &Sample, text: &mut String) {
    text.push_str(sample.name);
    for (position, (label, value)) in sample.labels.iter().enumerate() {
        text.push(if position == 0 { '{' } else { ',' });
        text.push_str(label);
        text.push_str("=\"");
        push_escaped(value, true, text);
        text.push('"');
    }
    if !sample.labels.is_empty() {
        text.push('}');
    }
    text.push(' ');
    push_value(sample.value, text);
    text.push('\n');
}

fn push_escaped(value: &str, quotes: bool, text: &mut String) {
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '"' if quotes => text.push_str("\\\""),
            other => text.push(other),
        }
    }
}

fn push_value(value: f64, text: &mut String) {
    if value.is_infinite() {
        text.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    } else {
        // Writing to a String cannot fail; f64 prints in full, NaN as "NaN".
        let _ = write!(text, "{value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(name: &'static str, labels: &[(&'static str, &str)], value: f64) -> Sample {
        Sample {
            name,
            help: "A \\ sentence.",
            kind: Kind::Counter,
            labels: labels
                .iter()
                .map(|(label, value)| (*label, (*value).to_owned()))
                .collect(),
            value,
        }
    }

    #[test]
    fn samples_of_one_name_stand_together_under_one_head() {
        let text = print(&[
            sample("a_total", &[("reason", "x"), ("peer", "q\"\\\n")], 3.0),
            sample("b_total", &[], 0.5),
            sample("a_total", &[("reason", "y")], f64::INFINITY),
        ]);
        let expected = "# HELP a_total A \\\\ sentence.\n# TYPE a_total counter\n\
            a_total{reason=\"x\",peer=\"q\\\"\\\\\\n\"} 3\na_total{reason=\"y\"} +Inf\n\
            # HELP b_total A \\\\ sentence.\n# TYPE b_total counter\nb_total 0.5\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn nothing_prints_as_nothing() {
        assert_eq!(print(&[]), "");
    }
}
