//! The memory of answers that clients have not taken yet.
//!
//! An answer's series stay until its last byte was handed to the connection, beside the pieces of its
//! text that are ahead of the client. Clients that read slowly, or not at all, would let them pile up: so a
//! render begins only while there is room. With as many renders at work as may be, what is held is at most
//! `answers_memory_max` and one answer of each.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::Response;
use http_body::{Frame, SizeHint};
use tokio::sync::Notify;

use super::error::ApiError;
use crate::telemetry::{Kind, Sample, Source};

/// Counts the bytes of all answers under way.
pub(super) struct Sending {
    bytes: AtomicUsize,
    bytes_max: usize,
    freed: Notify,
}

/// The bytes of one answer, until it is dropped.
pub(super) struct Held {
    sending: Arc<Sending>,
    bytes: usize,
}

/// A body that holds its answer's bytes until it is sent, or given up.
struct HoldingBody {
    body: Body,
    _held: Held,
}

impl Sending {
    /// Nothing yet.
    pub(super) fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            bytes: AtomicUsize::new(0),
            bytes_max,
            freed: Notify::new(),
        })
    }

    /// Waits until there is room for another answer.
    ///
    /// # Errors
    /// [`ApiError::busy`] when there is none for so long.
    pub(super) async fn wait_for_room(&self, time_max: Duration) -> Result<(), ApiError> {
        let has_room = async {
            loop {
                // Before the look at the counter: what is freed after it wakes this up.
                let freed = self.freed.notified();
                if self.bytes.load(Ordering::SeqCst) < self.bytes_max {
                    return;
                }
                freed.await;
            }
        };
        tokio::time::timeout(time_max, has_room).await.map_err(|_| {
            let bytes = self.bytes.load(Ordering::SeqCst);
            ApiError::busy(format!(
                "answers that clients have not taken yet hold {bytes} bytes; at most {} are allowed",
                self.bytes_max
            ))
        })
    }

    /// Counts the bytes of an answer.
    pub(super) fn hold(self: &Arc<Self>, bytes: usize) -> Held {
        self.bytes.fetch_add(bytes, Ordering::SeqCst);
        Held {
            sending: Arc::clone(self),
            bytes,
        }
    }
}

impl Held {
    /// Holds the bytes until the response is sent.
    pub(super) fn until_sent(self, response: Response) -> Response {
        response.map(|body| Body::new(HoldingBody { body, _held: self }))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.sending.bytes.fetch_sub(self.bytes, Ordering::SeqCst);
        self.sending.freed.notify_waiters();
    }
}

impl http_body::Body for HoldingBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Source for Sending {
    fn collect(&self, samples: &mut Vec<Sample>) {
        samples.push(Sample {
            name: "plumbago_answers_bytes",
            help: "Bytes of answers that are still being sent: series, and text ahead of the client.",
            kind: Kind::Gauge,
            labels: Vec::new(),
            value: self.bytes.load(Ordering::SeqCst) as f64,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn render_waits_until_an_answer_is_taken() {
        let sending = Sending::new(100);
        sending.wait_for_room(Duration::ZERO).await.unwrap();
        let held = sending.hold(150);
        let error = sending.wait_for_room(Duration::ZERO).await.unwrap_err();
        assert!(error.to_string().contains("150"), "{error}");
        let body = held.until_sent(Response::new(Body::from("x")));
        let waiting = sending.wait_for_room(Duration::from_secs(60));
        let ((), waited) = tokio::join!(async { drop(body) }, waiting);
        waited.unwrap();
    }
}
