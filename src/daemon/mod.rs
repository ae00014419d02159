//! Command line, wiring, signals and ordered shutdown.

use std::process::ExitCode;

/// Runs the command line; the process exits with what it returns.
pub fn main() -> ExitCode {
    ExitCode::FAILURE
}
