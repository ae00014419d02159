//! Keeps the catalog's log short: a snapshot when the log has grown enough for one.
//!
//! A thread of its own, because a snapshot of many series takes seconds in which the store must be
//! synced on.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::periodic::Periodic;
use crate::catalog::Catalog;

/// How often the log's length is looked at, which costs next to nothing.
const INTERVAL: Duration = Duration::from_secs(10);

/// Starts the thread.
///
/// # Errors
/// When the system gives no thread.
pub(super) fn start(catalog: Arc<Catalog>) -> io::Result<Periodic> {
    let mut failed = false;
    Periodic::start("catalog", INTERVAL, move || match catalog.maintain() {
        Ok(written) => {
            failed = false;
            if written {
                tracing::info!(series = catalog.len(), "catalog snapshot written");
            }
        }
        // The log alone is enough to go on; only the next start takes longer.
        Err(error) => {
            if !failed {
                tracing::error!(%error, "catalog snapshot failed");
            }
            failed = true;
        }
    })
}
