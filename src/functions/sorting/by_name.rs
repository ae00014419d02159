//! `sortByName`: series in the order of their names.

use std::fmt::Write as _;

use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Literal, Parameter, Reach, Series, Signature,
};

/// See the signature.
pub(super) struct SortByName;

static SIGNATURE: Signature = Signature {
    names: &["sortByName"],
    group: Group::Sorting,
    usage: "(seriesList, natural=False, reverse=False)",
    description: "Sorts by name; natural order compares runs of digits as numbers.",
    parameters: &[
        Parameter::required("seriesList", Kind::SeriesList),
        Parameter::optional("natural", Kind::Boolean).default(Literal::Boolean(false)),
        Parameter::optional("reverse", Kind::Boolean).default(Literal::Boolean(false)),
    ],
    aggregator: false,
};

impl Function for SortByName {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn reach(&self, _call: &Call<'_>) -> Reach {
        Reach::Points(0)
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let mut all = call.series("seriesList")?;
        let natural = call.boolean("natural")?;
        let reverse = call.boolean("reverse")?;
        if natural {
            all.sort_by_cached_key(|series| padded(&series.name));
        } else {
            all.sort_by(|left, right| left.name.cmp(&right.name));
        }
        if reverse {
            reverse_keeping_equals(&mut all, natural);
        }
        Ok(all)
    }
}

/// Turns the order round while series of one key stay as they were, as a stable descending sort
/// would leave them.
fn reverse_keeping_equals(all: &mut [Series], natural: bool) {
    all.reverse();
    let same = |left: &Series, right: &Series| {
        left.name == right.name || (natural && padded(&left.name) == padded(&right.name))
    };
    for equals in all.chunk_by_mut(same) {
        equals.reverse();
    }
}

/// The name with every run of digits as a number of at least ten places.
fn padded(name: &str) -> String {
    let mut key = String::with_capacity(name.len() + 16);
    let mut rest = name;
    while let Some(start) = rest.find(|letter: char| letter.is_ascii_digit()) {
        let digits = rest[start..]
            .find(|letter: char| !letter.is_ascii_digit())
            .unwrap_or(rest.len() - start);
        let number = rest[start..start + digits].trim_start_matches('0');
        key.push_str(&rest[..start]);
        write!(key, "{number:0>10}").expect("writing to a string cannot fail");
        rest = &rest[start + digits..];
    }
    key.push_str(rest);
    key
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::Samples;

    fn order(arguments: &str) -> Vec<String> {
        let samples = ["w.10", "w.9", "w.09", "w.1"]
            .iter()
            .fold(Samples::new(), |samples, name| {
                samples.with(name, 60, 60, &[1.0])
            });
        let result = samples.run(&format!("sortByName(w.*{arguments})"), 0, 60);
        result
            .into_iter()
            .map(|series| series.name.into())
            .collect()
    }

    #[test]
    fn natural_order_compares_numbers() {
        assert_eq!(order(""), ["w.09", "w.1", "w.10", "w.9"]);
        assert_eq!(order(",true"), ["w.1", "w.09", "w.9", "w.10"]);
    }

    #[test]
    fn reverse_keeps_the_order_of_equals() {
        assert_eq!(order(",false,true"), ["w.9", "w.10", "w.1", "w.09"]);
        assert_eq!(order(",true,true"), ["w.10", "w.09", "w.9", "w.1"]);
    }
}
