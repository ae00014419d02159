//! Triple exponential smoothing by Holt and Winters: forecast, confidence bands, aberration.
//!
//! The series are read again from a bootstrap interval earlier, so that the seasonal terms have
//! settled when the window begins. The constants are the reference's: alpha and gamma 0.1, beta
//! 0.0035.

use std::collections::HashMap;

use crate::functions::series::bytes_held;
use crate::functions::{
    Call, Cancellation, EvaluationError, Function, Group, Kind, Literal, Parameter, Series,
    Signature, Value, Window,
};

const SERIES: Parameter = Parameter::required("seriesList", Kind::SeriesList);
const DELTA: Parameter = Parameter::optional("delta", Kind::Integer).default(Literal::Integer(3));
const BOOTSTRAP: Parameter = Parameter::optional("bootstrapInterval", Kind::Interval)
    .default(Literal::String("7d"))
    .suggestions(&[Literal::String("7d"), Literal::String("30d")]);
const SEASONALITY: Parameter = Parameter::optional("seasonality", Kind::Interval)
    .default(Literal::String("1d"))
    .suggestions(&[Literal::String("1d"), Literal::String("7d")]);

const ALPHA: f64 = 0.1;
const BETA: f64 = 0.0035;
const GAMMA: f64 = 0.1;

/// Values that an analysis holds for each of its series: seasonal terms, predictions, deviations; and
/// the result.
const WORK_VALUES: usize = 4;

/// What the analysis of a series gives for each of its points.
struct Analysis {
    predictions: Vec<f64>,
    deviations: Vec<f64>,
}

/// Runs over the values once; `season` is the length of a season in points.
fn analyse(values: &[f64], season: usize) -> Analysis {
    let count = values.len();
    let mut seasonals = Vec::with_capacity(count);
    let mut predictions = Vec::with_capacity(count);
    let mut deviations = Vec::with_capacity(count);
    let (mut intercept, mut slope) = (f64::NAN, 0.0);
    let mut next_prediction = f64::NAN;
    for (slot, &actual) in values.iter().enumerate() {
        if actual.is_nan() {
            // A gap breaks the recursion; it starts anew from the next known value.
            intercept = f64::NAN;
            slope = 0.0;
            seasonals.push(0.0);
            predictions.push(next_prediction);
            deviations.push(0.0);
            next_prediction = f64::NAN;
            continue;
        }
        let prediction = if slot == 0 { actual } else { next_prediction };
        let last_intercept = if intercept.is_nan() {
            actual
        } else {
            intercept
        };
        let last_slope = slope;
        let last_seasonal = season_before(&seasonals, slot, season);
        let next_seasonal = season_before(&seasonals, slot + 1, season);
        let last_deviation = season_before(&deviations, slot, season);
        intercept =
            ALPHA * (actual - last_seasonal) + (1.0 - ALPHA) * (last_intercept + last_slope);
        slope = BETA * (intercept - last_intercept) + (1.0 - BETA) * last_slope;
        seasonals.push(GAMMA * (actual - intercept) + (1.0 - GAMMA) * last_seasonal);
        next_prediction = intercept + slope + next_seasonal;
        let expected = if prediction.is_nan() { 0.0 } else { prediction };
        predictions.push(prediction);
        deviations.push(GAMMA * (actual - expected).abs() + (1.0 - GAMMA) * last_deviation);
    }
    Analysis {
        predictions,
        deviations,
    }
}

/// The entry of one season ago, zero in the first season.
fn season_before(entries: &[f64], slot: usize, season: usize) -> f64 {
    slot.checked_sub(season)
        .and_then(|earlier| entries.get(earlier).copied())
        .unwrap_or(0.0)
}

/// A series over the bootstrap and the window, analysed.
struct Bootstrapped {
    series: Series,
    analysis: Analysis,
    /// The window's grid.
    grid: (i64, i64, i64),
    /// Points of the bootstrap, which results leave out.
    skip: usize,
}

impl Bootstrapped {
    fn predictions(&self) -> &[f64] {
        self.analysis
            .predictions
            .get(self.skip..)
            .unwrap_or_default()
    }

    fn deviations(&self) -> &[f64] {
        self.analysis
            .deviations
            .get(self.skip..)
            .unwrap_or_default()
    }
}

fn bootstrap_window(call: &Call<'_>) -> Result<Window, EvaluationError> {
    Ok(call.window().widened(bootstrap_seconds(call)?))
}

/// Null is no time at all.
fn bootstrap_seconds(call: &Call<'_>) -> Result<i64, EvaluationError> {
    match call.is_null("bootstrapInterval")? {
        true => Ok(0),
        false => Ok(call.interval("bootstrapInterval")?.seconds),
    }
}

/// The series one after the other, each with its results made before the next is analysed: an analysis
/// takes several times the room of its series. A series has so many `results`.
fn bootstrapped<'a>(
    call: &'a Call<'_>,
    results: usize,
) -> Result<impl Iterator<Item = Result<Bootstrapped, EvaluationError>> + 'a, EvaluationError> {
    let preview = bootstrap_seconds(call)?;
    let seasonality = call.interval("seasonality")?;
    let all = call.series_in("seriesList", bootstrap_window(call)?)?;
    let longest = all.iter().map(|series| series.values.len()).max();
    call.claim_values(longest.unwrap_or(0) * WORK_VALUES)?;
    // Of the results of a series one takes its place.
    call.claim(bytes_held(&all) * (results - 1))?;
    Ok(all.into_iter().map(move |mut series| {
        Cancellation::check_current()?;
        let season = usize::try_from(seasonality.seconds / series.step).unwrap_or(0);
        // Of nothing any season makes nothing.
        if season < 2 && series.values.iter().any(|value| !value.is_nan()) {
            return Err(call.error(format!(
                "seasonality \"{}\" is shorter than two steps of {} s of \"{}\"",
                seasonality.text, series.step, series.name
            )));
        }
        series.tags.set("holtWintersForecast", "1");
        series.tags.set("holtWintersDeviation", "1");
        Ok(Bootstrapped {
            analysis: analyse(&series.values, season),
            grid: (series.start + preview, series.end, series.step),
            skip: usize::try_from(preview / series.step).unwrap_or(0),
            series,
        })
    }))
}

/// A result on the window's grid with the tags and the factor of its source.
fn result_of(call: &Call<'_>, source: &Bootstrapped, name: String, values: Vec<f64>) -> Series {
    let mut result = call.fresh(name, source.grid, values);
    result.tags = source.series.tags.clone();
    result.x_files_factor = source.series.x_files_factor;
    result
}

/// `holtWintersForecast`.
pub(super) struct Forecast;

static FORECAST: Signature = Signature {
    names: &["holtWintersForecast"],
    group: Group::Calculate,
    usage: "(seriesList, bootstrapInterval='7d', seasonality='1d')",
    description: "What each value was expected to be from the season before it.",
    parameters: &[SERIES, BOOTSTRAP, SEASONALITY],
    aggregator: false,
};

impl Function for Forecast {
    fn signature(&self) -> &Signature {
        &FORECAST
    }

    fn windows(&self, call: &Call<'_>) -> Result<Vec<Window>, EvaluationError> {
        Ok(vec![bootstrap_window(call)?])
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let forecast = |source: Bootstrapped| {
            let name = format!("holtWintersForecast({})", source.series.name);
            result_of(call, &source, name, source.predictions().to_vec())
        };
        bootstrapped(call, 1)?
            .map(|source| source.map(forecast))
            .collect()
    }
}

/// Lower and upper band of each series.
fn bands(call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
    let delta = call.number("delta")?;
    let mut results = Vec::new();
    for source in bootstrapped(call, 2)? {
        let mut source = source?;
        source.series.tags.set("holtWintersConfidenceUpper", "1");
        source.series.tags.set("holtWintersConfidenceLower", "1");
        let band = |which: &str, sign: f64| {
            let pairs = source.predictions().iter().zip(source.deviations());
            let values = pairs.map(|(prediction, deviation)| prediction + sign * delta * deviation);
            let name = format!("holtWintersConfidence{which}({})", source.series.name);
            let mut result = result_of(call, &source, name, values.collect());
            result
                .path_expression
                .clone_from(&source.series.path_expression);
            result
        };
        results.push(band("Lower", -1.0));
        results.push(band("Upper", 1.0));
    }
    Ok(results)
}

/// `holtWintersConfidenceBands`.
pub(super) struct ConfidenceBands;

static CONFIDENCE_BANDS: Signature = Signature {
    names: &["holtWintersConfidenceBands"],
    group: Group::Calculate,
    usage: "(seriesList, delta=3, bootstrapInterval='7d', seasonality='1d')",
    description: "The forecast less and plus delta times the deviation that was usual a season ago.",
    parameters: &[SERIES, DELTA, BOOTSTRAP, SEASONALITY],
    aggregator: false,
};

impl Function for ConfidenceBands {
    fn signature(&self) -> &Signature {
        &CONFIDENCE_BANDS
    }

    fn windows(&self, call: &Call<'_>) -> Result<Vec<Window>, EvaluationError> {
        Ok(vec![bootstrap_window(call)?])
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        bands(call)
    }
}

/// `holtWintersConfidenceArea`.
pub(super) struct ConfidenceArea;

static CONFIDENCE_AREA: Signature = Signature {
    names: &["holtWintersConfidenceArea"],
    group: Group::Calculate,
    usage: "(seriesList, delta=3, bootstrapInterval='7d', seasonality='1d')",
    description: "The area between the confidence bands of exactly one series.",
    parameters: &[SERIES, DELTA, BOOTSTRAP, SEASONALITY],
    aggregator: false,
};

impl Function for ConfidenceArea {
    fn signature(&self) -> &Signature {
        &CONFIDENCE_AREA
    }

    fn windows(&self, call: &Call<'_>) -> Result<Vec<Window>, EvaluationError> {
        Ok(vec![bootstrap_window(call)?])
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let mut area = call.invoke("areaBetween", vec![Value::Series(bands(call)?)])?;
        for series in &mut area {
            series.tags.remove("areaBetween");
            series.tags.set("holtWintersConfidenceArea", "1");
            series.rename(
                series
                    .name
                    .replace("areaBetween", "holtWintersConfidenceArea"),
            );
        }
        Ok(area)
    }
}

/// `holtWintersAberration`.
pub(super) struct Aberration;

static ABERRATION: Signature = Signature {
    names: &["holtWintersAberration"],
    group: Group::Calculate,
    usage: "(seriesList, delta=3, bootstrapInterval='7d', seasonality='1d')",
    description: "How far each value lies above or below its confidence bands; zero within them.",
    parameters: &[SERIES, DELTA, BOOTSTRAP, SEASONALITY],
    aggregator: false,
};

impl Function for Aberration {
    fn signature(&self) -> &Signature {
        &ABERRATION
    }

    fn windows(&self, call: &Call<'_>) -> Result<Vec<Window>, EvaluationError> {
        Ok(vec![call.window(), bootstrap_window(call)?])
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let all = call.series("seriesList")?;
        let bands: HashMap<_, _> = bands(call)?
            .into_iter()
            .map(|band| (band.name.clone(), band))
            .collect();
        let mut results = Vec::with_capacity(all.len());
        for series in all {
            let band = |which: &str| {
                let name = format!("holtWintersConfidence{which}({})", series.name);
                let missing = || call.error(format!("there is no series \"{name}\""));
                bands.get(name.as_str()).ok_or_else(missing)
            };
            let values = aberrations(
                &series.values,
                &band("Lower")?.values,
                &band("Upper")?.values,
            );
            let name = format!("holtWintersAberration({})", series.name);
            let mut result = call.fresh(name, (series.start, series.end, series.step), values);
            result.tags = series.tags;
            result.tags.set("holtWintersAberration", "1");
            result.x_files_factor = series.x_files_factor;
            results.push(result);
        }
        Ok(results)
    }
}

/// The distance to the nearer band where a value lies outside; comparisons with a null band are false.
fn aberrations(values: &[f64], lower: &[f64], upper: &[f64]) -> Vec<f64> {
    let at = |band: &[f64], slot: usize| band.get(slot).copied().unwrap_or(f64::NAN);
    let aberration = |(slot, &value): (usize, &f64)| {
        let (lower, upper) = (at(lower, slot), at(upper, slot));
        if value > upper {
            value - upper
        } else if value < lower {
            value - lower
        } else {
            0.0
        }
    };
    values.iter().enumerate().map(aberration).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::testing::{Samples, assert_values};

    fn samples() -> Samples {
        let mut values = vec![10.0; 12];
        values[11] = 30.0;
        Samples::new().with("a", 60, 60, &values)
    }

    #[test]
    fn constant_series_is_forecast_exactly() {
        let result = samples().run("holtWintersForecast(a,'5min','2min')", 300, 720);
        assert_eq!(result[0].name, "holtWintersForecast(a)");
        // Null is no bootstrap at all.
        let whole = samples().run("holtWintersForecast(a,none,'2min')", 0, 720);
        assert_eq!((whole[0].start, whole[0].values.len()), (60, 12));
        assert_eq!(result[0].start, 360);
        assert_values(&result[0], &[Some(10.0); 7]);
    }

    #[test]
    fn only_what_leaves_the_bands_is_an_aberration() {
        let result = samples().run("holtWintersAberration(a,1,'5min','2min')", 300, 720);
        let mut expected = [Some(0.0); 7];
        expected[6] = Some(18.0);
        assert_values(&result[0], &expected);
        let area = samples().run("holtWintersConfidenceArea(a,1,'5min','2min')", 300, 720);
        assert_eq!(area[0].name, "holtWintersConfidenceArea(a)");
        assert_eq!(area.len(), 2);
    }

    #[test]
    fn gap_starts_the_recursion_anew() {
        let analysis = analyse(&[1.0, f64::NAN, 5.0, 5.0], 2);
        let known: Vec<bool> = analysis
            .predictions
            .iter()
            .map(|prediction| !prediction.is_nan())
            .collect();
        assert_eq!(known, [true, true, false, true]);
    }

    #[test]
    fn season_must_hold_two_points() {
        let error = samples().try_run("holtWintersForecast(a,'5min','1min')", 300, 720);
        assert!(error.unwrap_err().to_string().contains("two steps"));
        let nothing = Samples::new().with("a", 60, 60, &[f64::NAN; 12]);
        let result = nothing.run("holtWintersAberration(a,3,'5min','1min')", 300, 720);
        assert_eq!(result[0].values.as_slice(), [0.0; 7]);
    }
}
