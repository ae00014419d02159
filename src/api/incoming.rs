//! What a connection reads, between the socket and the HTTP library: request lines are checked and
//! mended on their way ([`request_line`]), everything else passes untouched.
//!
//! To know a request line from a body, heads are followed: a body is as long as its `Content-Length`.
//! Where that is not plain (chunked bodies, lengths that contradict each other, upgrades) nothing more
//! of the connection is looked at, so that no byte of a body can be taken for a line.
//!
//! Cost: a search for line ends in heads, and no copy unless a line is mended or comes in pieces. What
//! is held back is the piece of one line, at most [`LINE_BYTES_MAX`] and one read.

use std::borrow::Cow;
use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::request_line::{self, BadLine, LINE_BYTES_MAX};

/// A stream whose reads are looked at; writes are the stream's own.
#[derive(Debug)]
pub(super) struct Incoming<S> {
    stream: S,
    place: Place,
    /// The beginning of a line whose end has not come.
    piece: Vec<u8>,
    /// Bytes to give in place of those that were read, and how many of them are given.
    instead: Vec<u8>,
    given: usize,
}

/// Where in the conversation the next byte belongs.
#[derive(Clone, Copy, Debug)]
enum Place {
    RequestLine,
    Head(Framing),
    /// So many bytes of it are left.
    Body(u64),
    /// Anywhere: nothing is looked at.
    Unknown,
    /// Behind a line that was refused: nothing is given on.
    Refused,
}

/// What a head says about the body behind it.
#[derive(Clone, Copy, Debug, Default)]
struct Framing {
    length: Option<u64>,
    is_unclear: bool,
}

impl<S> Incoming<S> {
    /// Looks at what `stream` reads from its first byte on.
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            place: Place::RequestLine,
            piece: Vec::new(),
            instead: Vec::new(),
            given: 0,
        }
    }

    /// Follows what was read; `None` when it passes as it is, else what to give instead.
    fn pass(&mut self, fresh: &[u8]) -> Option<Vec<u8>> {
        let is_in_line = matches!(self.place, Place::RequestLine | Place::Head(_));
        if self.piece.is_empty() || !is_in_line {
            return self.walk(fresh);
        }
        self.piece.extend_from_slice(fresh);
        if memchr::memchr(b'\n', fresh).is_none() {
            return Some(self.refuse_if_long());
        }
        let lines = std::mem::take(&mut self.piece);
        Some(self.walk(&lines).unwrap_or(lines))
    }

    /// Follows bytes from the start of a line or of a body on.
    fn walk(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut mended: Option<Vec<u8>> = None;
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let (taken, given) = match self.place {
                Place::Unknown => (rest.len(), Cow::Borrowed(rest)),
                Place::Refused => (rest.len(), Cow::Owned(Vec::new())),
                Place::Body(left) => {
                    let taken = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    self.place = Place::after_body(left - taken as u64);
                    (taken, Cow::Borrowed(&rest[..taken]))
                }
                Place::RequestLine | Place::Head(_) => match memchr::memchr(b'\n', rest) {
                    Some(end) => (end + 1, self.line(&rest[..=end])),
                    None => {
                        self.piece = rest.to_vec();
                        (rest.len(), Cow::Owned(self.refuse_if_long()))
                    }
                },
            };
            if let Cow::Owned(_) = given {
                mended.get_or_insert_with(|| bytes[..at].to_vec());
            }
            if let Some(mended) = &mut mended {
                mended.extend_from_slice(&given);
            }
            at += taken;
        }
        mended
    }

    /// One whole line of a head, as it is given on.
    fn line<'a>(&mut self, line: &'a [u8]) -> Cow<'a, [u8]> {
        let is_empty = matches!(line, b"\n" | b"\r\n");
        match &mut self.place {
            Place::Head(framing) if is_empty => self.place = framing.place(),
            Place::Head(framing) => framing.read(line),
            // Clients may send empty lines between requests.
            _ if is_empty => {}
            _ => match request_line::check(line) {
                Ok(line) => {
                    self.place = Place::Head(Framing::default());
                    return line;
                }
                Err(reason) => return Cow::Owned(self.refuse(reason)),
            },
        }
        Cow::Borrowed(line)
    }

    /// Nothing to give yet, unless the piece is of a line without end.
    fn refuse_if_long(&mut self) -> Vec<u8> {
        if self.piece.len() <= LINE_BYTES_MAX {
            return Vec::new();
        }
        if let Place::RequestLine = self.place {
            self.piece = Vec::new();
            return self.refuse(BadLine::TooLong);
        }
        // The library has limits of its own for what is in a head.
        self.place = Place::Unknown;
        std::mem::take(&mut self.piece)
    }

    /// A request for the page that says why, in place of the line.
    fn refuse(&mut self, reason: BadLine) -> Vec<u8> {
        tracing::debug!(?reason, "a request line is refused");
        self.place = Place::Refused;
        reason.request()
    }
}

impl Place {
    fn after_body(left: u64) -> Self {
        match left {
            0 => Self::RequestLine,
            left => Self::Body(left),
        }
    }
}

impl Framing {
    /// Takes notice of a header.
    fn read(&mut self, line: &[u8]) {
        let Some(colon) = memchr::memchr(b':', line) else {
            self.is_unclear = true;
            return;
        };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") {
            let digits = value.iter().all(u8::is_ascii_digit);
            let length = std::str::from_utf8(value)
                .ok()
                .and_then(|text| text.parse().ok());
            let is_other = self.length.is_some() && self.length != length;
            self.is_unclear |= !digits || length.is_none() || is_other;
            self.length = length;
        } else {
            // A name with blanks around it belongs to a line before it, or to nothing that is HTTP.
            self.is_unclear |= name.trim_ascii() != name
                || name.eq_ignore_ascii_case(b"transfer-encoding")
                || name.eq_ignore_ascii_case(b"upgrade");
        }
    }

    /// What comes behind the head.
    fn place(self) -> Place {
        if self.is_unclear {
            return Place::Unknown;
        }
        Place::after_body(self.length.unwrap_or(0))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Incoming<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        let this = self.get_mut();
        loop {
            let left = &this.instead[this.given..];
            if !left.is_empty() {
                let count = left.len().min(buffer.remaining());
                buffer.put_slice(&left[..count]);
                this.given += count;
                return Poll::Ready(Ok(()));
            }
            let before = buffer.filled().len();
            ready!(Pin::new(&mut this.stream).poll_read(context, buffer))?;
            let fresh = &buffer.filled()[before..];
            if fresh.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let Some(instead) = this.pass(fresh) else {
                return Poll::Ready(Ok(()));
            };
            buffer.set_filled(before);
            this.instead = instead;
            this.given = 0;
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Incoming<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests;
