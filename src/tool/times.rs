//! Times on the command line: the grammar of `from` and `until` in a render request; in answers as the
//! Python scripts show them.

use clap::Args;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::ToolError;
use crate::clock::Clock;
use crate::metric::retention::parse_seconds;
use crate::target::time::{parse_at_time, time_zone};

/// What `ctime` prints.
const CTIME: &str = "%a %b %e %H:%M:%S %Y";

/// The present, in seconds since the epoch.
pub(super) fn now() -> i64 {
    Clock::system().now()
}

/// A clap parser of a span of time: `3600`, `36h`, `30d`, in seconds.
pub(super) fn parse_span(text: &str) -> Result<i64, String> {
    let seconds = parse_seconds(text).and_then(|seconds| i64::try_from(seconds).ok());
    seconds.ok_or_else(|| "is not a span of time, as in 3600, 36h or 30d".to_owned())
}

/// The flags that say which times are wanted.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Window {
    /// The begin, exclusive: as in a render request, for example -1d, noon yesterday, 1750000000.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(super) from: Option<String>,
    /// The end, inclusive.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(super) until: Option<String>,
    /// The time that `now` is, from which ages are counted and which archive answers is chosen.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(super) now: Option<String>,
    /// The time zone of days and times of day, as in Europe/Berlin; the system's without it.
    #[arg(long, value_name = "ZONE")]
    pub(super) tz: Option<String>,
}

/// The times themselves, in seconds since the epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) from: Option<i64>,
    pub(super) until: Option<i64>,
    pub(super) now: i64,
}

impl Window {
    /// Reads the flags.
    ///
    /// # Errors
    /// A text that is no time, naming the flag; a begin behind its end.
    pub(super) fn times(&self) -> Result<Times, ToolError> {
        let zone = self.zone()?;
        let read = |flag: &str, text: &Option<String>, now: i64| {
            let time = text.as_ref().map(|text| parse_at_time(text, now, &zone));
            time.transpose()
                .map_err(|error| ToolError::BadInput(format!("--{flag}: {error}")))
        };
        let clock = now();
        let now = read("now", &self.now, clock)?.unwrap_or(clock);
        let times = Times {
            from: read("from", &self.from, now)?,
            until: read("until", &self.until, now)?,
            now,
        };
        if let (Some(from), Some(until)) = (times.from, times.until)
            && from > until
        {
            let message = format!("--from {from} is later than --until {until}");
            return Err(ToolError::BadInput(message));
        }
        Ok(times)
    }

    /// The zone that is asked for.
    ///
    /// # Errors
    /// When there is none of that name.
    pub(super) fn zone(&self) -> Result<TimeZone, ToolError> {
        match &self.tz {
            None => Ok(TimeZone::system()),
            Some(name) => time_zone(name).ok_or_else(|| {
                ToolError::BadInput(format!("--tz: there is no time zone \"{name}\""))
            }),
        }
    }
}

/// A time for people, in UTC.
pub(super) fn utc(time: i64) -> String {
    match Timestamp::from_second(time) {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
        Err(_) => time.to_string(),
    }
}

/// `--pretty` and `--time-format`.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct TimeFormat {
    /// Show times as dates.
    #[arg(long)]
    pretty: bool,
    /// How --pretty shows a time, as of strftime.
    #[arg(long, short = 't', value_name = "FORMAT")]
    time_format: Option<String>,
}

impl TimeFormat {
    /// Refuses a format that cannot be printed, before anything else is.
    ///
    /// # Errors
    /// The format and what is wrong with it.
    pub(super) fn check(&self) -> Result<(), ToolError> {
        let Some(format) = &self.time_format else {
            return Ok(());
        };
        let probe = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
        let shown = jiff::fmt::strtime::format(format, &probe);
        let refusal = |error| ToolError::BadInput(format!("--time-format {format}: {error}"));
        shown.map(drop).map_err(refusal)
    }

    /// A time as it is to be shown.
    pub(super) fn show(&self, seconds: i64, zone: &TimeZone) -> String {
        if !self.pretty {
            return seconds.to_string();
        }
        let format = self.time_format.as_deref().unwrap_or(CTIME);
        let time = Timestamp::from_second(seconds).ok();
        let zoned = time.map(|time| time.to_zoned(zone.clone()));
        let shown = zoned.and_then(|zoned| jiff::fmt::strtime::format(format, &zoned).ok());
        shown.unwrap_or_else(|| seconds.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_spans_are_those_of_render_requests() {
        let window = |from: &str| Window {
            from: Some(from.to_owned()),
            now: Some("10000".to_owned()),
            ..Window::default()
        };
        assert_eq!(window("-2h").times().unwrap().from, Some(2_800));
        let refusal = window("soonish").times().unwrap_err().to_string();
        assert!(refusal.starts_with("--from: "), "{refusal}");
        assert_eq!(parse_span("2h"), Ok(7_200));
        assert!(parse_span("-2h").is_err() && parse_span("a while").is_err());
    }

    #[test]
    fn an_impossible_format_is_refused() {
        let format = |text: &str| TimeFormat {
            pretty: true,
            time_format: Some(text.to_owned()),
        };
        assert!(format("%Y-%m-%d").check().is_ok());
        assert!(format("%!").check().is_err());
        assert_eq!(
            format("%F %T").show(86_400, &TimeZone::UTC),
            "1970-01-02 00:00:00"
        );
    }
}
