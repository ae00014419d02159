//! `fft` and `ifft`, as carbonapi has them: series to their spectra and back.
//!
//! The points of a spectrum stand at the times of the series, though they are frequencies.

use super::SERIES;
use super::fourier::{self, Complex};
use crate::functions::series::bytes_held;
use crate::functions::{
    Call, Cancellation, EvaluationError, Function, Group, Kind, Literal, Parameter, Series,
    Signature,
};

/// The longest series that is transformed.
const LENGTH_MAX: usize = 1 << 20;

/// Complex numbers that the work needs for each value of a series at most, when the next power of two
/// with room for a convolution is four times as long.
const WORK_NUMBERS: usize = 12;

/// `fft`.
pub(super) struct Fft;

static FFT: Signature = Signature {
    names: &["fft"],
    group: Group::Custom,
    usage: "(seriesList, mode)",
    description: "The discrete Fourier transform of every series: its absolute values, its phases, or \
                  both one after the other. Nulls count as zero.",
    parameters: &[
        SERIES,
        Parameter::optional("mode", Kind::String).options(&[
            Literal::String("abs"),
            Literal::String("both"),
            Literal::String("phase"),
        ]),
    ],
    aggregator: false,
};

impl Function for Fft {
    fn signature(&self) -> &Signature {
        &FFT
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let mode = call.optional_string("mode")?.unwrap_or_default();
        let (with_abs, with_phase) = match mode.as_str() {
            "" | "both" | "all" => (true, true),
            "abs" => (true, false),
            "phase" => (false, true),
            _ => {
                return Err(call.error(format!(
                    "parameter \"mode\" must be \"abs\", \"phase\" or \"both\", not \"{mode}\""
                )));
            }
        };
        let all = call.series("seriesList")?;
        claim_work(call, &all)?;
        if with_abs && with_phase {
            // Of the two results of a series one takes its place.
            call.claim(bytes_held(&all))?;
        }
        let mut results = Vec::new();
        for series in all {
            Cancellation::check_current()?;
            let signal = series
                .values
                .iter()
                .map(|value| Complex::from(or_zero(*value)));
            let spectrum = fourier::forward(signal.collect());
            if with_abs {
                results.push(component(&series, &spectrum, "abs", Complex::abs));
            }
            if with_phase {
                results.push(component(&series, &spectrum, "phase", Complex::phase));
            }
        }
        Ok(results)
    }
}

fn component(
    series: &Series,
    spectrum: &[Complex],
    mode: &str,
    part: fn(Complex) -> f64,
) -> Series {
    let mut result = series.with_values(spectrum.iter().map(|number| part(*number)).collect());
    result.rename(format!("fft({},{mode})", series.name));
    result
}

/// `ifft`.
pub(super) struct Ifft;

static IFFT: Signature = Signature {
    names: &["ifft"],
    group: Group::Custom,
    usage: "(seriesList, phaseSeriesList)",
    description: "The absolute values of the inverse Fourier transform. The first list holds absolute \
                  values and the second phases, paired by position; without phases they are zero.",
    parameters: &[
        SERIES,
        Parameter::optional("phaseSeriesList", Kind::SeriesList),
    ],
    aggregator: false,
};

impl Function for Ifft {
    fn signature(&self) -> &Signature {
        &IFFT
    }

    fn keeps_grid(&self) -> bool {
        true
    }

    fn evaluate(&self, call: &Call<'_>) -> Result<Vec<Series>, EvaluationError> {
        let all = call.series("seriesList")?;
        let phases = call.optional_series("phaseSeriesList")?.unwrap_or_default();
        claim_work(call, &all)?;
        let invert = |(position, series): (usize, Series)| {
            Cancellation::check_current()?;
            Ok(inverse(&series, phases.get(position)))
        };
        all.into_iter().enumerate().map(invert).collect()
    }
}

fn inverse(series: &Series, phase: Option<&Series>) -> Series {
    let angle = |position: usize| {
        let value = phase.and_then(|phase| phase.values.get(position));
        or_zero(value.copied().unwrap_or(0.0))
    };
    let number =
        |(position, value): (usize, &f64)| Complex::polar(or_zero(*value), angle(position));
    let spectrum = series.values.iter().enumerate().map(number).collect();
    let signal = fourier::inverse(spectrum);
    // Not from the numbers by value: the values would keep their room, which is twice as large.
    let mut result = series.with_values(signal.iter().map(|number| number.abs()).collect());
    result.rename(match phase {
        Some(phase) => format!("ifft({},{})", series.name, phase.name),
        None => format!("ifft({})", series.name),
    });
    result
}

fn or_zero(value: f64) -> f64 {
    if value.is_nan() { 0.0 } else { value }
}

/// Claims room to transform one series after the other.
fn claim_work(call: &Call<'_>, all: &[Series]) -> Result<(), EvaluationError> {
    let Some(longest) = all.iter().max_by_key(|series| series.values.len()) else {
        return Ok(());
    };
    let length = longest.values.len();
    if length > LENGTH_MAX {
        let (function, name) = (call.function(), &longest.name);
        return Err(EvaluationError::Limit(format!(
            "{function}: \"{name}\" has {length} points (at most {LENGTH_MAX})"
        )));
    }
    call.claim(length * WORK_NUMBERS * size_of::<Complex>())
}

#[cfg(test)]
mod tests {
    use crate::functions::testing::Samples;

    fn samples() -> Samples {
        Samples::new().with("a", 10, 10, &[1.0, 2.0, 3.0, 4.0, 5.0])
    }

    #[test]
    fn both_components_follow_each_other() {
        let result = samples().run("fft(a)", 0, 600);
        let names: Vec<_> = result.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["fft(a,abs)", "fft(a,phase)"]);
        assert!((result[0].values[0] - 15.0).abs() < 1e-12);
        assert!(result[1].values[0].abs() < 1e-12);
        assert_eq!(samples().run("fft(a,\"abs\")", 0, 600).len(), 1);
        assert_eq!(
            samples().run("fft(a,mode=\"phase\")", 0, 600)[0].name,
            "fft(a,phase)"
        );
        assert!(samples().try_run("fft(a,\"colour\")", 0, 600).is_err());
    }

    #[test]
    fn inverse_undoes_the_transform() {
        let result = samples().run("ifft(fft(a,\"abs\"),fft(a,\"phase\"))", 0, 600);
        assert_eq!(result[0].name, "ifft(fft(a,abs),fft(a,phase))");
        for (value, expected) in result[0].values.iter().zip([1.0, 2.0, 3.0, 4.0, 5.0]) {
            assert!((value - expected).abs() < 1e-9, "{value}");
        }
    }

    #[test]
    fn phases_may_be_missing() {
        let result = samples().run("ifft(a)", 0, 600);
        assert_eq!(result[0].name, "ifft(a)");
        assert!((result[0].values[0] - 3.0).abs() < 1e-12);
    }
}
