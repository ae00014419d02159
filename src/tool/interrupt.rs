//! Ctrl-C: the first one ends a tool between two files, the second one at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use super::ToolError;

/// The shell's code for a process that SIGINT ended.
pub(super) const EXIT_CODE: u8 = 130;

/// Whether the operator wants an end; may be shared by threads.
#[derive(Clone, Debug, Default)]
pub(super) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens to SIGINT and SIGTERM from now on.
    pub(super) fn listen() -> Self {
        let interrupt = Self::default();
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the flag down and raises it. Where no handler
            // can be set the signal ends the process as ever, which the formats survive.
            let _ = flag::register_conditional_shutdown(
                signal,
                i32::from(EXIT_CODE),
                interrupt.0.clone(),
            );
            let _ = flag::register(signal, interrupt.0.clone());
        }
        interrupt
    }

    /// True from the first signal on.
    pub(super) fn is_requested(&self) -> bool {
        // Nothing else is published by the flag.
        self.0.load(Ordering::Relaxed)
    }

    /// Stops a loop between two things.
    ///
    /// # Errors
    /// [`ToolError::Interrupted`] from the first signal on, with what `state` says of the work.
    pub(super) fn check(&self, state: impl FnOnce() -> String) -> Result<(), ToolError> {
        match self.is_requested() {
            true => Err(ToolError::Interrupted(state())),
            false => Ok(()),
        }
    }
}
