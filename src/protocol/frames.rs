//! Frames: a length as four bytes, big-endian, and then that many bytes.
//!
//! A frame may be larger than any read buffer, so it is gathered here. Memory grows with the bytes
//! that arrive, not with the length that a peer announces, and a large frame's memory is let go.

use super::{Decoded, Sink, StreamError};
use crate::metric::Refusal;

const HEADER_BYTES: usize = 4;
/// Memory that is kept from frame to frame.
const KEPT_BYTES: usize = 64 * 1024;

/// A decoder of framed messages: how it takes a frame apart; the rest is the same for all.
pub(super) trait Framed {
    /// Where its frames are gathered.
    fn frames(&mut self) -> &mut Frames;

    /// Hands on the points of the frame that is whole; false when the sink was full before the last.
    fn work_off_frame<S: Sink>(&mut self, now: i64, sink: &mut S) -> bool;

    /// Forgets the frame and goes on to the next.
    fn end_frame(&mut self);

    /// Decodes every whole frame in `input` while the sink has room. Takes all of the input: what
    /// is not a whole frame yet is kept.
    ///
    /// # Errors
    /// When a frame is too long.
    fn decode<S: Sink>(
        &mut self,
        input: &[u8],
        now: i64,
        sink: &mut S,
    ) -> Result<Decoded, StreamError> {
        let mut consumed = 0;
        loop {
            let is_stuck = self.frames().whole().is_some() && !self.work_off_frame(now, sink);
            if is_stuck || consumed == input.len() {
                return Ok(Decoded {
                    consumed,
                    has_more: is_stuck,
                });
            }
            consumed += self.frames().take(&input[consumed..])?;
        }
    }

    /// Ends the stream: a frame that is not whole is refused.
    fn finish<S: Sink>(&mut self, sink: &mut S) {
        if let Some(part) = self.frames().part() {
            sink.refuse(Refusal::BadLine, part);
        }
        self.end_frame();
    }
}

/// Gathers the frames of one stream, one at a time.
#[derive(Debug)]
pub(super) struct Frames {
    header: Vec<u8>,
    body: Vec<u8>,
    frame_bytes_max: usize,
}

impl Frames {
    pub(super) fn new(frame_bytes_max: usize) -> Self {
        Self {
            header: Vec::with_capacity(HEADER_BYTES),
            body: Vec::new(),
            frame_bytes_max,
        }
    }

    /// Takes what belongs to the current frame from the front of `input` and says how much that was.
    ///
    /// # Errors
    /// When a header announces more than the limit: whatever is on the other side does not speak
    /// this protocol.
    pub(super) fn take(&mut self, input: &[u8]) -> Result<usize, StreamError> {
        let header_bytes = (HEADER_BYTES - self.header.len()).min(input.len());
        self.header.extend_from_slice(&input[..header_bytes]);
        let Some(announced) = self.announced() else {
            return Ok(header_bytes);
        };
        if announced > self.frame_bytes_max {
            return Err(StreamError::FrameTooLong {
                announced,
                limit: self.frame_bytes_max,
            });
        }
        let rest = &input[header_bytes..];
        let body_bytes = (announced - self.body.len()).min(rest.len());
        self.body.extend_from_slice(&rest[..body_bytes]);
        Ok(header_bytes + body_bytes)
    }

    /// The current frame, once all of it is there.
    pub(super) fn whole(&self) -> Option<&[u8]> {
        (self.announced()? == self.body.len()).then_some(&self.body)
    }

    /// What is there of a frame that is not whole; `None` between two frames.
    pub(super) fn part(&self) -> Option<&[u8]> {
        match self.header.is_empty() {
            true => None,
            false => Some(&self.body),
        }
    }

    /// Goes on to the next frame.
    pub(super) fn advance(&mut self) {
        self.header.clear();
        self.body.clear();
        if self.body.capacity() > KEPT_BYTES {
            self.body = Vec::new();
        }
    }

    fn announced(&self) -> Option<usize> {
        let header: [u8; HEADER_BYTES] = self.header.as_slice().try_into().ok()?;
        Some(u32::from_be_bytes(header) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(body: &[u8]) -> Vec<u8> {
        [&(body.len() as u32).to_be_bytes(), body].concat()
    }

    #[test]
    fn frames_come_out_whole_however_they_are_cut() {
        let stream = [frame(b"one"), frame(b""), frame(b"three")].concat();
        for size in 1..=stream.len() {
            let mut frames = Frames::new(10);
            let mut found = Vec::new();
            for piece in stream.chunks(size) {
                let mut at = 0;
                while at < piece.len() {
                    at += frames.take(&piece[at..]).unwrap();
                    if let Some(body) = frames.whole() {
                        found.push(body.to_vec());
                        frames.advance();
                    }
                }
            }
            assert_eq!(found, [b"one".to_vec(), b"".to_vec(), b"three".to_vec()]);
            assert_eq!(frames.part(), None);
        }
    }

    #[test]
    fn announced_length_beyond_the_limit_ends_the_stream() {
        let mut frames = Frames::new(10);
        let error = StreamError::FrameTooLong {
            announced: 0x4745_5420,
            limit: 10,
        };
        assert_eq!(frames.take(b"GET / HTTP/1.1"), Err(error));
    }

    #[test]
    fn large_frame_leaves_no_memory_behind() {
        let mut frames = Frames::new(1 << 20);
        frames.take(&frame(&vec![0; 1 << 20])).unwrap();
        assert!(frames.whole().is_some());
        frames.advance();
        assert_eq!(frames.body.capacity(), 0);
    }
}
