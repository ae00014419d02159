//! One connection of a byte stream, whatever carries it.
//!
//! It waits without holding a buffer; once the transport is readable it borrows one, reads until the
//! transport is dry, and keeps no more than the tail of an unfinished line. Batches are sent when they
//! are full or the transport is dry, so that a busy peer fills them and a quiet one does not wait.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::time::{Duration, Instant};

use tokio_util::sync::WaitForCancellationFutureOwned;

use super::connections::OpenConnection;
use super::{Context, Intake};
use crate::metric::Refusal;
use crate::protocol::{Decoder, Sink, StreamError};
use crate::telemetry::ingest_events as events;

/// Reads after which other tasks get a turn: some two mebibytes.
const READS_PER_TURN: usize = 16;
/// Memory for a tail that a waiting connection keeps.
const TAIL_BYTES_KEPT: usize = 1024;
/// How long a connection whose peer keeps sending is still read after the daemon began to stop.
const LAST_READS: Duration = Duration::from_secs(1);

/// A byte stream that says when it can be read. What decrypts implements it over its own buffers.
pub(super) trait Transport: Send + Sync {
    /// Resolves when a read may find something.
    fn readable(&self) -> impl Future<Output = io::Result<()>> + Send;

    /// Reads without waiting: `WouldBlock` when there is nothing, 0 at the end.
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize>;

    /// The same, asking the system itself: the runtime may not have heard yet of what is there.
    fn read_at_once(&self, buffer: &mut [u8]) -> io::Result<usize>;
}

/// A connection from its acceptance to its end.
pub(super) struct Connection<T> {
    pub(super) transport: T,
    pub(super) decoder: Decoder,
    pub(super) intake: Intake,
    /// Zero for never.
    pub(super) idle_timeout: Duration,
    /// The bytes of an unfinished line; empty most of the time.
    pub(super) tail: Vec<u8>,
    /// Bytes that no decoder leaves unconsumed: the room a read needs behind them is added.
    pub(super) tail_bytes_max: usize,
    pub(super) context: Context,
    /// Counts it as open while the connection lives.
    pub(super) _open: OpenConnection,
}

/// How a connection came to its end.
enum End {
    /// The peer closed: what is left is a last line.
    Closed,
    /// The daemon stops: an unfinished line may be cut anywhere.
    Stopped,
    Idle,
    Failed(io::Error),
    Lost(StreamError),
}

enum Woken {
    Readable,
    Stopping,
    Idle,
    Failed(io::Error),
}

impl<T: Transport> Connection<T> {
    /// Serves the connection until its end.
    pub(super) async fn run(mut self) {
        let stopping = self.context.stopping.clone().cancelled_owned();
        let end = self.read_to_end(pin!(stopping)).await;
        self.finish(end);
        self.intake.router.send().await;
        self.intake.flush_counts(0);
    }

    async fn read_to_end(&mut self, mut stopping: Pin<&mut WaitForCancellationFutureOwned>) -> End {
        loop {
            let last_read = match self.wait(stopping.as_mut()).await {
                Woken::Readable => None,
                Woken::Stopping => Some(Instant::now() + LAST_READS),
                Woken::Idle => return End::Idle,
                Woken::Failed(error) => return End::Failed(error),
            };
            match self.read_dry(last_read).await {
                Some(end) => return end,
                None if last_read.is_some() => return End::Stopped,
                None => {}
            }
        }
    }

    async fn wait(&self, stopping: Pin<&mut WaitForCancellationFutureOwned>) -> Woken {
        let readable = async {
            if self.idle_timeout.is_zero() {
                return Some(self.transport.readable().await);
            }
            let readable = self.transport.readable();
            tokio::time::timeout(self.idle_timeout, readable).await.ok()
        };
        tokio::select! {
            biased;
            () = stopping => Woken::Stopping,
            readable = readable => match readable {
                None => Woken::Idle,
                Some(Ok(())) => Woken::Readable,
                Some(Err(error)) => Woken::Failed(error),
            },
        }
    }

    /// Reads and decodes until there is nothing more, or until `last_read`. Answers how the stream
    /// ended, if it did; what nobody consumed is the new tail.
    async fn read_dry(&mut self, mut last_read: Option<Instant>) -> Option<End> {
        let needed = 2 * self.tail_bytes_max.max(self.tail.len());
        let mut buffer = self.context.buffers.lend(needed).await;
        let mut filled = self.tail.len();
        buffer[..filled].copy_from_slice(&self.tail);
        let mut reads = 0;
        let end = loop {
            let read = match self.read(&mut buffer[filled..], last_read.is_some()) {
                Ok(0) => break Some(End::Closed),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break None,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => break Some(End::Failed(error)),
            };
            filled += read;
            match self.decode(&buffer[..filled]).await {
                Ok(consumed) => {
                    buffer.copy_within(consumed..filled, 0);
                    filled -= consumed;
                }
                Err(error) => break Some(End::Lost(error)),
            }
            self.intake.flush_counts(read);
            if last_read.is_some_and(|last_read| Instant::now() >= last_read) {
                break Some(End::Stopped);
            }
            reads += 1;
            if reads % READS_PER_TURN == 0 {
                // A peer that never pauses would keep the wait for the stop from being reached.
                if last_read.is_none() && self.context.stopping.is_cancelled() {
                    last_read = Some(Instant::now() + LAST_READS);
                }
                tokio::task::yield_now().await;
            }
        };
        self.intake.router.send().await;
        self.keep_tail(&buffer[..filled]);
        end
    }

    fn read(&self, buffer: &mut [u8], is_last: bool) -> io::Result<usize> {
        match is_last {
            true => self.transport.read_at_once(buffer),
            false => self.transport.try_read(buffer),
        }
    }

    /// Keeps the tail in the same memory from read to read, unless that grew large.
    fn keep_tail(&mut self, rest: &[u8]) {
        self.tail.clear();
        if self.tail.capacity() > TAIL_BYTES_KEPT {
            self.tail = Vec::new();
        }
        self.tail.extend_from_slice(rest);
    }

    /// Decodes what is there, sending batches as they fill; returns how much was consumed.
    async fn decode(&mut self, bytes: &[u8]) -> Result<usize, StreamError> {
        let mut consumed = 0;
        loop {
            self.intake.now = self.context.clock.now();
            let now = self.intake.now;
            let decoded = self
                .decoder
                .decode(&bytes[consumed..], now, &mut self.intake)?;
            consumed += decoded.consumed;
            if !decoded.has_more {
                return Ok(consumed);
            }
            self.intake.router.send().await;
        }
    }

    /// Decides what becomes of the unconsumed rest. Only a peer that closed in good order can have
    /// meant it as a whole line; anywhere else half a number may be missing.
    fn finish(&mut self, end: End) {
        let rest = std::mem::take(&mut self.tail);
        let (counters, peer) = (&self.intake.counters, self.intake.peer);
        match &end {
            End::Closed => {
                self.intake.now = self.context.clock.now();
                let now = self.intake.now;
                return self.decoder.finish(&rest, now, &mut self.intake);
            }
            End::Stopped => {}
            End::Idle => events::connection_idle(counters, peer, self.idle_timeout),
            End::Failed(error) => events::connection_failed(counters, peer, error),
            End::Lost(error) => events::connection_failed(counters, peer, error),
        }
        if !rest.is_empty() {
            self.intake.refuse(Refusal::BadLine, &rest);
        }
    }
}
