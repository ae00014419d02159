//! `removeAboveValue` and its kin: values beyond a limit become null.

use crate::functions::percentile::percentile;
use crate::functions::{
    Call, EvaluationError, Function, Group, Kind, Parameter, Reach, Series, Signature, number_text,
    parallel,
};

const PARAMETERS: &[Parameter] = &[
    Parameter::required("seriesList", Kind::SeriesList),
    Parameter::required("n", Kind::Float),
];

/// Which side of the limit goes.
#[derive(Clone, Copy)]
enum Side {
    Above,
    Below,
}

/// What `n` means.
#[derive(Clone, Copy)]
enum Limit {
    Value,
    Percentile,
}

/// One of the family.
pub(super) struct Remove {
    signature: Signature,
    side: Side,
    limit: Limit,
}

impl Remove {
    const fn new(
        names: &'static [&'static str],
        side: Side,
        limit: Limit,
        description: &'static str,
    ) -> Self {
        let signature = Signature {
            names,
            group: Group::FilterData,
            usage: "(seriesList, n)",
            description,
            parameters: PARAMETERS,
            aggregator: false,
        };
        Self {
            signature,
            side,
            limit,
        }
    }

    /// The limit of one series; `None` when it has no values to take a percentile of.
    fn limit_of(&self, series: &Series, n: f64) -> Option<f64> {
        match self.limit {
            Limit::Value => Some(n),
            Limit::Percentile => percentile(&series.values, n, false),
        }
    }
}

pub(super) static REMOVE_ABOVE_PERCENTILE: Remove = Remove::new(
    &["removeAbovePercentile"],
    Side::Above,
    Limit::Percentile,
    "Nulls the values above the nth percentile of their own series.",
);
pub(super) static REMOVE_ABOVE_VALUE: Remove = Remove::new(
    &["removeAboveValue"],
    Side::Above,
    Limit::Value,
    "Nulls the values above n.",
);
pub(super) static REMOVE_BELOW_PERCENTILE: Remove = Remove::new(
    &["removeBelowPercentile"],
    Side::Below,
    Limit::Percentile,
    "Nulls the values below the nth percentile of their own series.",
);
pub(super) static REMOVE_BELOW_VALUE: Remove = Remove::new(
    &["removeBelowValue"],
    Side::Below,
    Limit::Value,
    "Nulls the values below n.",
);

impl Function for Remove {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn reach(&self, _call: &Call<'_>) -> Reach {
        match self.limit {
            Limit::Value => Reach::Points(0),
            Limit::Percentile => Reach::Unbounded,
        }
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let all = call.series("seriesList")?;
        let n = call.number("n")?;
        if matches!(self.limit, Limit::Percentile) && n == 0.0 {
            return Err(call.error("n must not be 0"));
        }
        let prefix = call.function();
        Ok(parallel::map(all, |mut series| {
            series.rename(format!(
                "{prefix}({}, {})",
                series.name,
                number_text::general(n)
            ));
            if let Some(limit) = self.limit_of(&series, n) {
                if let Limit::Percentile = self.limit {
                    series.tags.set("nPercentile", number_text::repr(n));
                }
                remove(&mut series, self.side, limit);
            }
            series
        }))
    }
}

fn remove(series: &mut Series, side: Side, limit: f64) {
    for value in series.values_mut() {
        let beyond = match side {
            Side::Above => *value > limit,
            Side::Below => *value < limit,
        };
        if beyond {
            *value = f64::NAN;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::{Samples, assert_values};

    fn samples() -> Samples {
        Samples::new()
            .with("a", 60, 60, &[1.0, 2.0, f64::NAN, 4.0])
            .with("b", 60, 60, &[f64::NAN; 4])
    }

    #[test]
    fn values_beyond_the_limit_become_null() {
        let result = samples().run("removeAboveValue(a,2)", 0, 240);
        assert_eq!(result[0].name, "removeAboveValue(a, 2)");
        assert_eq!(result[0].path_expression, "removeAboveValue(a, 2)");
        assert_values(&result[0], &[Some(1.0), Some(2.0), None, None]);
        let result = samples().run("removeBelowValue(a,2)", 0, 240);
        assert_values(&result[0], &[None, Some(2.0), None, Some(4.0)]);
    }

    #[test]
    fn percentile_is_taken_of_each_series() {
        let result = samples().run("removeBelowPercentile({a,b},50)", 0, 240);
        assert_values(&result[0], &[None, Some(2.0), None, Some(4.0)]);
        assert_values(&result[1], &[None; 4]);
        assert!(
            samples()
                .try_run("removeAbovePercentile(a,0)", 0, 240)
                .is_err()
        );
    }
}
