//! The listening side: connections in, graceful end.

use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::{State, router};

/// Serves until `cancellation`; then no connection is accepted, requests under way are answered,
/// and this returns. The caller sets the deadline.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(
    listener: TcpListener,
    state: State,
    cancellation: CancellationToken,
) -> std::io::Result<()> {
    // Answers are often one segment; waiting for more to fill it only delays them.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps its delay");
        }
    });
    axum::serve(listener, router(state))
        .with_graceful_shutdown(cancellation.cancelled_owned())
        .await
}
