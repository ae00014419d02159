//! TCP: one accept loop a listener, one task a connection.

use std::io::{self, Read};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

use super::stream::{Connection, Transport};
use super::{Context, Intake, ReceiverError};
use crate::protocol::{Limits, Protocol};
use crate::telemetry::ingest::ReceiverCounters;
use crate::telemetry::ingest_events as events;
use crate::telemetry::refused::Peer;

/// Connections that the kernel holds while the accept loop is busy: a reconnect storm's worth.
const BACKLOG: i32 = 4096;
/// The pause after an accept that failed, usually for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// One TCP listener.
#[derive(Clone, Debug)]
pub struct TcpSettings {
    /// The receiver's name in config.
    pub name: String,
    /// Where to listen; port 0 for any free one.
    pub listen: SocketAddr,
    /// What is spoken.
    pub protocol: Protocol,
    /// What decoders hold their input to.
    pub limits: Limits,
    /// Connections open at one time; one more is closed at once and counted.
    pub connections_max: usize,
    /// Silence after which a connection is closed; zero for never.
    pub idle_timeout: Duration,
}

impl TcpSettings {
    /// The defaults of a plaintext listener.
    pub fn new(name: &str, listen: SocketAddr) -> Self {
        Self {
            name: name.to_owned(),
            listen,
            protocol: Protocol::Plaintext,
            limits: Limits::default(),
            // An agent on each of many machines; each costs a descriptor and about a kilobyte.
            connections_max: 16 * 1024,
            // Agents may send once an hour, and some only once a day.
            idle_timeout: Duration::from_secs(25 * 3600),
        }
    }
}

/// Listens and accepts on the current runtime until the context stops; returns the bound address.
///
/// # Errors
/// When the address cannot be bound.
///
/// # Panics
/// Outside a tokio runtime.
pub fn start(settings: TcpSettings, context: &Context) -> Result<SocketAddr, ReceiverError> {
    let failed = |source| ReceiverError::Bind {
        name: settings.name.clone(),
        address: settings.listen,
        source,
    };
    let listener = listen(settings.listen).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    events::receiver_started(&settings.name, "tcp", &address);
    let acceptor = Acceptor {
        counters: context.telemetry.receiver(&settings.name),
        context: context.clone(),
        settings,
    };
    context.tasks.spawn(acceptor.run(listener));
    Ok(address)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // A restart must not wait for the connections of the last run to be forgotten.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

struct Acceptor {
    settings: TcpSettings,
    counters: Arc<ReceiverCounters>,
    context: Context,
}

impl Acceptor {
    async fn run(self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                biased;
                () = self.context.stopping.cancelled() => return self.admit_pending(listener),
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, address)) => self.admit(stream, Peer::Address(address)),
                Err(error) => {
                    events::accept_failed(&self.counters, &error);
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Takes the connections that the kernel has already accepted for us: their peers may have sent
    /// points and gone.
    fn admit_pending(&self, listener: TcpListener) {
        let Ok(listener) = listener.into_std() else {
            return;
        };
        while let Ok((stream, address)) = listener.accept() {
            let stream = stream
                .set_nonblocking(true)
                .and_then(|()| TcpStream::from_std(stream));
            match stream {
                Ok(stream) => self.admit(stream, Peer::Address(address)),
                Err(error) => events::accept_failed(&self.counters, &error),
            }
        }
    }

    fn admit(&self, stream: TcpStream, peer: Peer) {
        let connections_max = self.settings.connections_max;
        let registry = &self.context.connections;
        let Some(open) = registry.open(&self.counters, peer, connections_max) else {
            return events::connection_refused(&self.counters, peer, connections_max);
        };
        let connection = Connection {
            transport: stream,
            decoder: self.settings.protocol.decoder(self.settings.limits),
            intake: Intake::new(&self.context, Arc::clone(&self.counters), peer),
            idle_timeout: self.settings.idle_timeout,
            tail: Vec::new(),
            tail_bytes_max: self.settings.limits.line_bytes_max,
            context: self.context.clone(),
            _open: open,
        };
        self.context.tasks.spawn(connection.run());
    }
}

impl Transport for TcpStream {
    async fn readable(&self) -> io::Result<()> {
        TcpStream::readable(self).await
    }

    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        TcpStream::try_read(self, buffer)
    }

    fn read_at_once(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*SockRef::from(self)).read(buffer)
    }
}

#[cfg(test)]
mod tests;
