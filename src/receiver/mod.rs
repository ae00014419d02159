//! Transports: bytes from sockets to decoders, points from decoders to queues.
//!
//! `protocol` decodes, `queue` takes the points. Each transport has a `start` that binds (port 0
//! gives a free port, the real address is returned), spawns its tasks on the current tokio runtime
//! and returns. They share a [`Context`].
//!
//! Backpressure: a stream that meets a full queue waits for room and reads nothing meanwhile, so
//! the peer's own sending stops and no point is lost. Datagrams cannot wait: when a queue is full
//! they are gathered into large batches, and dropped and counted as `queue_full` when those are full.
//!
//! Shutdown: cancelling `stopping` ends every listener; connections read what the kernel already
//! holds for them, send it on, and close. [`Context::drain`] waits for that and says who is late.
//!
//! Limits: connections, bytes of read buffers (see [`BufferPool`]), one line.

mod buffers;
mod connections;
mod datagrams;
mod intake;
mod stream;
pub mod tcp;
pub mod udp;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::queue::Routes;
use crate::telemetry::ingest::IngestTelemetry;
pub use buffers::BufferPool;
pub use connections::Connections;
use intake::Intake;

/// What all receivers share.
#[derive(Clone, Debug)]
pub struct Context {
    /// Where points go.
    pub routes: Arc<Routes>,
    /// What is counted.
    pub telemetry: Arc<IngestTelemetry>,
    /// The receive time.
    pub clock: Clock,
    /// Read buffers.
    pub buffers: Arc<BufferPool>,
    /// Who is connected.
    pub connections: Arc<Connections>,
    /// Cancelled when receiving is to end.
    pub stopping: CancellationToken,
    /// Every task of every receiver.
    pub tasks: TaskTracker,
}

impl Context {
    /// A context without receivers yet.
    pub fn new(routes: Arc<Routes>, telemetry: Arc<IngestTelemetry>, clock: Clock) -> Self {
        Self {
            routes,
            telemetry,
            clock,
            buffers: Arc::new(BufferPool::default()),
            connections: Arc::default(),
            stopping: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }

    /// Stops accepting, lets every connection send on what it holds, and waits for that.
    ///
    /// # Errors
    /// Who is not done at the deadline. Their tasks go on and end with the runtime.
    pub async fn drain(&self, deadline: Duration) -> Result<(), Vec<String>> {
        self.stopping.cancel();
        self.tasks.close();
        match tokio::time::timeout(deadline, self.tasks.wait()).await {
            Ok(()) => Ok(()),
            Err(_) => Err(self.connections.names()),
        }
    }
}

/// Why a receiver could not start.
#[derive(Debug, thiserror::Error)]
pub enum ReceiverError {
    /// A network address could not be listened on.
    #[error("receiver.{name}: cannot listen on {address}: {source}")]
    Bind {
        /// The receiver.
        name: String,
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// A path could not be listened on.
    #[error("receiver.{name}: cannot listen on {}: {source}", path.display())]
    BindPath {
        /// The receiver.
        name: String,
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}
