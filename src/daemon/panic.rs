//! A panic in a thread that the write road cannot do without ends the process.
//!
//! A shard worker, the sync thread or the sealer that is gone would leave a daemon that accepts points and
//! loses them. The rings belong to the kernel, so nothing stored is lost by an abort, and a
//! supervisor starts the daemon again. A panic in a request or a connection costs only that task.

use std::panic::PanicHookInfo;

/// Beginnings of the names of threads whose death is the daemon's.
const VITAL_THREADS: [&str; 4] = ["shard-", "sync", "strata-", "main"];

/// Logs every panic with its place, and aborts for a vital thread.
pub(super) fn install_hook() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        let backtrace = std::backtrace::Backtrace::capture();
        tracing::error!(thread, place, %backtrace, "panic: {}", message(panic));
        if is_vital(thread) {
            tracing::error!(
                thread,
                "the daemon cannot go on without this thread and ends"
            );
            std::process::abort();
        }
    }));
}

fn is_vital(thread: &str) -> bool {
    VITAL_THREADS.iter().any(|vital| thread.starts_with(vital))
}

fn message<'a>(panic: &'a PanicHookInfo<'_>) -> &'a str {
    let payload = panic.payload();
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_vital_and_requests_are_not() {
        assert!(is_vital("shard-3") && is_vital("sync"));
        assert!(!is_vital("http-1") && !is_vital("unnamed"));
    }
}
