//! What an operator may type.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::tool::Tool;

/// A Graphite-compatible metrics daemon: receivers, storage, rollups and the render API in one
/// binary.
#[derive(Debug, Parser)]
#[command(name = "plumbago", version, propagate_version = true)]
#[command(
    after_help = "Without a configuration file every key has its default: plaintext on \
    127.0.0.1:2003 (TCP and UDP), HTTP on 127.0.0.1:8080, points in ./data."
)]
pub(super) struct CommandLine {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the daemon until SIGTERM or SIGINT.
    ///
    /// SIGHUP reads the schema and aggregation files again. A second SIGTERM or SIGINT ends the
    /// process at once; no point that a query has shown is lost either way.
    Serve(Serve),
    /// Check or print the configuration.
    Config {
        #[command(subcommand)]
        action: ConfigAction,
    },
    /// Print a completion script for a shell, as in `plumbago completions bash`.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    #[command(flatten)]
    Tool(Tool),
}

#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    pub(super) settings: Settings,
    /// Start the daemon's clock at this time instead of the system's: seconds since 1970, or
    /// RFC 3339 as in 2025-06-15T15:06:40Z. Ages, retention and default windows follow it.
    #[arg(long, value_name = "TIME", value_parser = parse_time, allow_negative_numbers = true)]
    pub(super) at: Option<i64>,
    /// Write a JSON object with the process number and all bound addresses to this file once
    /// everything listens. It is replaced in one step and removed at shutdown.
    #[arg(long, value_name = "PATH")]
    pub(super) ready_file: Option<PathBuf>,
}

/// Where the settings come from; the same for every subcommand that needs them.
#[derive(Debug, Args)]
pub(super) struct Settings {
    /// Read settings from this TOML file. Without it all keys have their defaults.
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Set one key over the file, as in receiver.tcp.listen=0.0.0.0:2003. May be repeated; the
    /// last one wins.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(super) sets: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum ConfigAction {
    /// Read everything that `serve` would read, say what is wrong, and change nothing.
    Check(Settings),
    /// Print all settings as TOML: the defaults, the file and each --set together.
    Print(Settings),
}

fn parse_time(text: &str) -> Result<i64, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(seconds);
    }
    text.parse::<jiff::Timestamp>()
        .map(jiff::Timestamp::as_second)
        .map_err(|_| {
            "is neither seconds since 1970 nor a time as in 2025-06-15T15:06:40Z".to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn definition_is_sound() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn both_forms_of_time_are_read() {
        assert_eq!(parse_time("1750000000"), Ok(1_750_000_000));
        assert_eq!(parse_time("2025-06-15T15:06:40Z"), Ok(1_750_000_000));
        assert!(parse_time("tomorrow").is_err());
    }
}
