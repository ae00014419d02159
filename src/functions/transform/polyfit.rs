//! `polyfit`, as carbonapi has it: the polynomial that comes nearest to a series.
//!
//! The least squares are found with polynomials that are orthogonal over the known points (Forsythe
//! 1957): no matrix is inverted, and high degrees stay accurate.

use super::SERIES;
use crate::functions::aggregation::known_count;
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Literal, Parameter, Series, Signature, parallel,
};

/// The greatest degree; beyond it a curve says nothing about a series anymore.
const DEGREE_MAX: i64 = 50;

/// See the signature.
pub(super) struct Polyfit;

static SIGNATURE: Signature = Signature {
    names: &["polyfit"],
    group: Group::Custom,
    usage: "(seriesList, degree=1, offset=\"0d\")",
    description: "Draws the polynomial of a degree that lies nearest to every series, a straight line \
                  for 1, and goes on with it for as long behind the end as offset says.",
    parameters: &[
        SERIES,
        Parameter::optional("degree", Kind::Integer).default(Literal::Integer(1)),
        Parameter::optional("offset", Kind::Interval).default(Literal::String("0d")),
    ],
    aggregator: false,
};

impl Function for Polyfit {
    fn signature(&self) -> &Signature {
        &SIGNATURE
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let all = call.series("seriesList")?;
        let degree = call.integer("degree")?;
        if !(1..=DEGREE_MAX).contains(&degree) {
            let problem = format!("parameter \"degree\" must be 1 to {DEGREE_MAX}, not {degree}");
            return Err(call.error(problem));
        }
        let offset = call.interval("offset")?;
        if offset.seconds < 0 {
            return Err(call.error("parameter \"offset\" must not be negative"));
        }
        let printed = match (
            call.values("degree")?.is_empty(),
            call.values("offset")?.is_empty(),
        ) {
            (true, true) => String::new(),
            (false, true) => format!(",{degree}"),
            (_, false) => format!(",{degree},'{}'", offset.text),
        };
        parallel::try_map(all, |series| {
            let further = usize::try_from(offset.seconds / series.step).unwrap_or(usize::MAX);
            let length = series.values.len().saturating_add(further);
            call.check_points(length)?;
            let mut result = series.with_values(fit(&series.values, degree, length));
            result.end += offset.seconds;
            result.rename(format!("polyfit({}{printed})", series.name));
            Ok(result)
        })
    }
}

/// The values of the nearest polynomial at the positions from 0 up to `length`; nulls when fewer than
/// two points are known. Of a few points the degree is at most one below their number.
fn fit(values: &[f64], degree: i64, length: usize) -> Vec<f64> {
    let known = known_count(values);
    if known < 2 {
        return vec![f64::NAN; length];
    }
    let degrees = usize::try_from(degree).unwrap_or(0).min(known - 1);
    // Positions are brought to -1 … 1, where powers neither vanish nor grow.
    let half = (values.len() - 1) as f64 / 2.0;
    let place = |position: usize| (position as f64 - half) / half;
    let places: Vec<f64> = (0..length).map(place).collect();
    let mut result = vec![0.0; length];
    let mut previous = vec![0.0; length];
    let mut current = vec![1.0; length];
    let mut previous_norm = f64::INFINITY;
    for _ in 0..=degrees {
        let (mut norm, mut moment, mut product) = (0.0, 0.0, 0.0);
        for (position, value) in values
            .iter()
            .enumerate()
            .filter(|(_, value)| !value.is_nan())
        {
            let square = current[position] * current[position];
            norm += square;
            moment += places[position] * square;
            product += value * current[position];
        }
        let (coefficient, centre, ratio) = (product / norm, moment / norm, norm / previous_norm);
        for position in 0..length {
            result[position] += coefficient * current[position];
            let next = (places[position] - centre) * current[position] - ratio * previous[position];
            previous[position] = current[position];
            current[position] = next;
        }
        previous_norm = norm;
    }
    result
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    const NULL: f64 = f64::NAN;
    const VALUES: [f64; 8] = [3.5, 1.25, 7.0, 4.75, 9.5, 2.0, 8.25, 6.0];

    fn assert_fits(target: &str, values: &[f64], name: &str, expected: &[f64]) {
        let samples = Samples::new().with("a", 1, 1, values);
        let result = samples.run(target, 0, 600).remove(0);
        assert_eq!(result.name, name);
        assert_eq!(result.end, 1 + expected.len() as i64);
        assert_eq!(result.values.len(), expected.len());
        for (value, expected) in result.values.iter().zip(expected) {
            assert!(
                (value - expected).abs() < 1e-9,
                "{target}: {value} {expected}"
            );
        }
    }

    #[test]
    fn curves_are_those_of_exact_least_squares() {
        // Made with rational arithmetic from the normal equations.
        let line = [
            3.520_833_333_333,
            4.023_809_523_81,
            4.526_785_714_286,
            5.029_761_904_762,
            5.532_738_095_238,
            6.035_714_285_714,
            6.538_690_476_19,
            7.041_666_666_667,
        ];
        assert_fits("polyfit(a)", &VALUES, "polyfit(a)", &line);
        let parabola = [
            2.539_256_198_347,
            4.054_850_452_578,
            5.227_715_466_352,
            6.057_851_239_669,
            6.545_257_772_53,
            6.689_935_064_935,
            6.491_883_116_883,
            5.951_101_928_375,
        ];
        let mut gap = VALUES;
        gap[3] = NULL;
        assert_fits("polyfit(a,2)", &gap, "polyfit(a,2)", &parabola);
    }

    #[test]
    fn curve_goes_on_behind_the_end() {
        let cubic = [
            2.507_575_757_576,
            3.952_922_077_922,
            5.010_281_385_281,
            5.728_896_103_896,
            6.158_008_658_009,
            6.346_861_471_861,
            6.344_696_969_697,
            6.200_757_575_758,
            5.964_285_714_286,
            5.684_523_809_524,
            5.410_714_285_714,
        ];
        assert_fits(
            "polyfit(a,3,offset=\"3s\")",
            &VALUES,
            "polyfit(a,3,'3s')",
            &cubic,
        );
    }

    #[test]
    fn few_points_lower_the_degree() {
        assert_fits(
            "polyfit(a,9)",
            &[1.0, NULL, 3.0],
            "polyfit(a,9)",
            &[1.0, 2.0, 3.0],
        );
        let samples = Samples::new().with("a", 1, 1, &[NULL, 2.0, NULL]);
        assert_values(&samples.run("polyfit(a)", 0, 600)[0], &[None; 3]);
        for target in [
            "polyfit(a,0)",
            "polyfit(a,1,\"-1d\")",
            "polyfit(a,1,\"1000y\")",
        ] {
            assert!(samples.try_run(target, 0, 600).is_err(), "{target}");
        }
    }
}
