//! Command line, wiring, signals and ordered shutdown.
//!
//! The only room that knows all others. [`serve`] builds them stage by stage and takes them down in
//! order; what it needs beside them stands here, a file a job: the data folder ([`storage`]), the
//! rules and their reload ([`rules`]), the [`sync`] thread, the catalog's [`snapshots`], the daemon's
//! own metrics ([`self_metrics`]), the [`manual`] pages, [`signals`], [`shutdown`] and what becomes of a [`panic`].

mod command_line;
mod control;
mod descriptors;
mod expiry;
mod logging;
mod manual;
mod notify;
mod panic;
mod periodic;
mod ready;
mod rules;
mod self_metrics;
mod serve;
mod shutdown;
mod signals;
mod snapshots;
mod storage;
mod store_numbers;
mod sync;
mod tree_index;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use self::command_line::{Command, CommandLine, ConfigAction, Settings};
use crate::config;

/// Runs the command line; the process exits with what it returns.
pub fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    let result = match command_line.command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Config { action } => match action {
            ConfigAction::Check(settings) => check_config(&settings),
            ConfigAction::Print(settings) => print_config(&settings),
        },
        Command::Completions { shell } => {
            print_completions(shell);
            Ok(())
        }
        Command::Man { folder } => write_manual(&folder),
        Command::Tool(tool) => return tool.main(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("plumbago: {message}");
            ExitCode::FAILURE
        }
    }
}

fn check_config(settings: &Settings) -> Result<(), String> {
    let in_one_line = |error: config::ConfigError| error.to_string();
    let config = config::load(settings.config.as_deref(), &settings.sets).map_err(in_one_line)?;
    logging::check(&config.log)?;
    let (schemas, warnings) = config.rules.read().map_err(in_one_line)?;
    for warning in warnings {
        eprintln!("plumbago: warning: {warning}");
    }
    println!(
        "configuration is valid: {} receivers, {} schemas, {} aggregation rules",
        config.receivers.len(),
        schemas.schemas().len(),
        schemas.aggregations().len()
    );
    Ok(())
}

fn print_config(settings: &Settings) -> Result<(), String> {
    let raw = config::load_raw(settings.config.as_deref(), &settings.sets)
        .map_err(|error| error.to_string())?;
    let text = toml::to_string(&raw).map_err(|error| error.to_string())?;
    print!("{text}");
    Ok(())
}

fn print_completions(shell: clap_complete::Shell) {
    let mut command = CommandLine::command();
    clap_complete::generate(shell, &mut command, "plumbago", &mut std::io::stdout());
}

fn write_manual(folder: &std::path::Path) -> Result<(), String> {
    let pages = manual::write(CommandLine::command(), folder)?;
    println!("{pages} pages written to {}", folder.display());
    Ok(())
}
