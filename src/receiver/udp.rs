//! UDP: several sockets on one port, each read by its own task in batches of datagrams.
//!
//! The kernel spreads the senders over the sockets (`SO_REUSEPORT`). A datagram holds whole lines; the
//! last may lack its newline. Nothing can wait here: what meets full queues is gathered into large
//! batches, then dropped and counted.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::datagrams::{Datagrams, count_drops};
use super::{Context, Intake, ReceiverError};
use crate::protocol::{Decoder, Limits, Protocol};
use crate::telemetry::ingest_events as events;
use crate::telemetry::refused::Peer;

/// How soon batches that met a full queue are tried again.
const RETRY_INTERVAL: Duration = Duration::from_millis(2);
/// The pause after a receive that failed.
const FAILURE_PAUSE: Duration = Duration::from_millis(100);
/// Calls after which other tasks get a turn.
const CALLS_PER_TURN: usize = 16;

/// One UDP port.
#[derive(Clone, Debug)]
pub struct UdpSettings {
    /// The receiver's name in config.
    pub name: String,
    /// Where to listen; port 0 for any free one.
    pub listen: SocketAddr,
    /// What is spoken.
    pub protocol: Protocol,
    /// What decoders hold their input to.
    pub limits: Limits,
    /// Sockets on the port.
    pub sockets: usize,
    /// What the kernel is asked to hold for each socket; it may grant less.
    pub receive_buffer_bytes: usize,
}

impl UdpSettings {
    /// The defaults of a plaintext port: a socket a processor.
    pub fn new(name: &str, listen: SocketAddr) -> Self {
        Self {
            name: name.to_owned(),
            listen,
            protocol: Protocol::Plaintext,
            limits: Limits::default(),
            sockets: std::thread::available_parallelism().map_or(1, usize::from),
            // Half a second of a gigabit link would be 64 MiB; this is what survives a pause of a
            // few hundred milliseconds of a busy collector.
            receive_buffer_bytes: 8 * 1024 * 1024,
        }
    }
}

/// Binds and receives on the current runtime until the context stops; returns the bound address.
///
/// # Errors
/// When the address cannot be bound.
///
/// # Panics
/// Outside a tokio runtime.
pub fn start(settings: UdpSettings, context: &Context) -> Result<SocketAddr, ReceiverError> {
    let failed = |source| ReceiverError::Bind {
        name: settings.name.clone(),
        address: settings.listen,
        source,
    };
    let sockets = bind_all(&settings).map_err(failed)?;
    let address = sockets[0].local_addr().map_err(failed)?;
    events::receiver_started(&settings.name, "udp", &address);
    let counters = context.telemetry.receiver(&settings.name);
    for socket in sockets {
        let port = Port {
            socket,
            decoder: settings.protocol.decoder(settings.limits),
            intake: Intake::new(context, Arc::clone(&counters), Peer::Own("udp")),
            datagrams: Datagrams::new(),
            dropped_before: 0,
            context: context.clone(),
        };
        context.tasks.spawn(port.run());
    }
    Ok(address)
}

fn bind_all(settings: &UdpSettings) -> io::Result<Vec<UdpSocket>> {
    // With SO_REUSEPORT a second daemon would silently share the port. A bind without it fails when
    // anybody has the port, so try that first.
    drop(bind(settings, settings.listen, false)?);
    let first = bind(settings, settings.listen, true)?;
    let address = first.local_addr()?;
    let mut sockets = vec![first];
    for _ in 1..settings.sockets.max(1) {
        sockets.push(bind(settings, address, true)?);
    }
    Ok(sockets)
}

fn bind(settings: &UdpSettings, address: SocketAddr, is_shared: bool) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    #[cfg(all(unix, not(any(target_os = "solaris", target_os = "illumos"))))]
    socket.set_reuse_port(is_shared && settings.sockets > 1)?;
    socket.set_nonblocking(true)?;
    if is_shared {
        if let Err(error) = socket.set_recv_buffer_size(settings.receive_buffer_bytes) {
            events::receiver_degraded(&settings.name, "cannot enlarge the receive buffer", &error);
        }
        count_drops(SockRef::from(&socket));
    }
    socket.bind(&address.into())?;
    UdpSocket::from_std(socket.into())
}

/// One socket and its task.
struct Port {
    socket: UdpSocket,
    decoder: Decoder,
    intake: Intake,
    datagrams: Datagrams,
    dropped_before: u32,
    context: Context,
}

impl Port {
    async fn run(mut self) {
        let stopping = self.context.stopping.clone();
        loop {
            let has_unsent = !self.intake.router.is_empty();
            tokio::select! {
                biased;
                () = stopping.cancelled() => break,
                readable = self.socket.readable() => match readable {
                    Ok(_) => self.receive_all().await,
                    Err(error) => self.pause_after(&error).await,
                },
                () = tokio::time::sleep(RETRY_INTERVAL), if has_unsent => {
                    self.intake.send_or_drop();
                }
            }
        }
        // What the kernel holds was sent before the end and counts.
        while self.receive_once(Self::receive_at_once).is_ok() {}
        self.intake.router.send().await;
        self.intake.flush_counts(0);
    }

    async fn receive_all(&mut self) {
        for _ in 0..CALLS_PER_TURN {
            match self.receive_once(Self::try_receive) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => return self.pause_after(&error).await,
            }
        }
        tokio::task::yield_now().await;
    }

    async fn pause_after(&self, error: &io::Error) {
        // An ICMP message about an earlier datagram of ours says nothing about this socket.
        if error.kind() != io::ErrorKind::ConnectionRefused {
            events::receive_failed(&self.intake.counters, error);
            tokio::time::sleep(FAILURE_PAUSE).await;
        }
    }

    fn try_receive(socket: &UdpSocket, datagrams: &mut Datagrams) -> io::Result<usize> {
        socket.try_io(Interest::READABLE, || datagrams.receive(socket))
    }

    /// The same, asking the system itself: the runtime may not have heard yet of what is there.
    fn receive_at_once(socket: &UdpSocket, datagrams: &mut Datagrams) -> io::Result<usize> {
        datagrams.receive(socket)
    }

    /// One call's datagrams, decoded and sent.
    fn receive_once(
        &mut self,
        receive: fn(&UdpSocket, &mut Datagrams) -> io::Result<usize>,
    ) -> io::Result<()> {
        let count = receive(&self.socket, &mut self.datagrams)?;
        let intake = &mut self.intake;
        intake.now = self.context.clock.now();
        let mut bytes = 0;
        for (datagram, sender) in self.datagrams.iter() {
            bytes += datagram.len();
            intake.peer = sender.map_or(Peer::Own("udp"), Peer::Address);
            decode_whole(&mut self.decoder, datagram, intake);
        }
        intake.send_or_drop();
        intake.flush_counts(bytes);
        let counters = &intake.counters;
        counters
            .datagrams
            .fetch_add(count as u64, Ordering::Relaxed);
        let dropped = self.datagrams.dropped().wrapping_sub(self.dropped_before);
        if dropped > 0 {
            let counted = &counters.datagrams_dropped;
            counted.fetch_add(u64::from(dropped), Ordering::Relaxed);
            self.dropped_before = self.datagrams.dropped();
        }
        Ok(())
    }
}

/// Decodes a datagram from its first byte to its last; nothing of it outlives it in the decoder.
fn decode_whole(decoder: &mut Decoder, datagram: &[u8], intake: &mut Intake) {
    let now = intake.now;
    let mut consumed = 0;
    loop {
        // A frame that is too long is lost with its datagram, and counted by its decoder.
        let Ok(decoded) = decoder.decode(&datagram[consumed..], now, intake) else {
            consumed = datagram.len();
            break;
        };
        consumed += decoded.consumed;
        if !decoded.has_more {
            break;
        }
        intake.send_or_drop();
    }
    decoder.finish(&datagram[consumed..], now, intake);
}

#[cfg(test)]
mod tests;
