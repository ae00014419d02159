//! What the operating system tells the daemon: stop, stop at once, read the rules again.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instruction {
    /// SIGTERM or SIGINT: drain and stop.
    Stop,
    /// SIGHUP: read the rules again.
    Reload,
}

/// The signals that the daemon listens to, from its start on.
#[derive(Debug)]
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Starts listening; must be called on the runtime.
    ///
    /// # Errors
    /// When the system lets no handler be set.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next signal.
    pub(super) async fn next(&mut self) -> Instruction {
        tokio::select! {
            _ = self.terminate.recv() => Instruction::Stop,
            _ = self.interrupt.recv() => Instruction::Stop,
            _ = self.hang_up.recv() => Instruction::Reload,
        }
    }

    /// Waits for the second order to stop; reloads no longer matter.
    pub(super) async fn next_stop(&mut self) {
        while self.next().await != Instruction::Stop {}
    }
}
