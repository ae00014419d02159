//! Removes dead series now and then, when `storage.expire_after` says so.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::periodic::Periodic;
use crate::lifecycle::Lifecycle;

/// The longest time between two looks.
const INTERVAL_MAX: Duration = Duration::from_secs(3600);
/// How long senders have after a start, unless series die sooner: the daemon may have been down for
/// longer than that.
const GRACE_MAX: Duration = Duration::from_secs(24 * 3600);

/// Starts the thread; `None` when nothing is ever to expire.
///
/// # Errors
/// When the system gives no thread.
pub(super) fn start(
    lifecycle: Arc<Lifecycle>,
    after: Option<Duration>,
) -> io::Result<Option<Periodic>> {
    let Some(after) = after else {
        return Ok(None);
    };
    let started = Instant::now();
    let interval = (after / 4).min(INTERVAL_MAX);
    let work = move || {
        let is_early = started.elapsed() < after.min(GRACE_MAX);
        if is_early || lifecycle.new_stop().is_wanted() {
            return;
        }
        if let Err(error) = lifecycle.expire_by_rule(after.as_secs() as i64) {
            // The next round tries again.
            tracing::warn!(%error, "dead series could not be expired");
        }
    };
    Periodic::start("expiry", interval, work).map(Some)
}
