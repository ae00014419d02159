//! `cactiStyle`: legends with aligned columns of the current, greatest and least value.

use super::SERIES;
use crate::functions::aggregation::{greatest, known, least};
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Literal, Parameter, Series, Signature,
};

/// Blanks behind the widest value of a column.
const GAP: usize = 3;

/// What a column is measured with where a series has no value, or zero.
const STAND_IN: f64 = 3.0;

/// Prefixes of units, the greatest first, with the power of the base that each stands for.
const SI_PREFIXES: [&str; 5] = ["P", "T", "G", "M", "k"];
const BINARY_PREFIXES: [&str; 5] = ["Pi", "Ti", "Gi", "Mi", "Ki"];

/// See the signature.
pub(super) struct CactiStyle;

static SIGNATURE: Signature = Signature {
    names: &["cactiStyle"],
    group: Group::Special,
    usage: "(seriesList, system=None, units=None)",
    description: "Adds the current, greatest and least value to the legend, in columns that line up \
                  in a monospaced font. The system \"si\" prints multiples of a thousand, \"binary\" \
                  of 1024; units are put behind.",
    parameters: &[
        SERIES,
        Parameter::optional("system", Kind::String)
            .options(&[Literal::String("binary"), Literal::String("si")]),
        Parameter::optional("units", Kind::String),
    ],
    aggregator: false,
};

impl Function for CactiStyle {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let mut all = call.series("seriesList")?;
        let style = Style::of(call)?;
        let current = Column::new("Current", &all, &style, |values| {
            known(values).next_back().unwrap_or(f64::NAN)
        });
        let max = Column::new("Max", &all, &style, greatest);
        let min = Column::new("Min", &all, &style, least);
        let names = all.iter().map(|series| series.name.chars().count());
        let width = names.max().unwrap_or(0);
        for (row, series) in all.iter_mut().enumerate() {
            let mut legend = format!("{:<width$} ", series.name);
            for column in [&current, &max, &min] {
                legend.push_str(&column.cell(row));
                legend.push(' ');
            }
            call.claim_name(series, legend.len())?;
            series.name = legend.into();
        }
        Ok(all)
    }
}

/// How values are printed.
struct Style {
    system: Option<System>,
    units: String,
}

#[derive(Clone, Copy)]
struct System {
    prefixes: [&'static str; 5],
    base: f64,
}

impl Style {
    fn of(call: &Call<'_>) -> Result<Self, EvaluationError> {
        let system = match call.optional_string("system")?.as_deref() {
            None | Some("") => None,
            Some("si") => Some(System {
                prefixes: SI_PREFIXES,
                base: 1000.0,
            }),
            Some("binary") => Some(System {
                prefixes: BINARY_PREFIXES,
                base: 1024.0,
            }),
            Some(other) => {
                return Err(call.error(format!(
                    "parameter \"system\" must be \"si\" or \"binary\", not \"{other}\""
                )));
            }
        };
        let units = call.optional_string("units")?.unwrap_or_default();
        Ok(Self { system, units })
    }

    fn print(&self, value: f64) -> String {
        let (scaled, prefix) = match self.system {
            Some(system) => system.scale(value),
            None => (value, ""),
        };
        let blank = if self.units.is_empty() { "" } else { " " };
        format!("{scaled:.2}{blank}{prefix}{}", self.units)
    }
}

impl System {
    /// The value in multiples of the greatest power of the base that it reaches, with its prefix.
    fn scale(self, value: f64) -> (f64, &'static str) {
        let mut power = self.base.powi(self.prefixes.len() as i32);
        for prefix in self.prefixes {
            if value.abs() >= power {
                return (value / power, prefix);
            }
            power /= self.base;
        }
        (value, "")
    }
}

/// One value of each series, padded to the same width.
struct Column {
    title: &'static str,
    cells: Vec<String>,
    width: usize,
}

impl Column {
    fn new(
        title: &'static str,
        all: &[Series],
        style: &Style,
        value_of: impl Fn(&[f64]) -> f64,
    ) -> Self {
        let mut widest = 0;
        let mut cells = Vec::with_capacity(all.len());
        for series in all {
            let value = value_of(&series.values);
            // The reference measures whole numbers, so that a sign or a digit may stick out.
            let measured = if value.is_nan() || value == 0.0 {
                STAND_IN
            } else {
                value.trunc() + 0.0
            };
            widest = widest.max(style.print(measured).chars().count());
            cells.push(if value.is_nan() {
                "nan".to_owned()
            } else {
                style.print(value)
            });
        }
        Self {
            title,
            cells,
            width: widest + GAP,
        }
    }

    fn cell(&self, row: usize) -> String {
        let (title, width) = (self.title, self.width);
        format!("{title}:{:<width$}", self.cells[row])
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::Samples;

    fn names(target: &str) -> Vec<String> {
        let samples = Samples::new()
            .with("a.long", 10, 10, &[1_500.0, 2_000_000.0, 2.5])
            .with("a.no", 10, 10, &[f64::NAN]);
        let result = samples.run(target, 0, 60);
        result
            .into_iter()
            .map(|series| series.name.into())
            .collect()
    }

    #[test]
    fn columns_line_up() {
        assert_eq!(
            names("cactiStyle(a.*)"),
            [
                "a.long Current:2.50    Max:2000000.00    Min:2.50    ",
                "a.no   Current:nan     Max:nan           Min:nan     ",
            ]
        );
    }

    #[test]
    fn system_and_units_follow_the_value() {
        assert_eq!(
            names("cactiStyle(a.long,\"si\",\"b\")"),
            ["a.long Current:2.50 b    Max:2.00 Mb    Min:2.50 b    "]
        );
        assert_eq!(
            names("cactiStyle(a.long,\"binary\")"),
            ["a.long Current:2.50    Max:1.91Mi    Min:2.50    "]
        );
    }

    #[test]
    fn unknown_system_is_an_error() {
        let samples = Samples::new().with("a", 10, 10, &[1.0]);
        assert!(samples.try_run("cactiStyle(a,\"metric\")", 0, 60).is_err());
    }
}
