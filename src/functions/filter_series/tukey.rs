//! `tukeyAbove` and `tukeyBelow`: the series with the most values beyond Tukey's fences, which stand a
//! multiple of the quartiles' distance outside of the quartiles of all values.

use std::ops::Range;

use crate::functions::{
    Call, Cancellation, EvaluationError, Function, Group, Kind, Literal, Parameter, Series,
    Signature, Span,
};

/// One of the two.
pub(super) struct Tukey {
    signature: Signature,
    is_above: bool,
}

const PARAMETERS: &[Parameter] = &[
    Parameter::required("seriesList", Kind::SeriesList),
    Parameter::required("basis", Kind::Float)
        .suggestions(&[Literal::Float(1.5), Literal::Float(3.0)]),
    Parameter::required("n", Kind::Integer),
    Parameter::optional("interval", Kind::IntOrInterval).default(Literal::Integer(0)),
];

impl Tukey {
    const fn new(
        names: &'static [&'static str],
        is_above: bool,
        description: &'static str,
    ) -> Self {
        let signature = Signature {
            names,
            group: Group::Custom,
            usage: "(seriesList, basis, n, interval=0)",
            description,
            parameters: PARAMETERS,
            aggregator: false,
        };
        Self {
            signature,
            is_above,
        }
    }
}

pub(super) static TUKEY_ABOVE: Tukey = Tukey::new(
    &["tukeyAbove"],
    true,
    "The n series with the most values at or above the third quartile of all values plus basis times \
     the quartiles' distance, most first. An interval looks at the last points only, a negative one \
     at all but the last.",
);
pub(super) static TUKEY_BELOW: Tukey = Tukey::new(
    &["tukeyBelow"],
    false,
    "The n series with the most values at or below the first quartile of all values less basis times \
     the quartiles' distance, most first. An interval looks at the last points only, a negative one \
     at all but the last.",
);

impl Function for Tukey {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let all = call.series("seriesList")?;
        let basis = call.number("basis")?;
        let n = call.integer("n")?;
        if basis <= 0.0 || n < 1 {
            return Err(call.error("basis must be above 0 and n at least 1"));
        }
        let span = call.span("interval")?;
        let looked_at = |series: &Series| {
            let points = match &span {
                Span::Points(points) => *points,
                Span::Time(interval) => interval.seconds / series.step,
            };
            range(points, series.values.len())
        };
        call.claim_values(all.iter().map(|series| looked_at(series).len()).sum())?;
        let Some((low, high)) = fences(&all, basis, looked_at) else {
            return Ok(Vec::new());
        };
        let counted = all.into_iter().map(|series| {
            let values = &series.values[looked_at(&series)];
            let is_out = |value: &&f64| {
                if self.is_above {
                    **value >= high
                } else {
                    **value <= low
                }
            };
            (values.iter().filter(is_out).count(), series)
        });
        let mut counted: Vec<(usize, Series)> = counted.filter(|(count, _)| *count > 0).collect();
        counted.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        let keep = usize::try_from(n).unwrap_or(usize::MAX);
        Ok(counted
            .into_iter()
            .take(keep)
            .map(|(_, series)| series)
            .collect())
    }
}

/// The last `points` of so many, all but the last `-points`, or all.
fn range(points: i64, count: usize) -> Range<usize> {
    let magnitude = usize::try_from(points.unsigned_abs()).unwrap_or(usize::MAX);
    match points.signum() {
        1 if magnitude < count => count - magnitude..count,
        -1 if magnitude < count => 0..count - magnitude,
        _ => 0..count,
    }
}

/// The lower and the upper fence of all values that are looked at.
fn fences(
    all: &[Series],
    basis: f64,
    looked_at: impl Fn(&Series) -> Range<usize>,
) -> Option<(f64, f64)> {
    let known = || {
        // What a cancelled query gets is thrown away.
        let goes_on = |_: &&Series| Cancellation::check_current().is_ok();
        let values = all
            .iter()
            .take_while(goes_on)
            .flat_map(|series| &series.values[looked_at(series)]);
        values.copied().filter(|value| !value.is_nan())
    };
    let mut values = Vec::with_capacity(known().count());
    values.extend(known());
    let count = values.len();
    if count == 0 {
        return None;
    }
    let quartile =
        |values: &mut [f64], place| *values.select_nth_unstable_by(place, f64::total_cmp).1;
    let (first_place, third_place) = (count / 4, count * 3 / 4);
    let first = quartile(&mut values, first_place);
    // Those from the first quartile's place on are no less than it.
    let third = quartile(&mut values[first_place..], third_place - first_place);
    let distance = basis * (third - first);
    Some((first - distance, third + distance))
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::Samples;

    #[test]
    fn series_beyond_the_fences_are_kept() {
        let samples = Samples::new()
            .with("s.a", 60, 60, &[1.0, 2.0, 3.0, 2.0])
            .with("s.b", 60, 60, &[2.0, 90.0, 3.0, f64::NAN])
            .with("s.c", 60, 60, &[90.0, 95.0, 2.0, -50.0])
            .with("s.d", 60, 60, &[2.0, 1.0, 2.0, 3.0]);
        let kept = |target: &str| -> Vec<String> {
            let result = samples.run(target, 0, 240);
            result
                .into_iter()
                .map(|series| series.name.into())
                .collect()
        };
        assert_eq!(kept("tukeyAbove(s.*,1.5,5)"), ["s.c", "s.b"]);
        assert_eq!(kept("tukeyAbove(s.*,1.5,1)"), ["s.c"]);
        assert_eq!(kept("tukeyBelow(s.*,1.5,5)"), ["s.c"]);
        assert_eq!(kept("tukeyAbove(s.*,1.5,5,'2min')"), Vec::<String>::new());
        assert_eq!(kept("tukeyBelow(s.*,1.5,5,-1)"), Vec::<String>::new());
        assert!(kept("tukeyAbove(none.*,1.5,5)").is_empty());
        assert!(samples.try_run("tukeyAbove(s.*,1.5,0)", 0, 240).is_err());
    }
}
