//! Long answers on their way: pieces are made by several threads and sent in order.
//!
//! Making the text of numbers is most of the work of a large answer. Threads of their own do it, so that
//! it waits for no other query's evaluation, and the connection's thread only hands bytes on. A client
//! that reads slowly holds no thread, only the few pieces that are ahead of it.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::response::Response;
use http_body::{Body, Frame};
use tokio::sync::oneshot;

use super::coding::{CodedAnswer, CodedPiece, Coding};
use super::reply;
use crate::evaluate::Threads;
use crate::format::{Encode, PIECE_BYTES};

/// Pieces that are made before the connection asks for them.
const PIECES_AHEAD: usize = 6;

/// The text of values takes at most about so many times what they do.
const TEXT_FACTOR: usize = 5;

/// What the pieces ahead of a client take, at most, for series of so many bytes.
pub(super) fn bytes_ahead(series_bytes: usize) -> usize {
    let text = series_bytes.saturating_mul(TEXT_FACTOR);
    text.min(PIECES_AHEAD * PIECE_BYTES)
}

/// How an answer goes out, long or short.
#[derive(Clone, Debug)]
pub(super) struct Outlet {
    threads: Arc<Threads>,
    coding: Coding,
}

/// The body of an answer in pieces.
struct PiecesBody<E> {
    encoder: Arc<E>,
    /// Those that nobody works on yet.
    pieces: Range<usize>,
    /// What of the last one the connection has not taken yet.
    chunks: VecDeque<Bytes>,
    /// Those that are being made, or are ready, in order.
    ahead: VecDeque<oneshot::Receiver<io::Result<CodedPiece>>>,
    outlet: Outlet,
    sent: CodedAnswer,
    is_over: bool,
}

impl Outlet {
    /// One for a client that says with these headers what it can read.
    pub(super) fn new(threads: &Arc<Threads>, headers: &HeaderMap) -> Self {
        Self {
            threads: Arc::clone(threads),
            coding: Coding::of(headers),
        }
    }

    /// What an encoder says as an answer. A single piece of new text is made at once; the pieces of others
    /// are made by the threads, a few ahead of what the connection has taken.
    pub(super) fn stream(
        self,
        content_type: &'static str,
        encoder: impl Encode + 'static,
    ) -> Response {
        if encoder.pieces() == 1 {
            let piece = encoder.piece(0);
            if piece.is_new() {
                return reply::bytes(content_type, piece.into_bytes());
            }
        }
        let coding = self.coding;
        let body = PiecesBody {
            pieces: 0..encoder.pieces(),
            encoder: Arc::new(encoder),
            chunks: VecDeque::new(),
            ahead: VecDeque::with_capacity(PIECES_AHEAD),
            outlet: self,
            sent: CodedAnswer::default(),
            is_over: false,
        };
        let mut response = reply::bytes(content_type, axum::body::Body::new(body));
        coding.announce(&mut response);
        response
    }
}

impl<E: Encode + 'static> PiecesBody<E> {
    fn work_ahead(&mut self) {
        while self.ahead.len() < PIECES_AHEAD
            && let Some(piece) = self.pieces.next()
        {
            let (encoder, coding) = (Arc::clone(&self.encoder), self.outlet.coding);
            let (sender, receiver) = oneshot::channel();
            self.outlet.threads.spawn(move || {
                if !sender.is_closed() {
                    // The client may leave meanwhile; then nobody wants the bytes.
                    let _ = sender.send(coding.piece(encoder.piece(piece), piece == 0));
                }
            });
            self.ahead.push_back(receiver);
        }
    }
}

impl<E: Encode + 'static> Body for PiecesBody<E> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        loop {
            if let Some(chunk) = self.chunks.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(chunk))));
            }
            self.work_ahead();
            let Some(next) = self.ahead.front_mut() else {
                let is_over = std::mem::replace(&mut self.is_over, true);
                let end = self.sent.end(self.outlet.coding).filter(|_| !is_over);
                return Poll::Ready(end.map(|end| Ok(Frame::data(end))));
            };
            // A thread that panicked sends nothing: the connection ends, so that nobody takes a part of
            // the answer for the whole.
            let made = ready!(Pin::new(next).poll(context));
            self.ahead.pop_front();
            self.work_ahead();
            match made.map_err(io::Error::other).flatten() {
                Ok(piece) => {
                    self.sent.add(&piece);
                    self.chunks = piece.chunks;
                }
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
    }
}
