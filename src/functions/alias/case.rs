//! `upper` and `lower`: the legend in capitals or without them.

use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Parameter, Reach, Series, Signature,
};

const PARAMETERS: &[Parameter] = &[
    Parameter::required("seriesList", Kind::SeriesList),
    Parameter::optional("pos", Kind::Integer).multiple(),
];

/// One of the two.
pub(super) struct Case {
    signature: Signature,
    change: fn(&str) -> String,
}

impl Case {
    const fn new(
        names: &'static [&'static str],
        description: &'static str,
        change: fn(&str) -> String,
    ) -> Self {
        let signature = Signature {
            names,
            group: Group::Alias,
            usage: "(seriesList, *pos)",
            description,
            parameters: PARAMETERS,
            aggregator: false,
        };
        Self { signature, change }
    }

    /// One that carbonapi has and the reference has not.
    const fn custom(mut self) -> Self {
        self.signature.group = Group::Custom;
        self
    }
}

pub(super) static LOWER: Case = Case::new(
    &["lower"],
    "Shows the legend in small letters, or just the letters at the given positions, counted from 0 or \
     back from -1.",
    str::to_lowercase,
);
pub(super) static UPPER: Case = Case::new(
    &["upper"],
    "Shows the legend in capital letters, or just the letters at the given positions, counted from 0 \
     or back from -1.",
    str::to_uppercase,
);

pub(super) static TO_LOWER_CASE: Case = Case::new(
    &["toLowerCase"],
    "Another name of lower.",
    str::to_lowercase,
)
.custom();
pub(super) static TO_UPPER_CASE: Case = Case::new(
    &["toUpperCase"],
    "Another name of upper.",
    str::to_uppercase,
)
.custom();

impl Function for Case {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn reach(&self, _call: &Call<'_>) -> Reach {
        Reach::Points(0)
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let mut all = call.series("seriesList")?;
        let positions = call.integers("pos")?;
        for series in &mut all {
            series.name = if positions.is_empty() {
                (self.change)(&series.name).into()
            } else {
                self.change_at(&series.name, &positions).into()
            };
        }
        Ok(all)
    }
}

impl Case {
    /// Positions outside the name are passed over.
    fn change_at(&self, name: &str, positions: &[i64]) -> String {
        let count = name.chars().count() as i64;
        let change = |(position, letter): (usize, char)| {
            let from_start = position as i64;
            let chosen =
                positions.contains(&from_start) || positions.contains(&(from_start - count));
            if chosen {
                (self.change)(letter.encode_utf8(&mut [0; 4]))
            } else {
                letter.to_string()
            }
        };
        name.chars().enumerate().map(change).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::Samples;

    #[test]
    fn only_the_legend_changes_its_letters() {
        let samples = Samples::new().with("a.B", 60, 60, &[1.0]);
        assert_eq!(samples.run("upper(a.B)", 0, 60)[0].name, "A.B");
        assert_eq!(samples.run("lower(a.B)", 0, 60)[0].name, "a.b");
        assert_eq!(samples.run("upper(a.B,0,99)", 0, 60)[0].name, "A.B");
        assert_eq!(samples.run("lower(a.B,-1)", 0, 60)[0].name, "a.b");
    }
}
