//! Times on the command line: the grammar of `from` and `until` in a render request.

use clap::Args;
use jiff::tz::TimeZone;

use super::ToolError;
use crate::clock::Clock;
use crate::target::time::{parse_at_time, time_zone};

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
        let clock = Clock::system().now();
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
    match jiff::Timestamp::from_second(time) {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
        Err(_) => time.to_string(),
    }
}
