//! `now`, `from`, `until` and `tz` of a request.

use jiff::tz::TimeZone;

use super::Services;
use super::error::{ApiError, ApiResult};
use super::parameters::Parameters;
use crate::target::{TimeError, parse_at_time, time_zone};

/// The clock of one request: its own `now` and `tz`, where it names them.
#[derive(Clone, Debug)]
pub(super) struct RequestClock {
    /// Seconds since the epoch.
    pub(super) now: i64,
    /// The zone of wall times; an unknown name leaves the daemon's, as in the reference.
    pub(super) zone: TimeZone,
}

impl RequestClock {
    pub(super) fn of(parameters: &Parameters, services: &Services) -> ApiResult<Self> {
        let zone = parameters
            .non_empty("tz")
            .and_then(time_zone)
            .unwrap_or_else(|| services.timezone.clone());
        let wall = services.clock.now();
        let now = match parameters.last("now") {
            Some(text) => parse_at_time(text, wall, &zone).map_err(|error| bad("now", &error))?,
            None => wall,
        };
        Ok(Self { now, zone })
    }

    /// A time, `None` when the parameter is not there.
    pub(super) fn time(&self, parameters: &Parameters, name: &str) -> ApiResult<Option<i64>> {
        let Some(text) = parameters.last(name) else {
            return Ok(None);
        };
        let time = parse_at_time(text, self.now, &self.zone);
        time.map(Some).map_err(|error| bad(name, &error))
    }

    /// A time, where `-1` stands for none, as the find endpoints have it.
    pub(super) fn optional_time(
        &self,
        parameters: &Parameters,
        name: &str,
    ) -> ApiResult<Option<i64>> {
        if parameters.last(name) == Some("-1") {
            return Ok(None);
        }
        self.time(parameters, name)
    }
}

fn bad(name: &str, error: &TimeError) -> ApiError {
    ApiError::bad_request(format!("{name}: {error}"))
}
