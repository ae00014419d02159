//! How far a long run is: a bar or a spinner on standard error, if that is a terminal.

use std::fmt::Display;
use std::io::{IsTerminal, stderr};
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a bar is drawn again while nothing moves.
const TICK: Duration = Duration::from_millis(200);

/// `--quiet`, for every subcommand that shows progress.
#[derive(Clone, Copy, Debug, Args)]
pub(super) struct Quiet {
    /// Show no progress.
    #[arg(long, short)]
    pub(super) quiet: bool,
}

/// May be shared by threads.
#[derive(Clone, Debug)]
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// A bar up to `length` things, as in "files".
    pub(super) fn bar(length: u64, things: &str, quiet: Quiet) -> Self {
        let template = format!(
            "{{wide_bar}} {{human_pos}}/{{human_len}} {things}, {{per_sec}}, {{eta}} to go"
        );
        Self::with(
            ProgressBar::with_draw_target(Some(length), target(quiet)),
            &template,
        )
    }

    /// A spinner for things whose number is not known yet.
    pub(super) fn spinner(things: &str, quiet: Quiet) -> Self {
        let template = format!("{{spinner}} {{human_pos}} {things}, {{elapsed}}");
        Self::with(
            ProgressBar::with_draw_target(None, target(quiet)),
            &template,
        )
    }

    fn with(bar: ProgressBar, template: &str) -> Self {
        // The template is one of the two above; a wrong one would only look plain.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        if !bar.is_hidden() {
            bar.enable_steady_tick(TICK);
        }
        Self(bar)
    }

    /// One more is done, or several.
    pub(super) fn advance(&self, by: u64) {
        self.0.inc(by);
    }

    /// A line on standard error that does not tear the bar.
    pub(super) fn warn(&self, message: impl Display) {
        self.0.suspend(|| eprintln!("plumbago: {message}"));
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) {
        self.0.finish_and_clear();
    }
}

fn target(quiet: Quiet) -> ProgressDrawTarget {
    match quiet.quiet || !stderr().is_terminal() {
        true => ProgressDrawTarget::hidden(),
        false => ProgressDrawTarget::stderr(),
    }
}
