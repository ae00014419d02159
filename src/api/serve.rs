//! The listening side: connections in, bounded in number and patience; a graceful end.
//!
//! A connection costs a task and a permit. When no permit is left, nobody is turned away: clients
//! wait in the system's queue until a connection ends, which idle ones do after [`IDLE_TIME_MAX`].

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::incoming::Incoming;
use super::{State, admin_routes, router};

/// How long a client may take for the head of its next request. Grafana keeps connections and uses
/// them again within seconds.
const IDLE_TIME_MAX: Duration = Duration::from_secs(75);

/// Pause after an accept that failed, for want of file descriptors as a rule.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Serves until `cancellation`; then no connection is accepted, requests under way are answered,
/// and this returns. The caller sets the deadline.
///
/// # Errors
/// None today: an accept that fails is tried again, since the reasons pass.
pub async fn serve(
    listener: TcpListener,
    state: State,
    cancellation: CancellationToken,
) -> std::io::Result<()> {
    let permits = Arc::new(Semaphore::new(state.limits.connections_max));
    let router = router(state);
    let graceful = GracefulShutdown::new();
    let accepting = async {
        loop {
            let permit = Arc::clone(&permits).acquire_owned().await;
            let permit = permit.expect("the semaphore is never closed");
            let stream = accept(&listener).await;
            tokio::spawn(converse(stream, router.clone(), graceful.watcher(), permit));
        }
    };
    tokio::select! {
        () = accepting => {}
        () = cancellation.cancelled() => {}
    }
    drop(listener);
    graceful.shutdown().await;
    Ok(())
}

/// Answers operators on the control socket until `cancellation`; requests under way are answered.
///
/// # Errors
/// When the socket fails.
pub async fn serve_control(
    listener: UnixListener,
    state: State,
    cancellation: CancellationToken,
) -> std::io::Result<()> {
    let router = admin_routes().with_state(state);
    axum::serve(listener, router)
        .with_graceful_shutdown(cancellation.cancelled_owned())
        .await
}

/// The next connection; failures are logged and waited out.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _peer)) => return stream,
            Err(error) => {
                tracing::warn!(%error, "an HTTP connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// All requests of one connection.
async fn converse(
    stream: TcpStream,
    router: Router,
    watcher: Watcher,
    _permit: OwnedSemaphorePermit,
) {
    // Answers are often one segment; waiting for more to fill it only delays them.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection keeps its delay");
    }
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_TIME_MAX)
        .serve_connection(
            TokioIo::new(Incoming::new(stream)),
            TowerToHyperService::new(router),
        );
    if let Err(error) = watcher.watch(connection).await {
        // Clients that break off are a matter of course.
        tracing::debug!(%error, "an HTTP connection ended early");
    }
}
