//! Archives, methods and factors as the Whisper scripts take them on the command line.

use clap::Args;
use plumbago_storage_format::whisper::{ArchiveSpec, Method};

use super::ToolError;
use super::rules::specs_of;
use crate::metric::Retention;

/// The archives of arguments such as `10s:6h 1m:7d` or `60:1440,900:8`, finest first.
///
/// # Errors
/// The argument that is none, or the rule that they break.
pub(super) fn parse(arguments: &[String]) -> Result<Vec<ArchiveSpec>, ToolError> {
    let text = arguments.join(",");
    let retention = Retention::parse(&text);
    let retention = retention.map_err(|error| ToolError::BadInput(format!("{text}: {error}")))?;
    Ok(specs_of(&retention))
}

/// `--xFilesFactor` and `--aggregationMethod`.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct RollupFlags {
    /// The share of fine slots that must be known for a coarse one, 0 to 1.
    #[arg(long = "xFilesFactor", alias = "x-files-factor", value_name = "SHARE", value_parser = parse_factor)]
    pub(super) x_files_factor: Option<f32>,
    /// How fine values become a coarse one: average, sum, last, max, min, avg_zero, absmax, absmin;
    /// first in go-carbon's dialect.
    #[arg(long = "aggregationMethod", alias = "aggregation-method", value_name = "METHOD", value_parser = parse_method)]
    pub(super) aggregation_method: Option<Method>,
}

/// A clap parser of an xFilesFactor.
pub(super) fn parse_factor(text: &str) -> Result<f32, String> {
    let factor = text.parse().ok();
    let share = factor.filter(|factor| (0.0..=1.0).contains(factor));
    share.ok_or_else(|| "is not a number from 0 to 1".to_owned())
}

/// A clap parser of an aggregation method.
pub(super) fn parse_method(text: &str) -> Result<Method, String> {
    let method = text
        .parse()
        .ok()
        .filter(|method: &Method| method.rolls_up());
    method.ok_or_else(|| {
        "is none of average, sum, last, max, min, avg_zero, absmax, absmin, first".to_owned()
    })
}

/// Archives as `10s:2160,60s:10080`.
pub(super) fn show(archives: &[ArchiveSpec]) -> String {
    let archives = archives.iter();
    let archives = archives.map(|archive| format!("{}s:{}", archive.step_s, archive.points));
    archives.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn archives_are_read_in_one_argument_or_in_many() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let parsed = parse(&words("1m:7d 10s:6h")).unwrap();
        assert_eq!(show(&parsed), "10s:2160,60s:10080");
        assert_eq!(parse(&words("10s:6h,1m:7d")).unwrap(), parsed);
        let refusal = parse(&words("10s:6h 15s:7d")).unwrap_err().to_string();
        assert!(refusal.starts_with("10s:6h,15s:7d: "), "{refusal}");
    }

    #[test]
    fn factors_and_methods_are_checked() {
        assert_eq!(parse_factor("0.3"), Ok(0.3));
        for text in ["1.5", "-0.1", "nan", "half"] {
            assert!(parse_factor(text).is_err(), "{text}");
        }
        assert_eq!(parse_method("absmin"), Ok(Method::AbsMin));
        assert!(parse_method("mix").is_err() && parse_method("mean").is_err());
    }
}
