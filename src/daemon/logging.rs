//! Logs: tracing to standard error, as text or as JSON.

use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;
use crate::config::raw::RawLog;

/// The variable that goes before `log.level`.
const VARIABLE: &str = "RUST_LOG";

/// Checks a level or filter without using it. The filter's own grammar takes any word for the name
/// of a module, so a misspelt level would pass and log everything of nothing.
///
/// # Errors
/// What is wrong with it.
fn parse_filter(text: &str) -> Result<EnvFilter, String> {
    let is_level = |word: &str| !word.is_empty() && word.trim().parse::<LevelFilter>().is_ok();
    let bare = text.split(',').filter(|part| !part.contains(['=', '[']));
    if let Some(word) = bare.into_iter().find(|word| !is_level(word)) {
        return Err(format!("\"{word}\" is not a level"));
    }
    EnvFilter::try_new(text).map_err(|error| error.to_string())
}

/// Checks `log.level`.
///
/// # Errors
/// The key, the value, and what would be right.
pub(super) fn check(log: &RawLog) -> Result<EnvFilter, String> {
    parse_filter(&log.level).map_err(|error| wrong("configuration: log.level", &log.level, &error))
}

fn wrong(origin: &str, text: &str, error: &str) -> String {
    format!(
        "{origin}: \"{text}\" is not a level (error, warn, info, debug, trace, off) or a filter \
         as in \"info,plumbago::receiver=debug\": {error}"
    )
}

/// Starts logging; to be called once in a process.
///
/// # Errors
/// When the level or `RUST_LOG` cannot be read.
pub(super) fn start(log: &RawLog) -> Result<(), String> {
    let filter = match std::env::var(VARIABLE) {
        Ok(text) if !text.is_empty() => {
            parse_filter(&text).map_err(|error| wrong(VARIABLE, &text, &error))?
        }
        _ => check(log)?,
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let result = match log.format {
        LogFormat::Text => builder
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    result.map_err(|error| format!("logging: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_level_is_not_taken_for_a_module() {
        for text in ["loud", "info,plumbago::receiver", "a=loud", ""] {
            assert!(parse_filter(text).is_err(), "{text}");
        }
        for text in ["info", "WARN", "off", "info,plumbago::receiver=debug"] {
            assert!(parse_filter(text).is_ok(), "{text}");
        }
    }
}
