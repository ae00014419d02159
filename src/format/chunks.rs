//! From pieces to chunks: how an encoder is pulled.

use bytes::Bytes;

/// A chunk is handed on once it holds this much: large enough that framing costs nothing, small
/// enough that encoding one does not keep a network thread from its other connections.
const CHUNK_BYTES: usize = 64 * 1024;

/// Room for what the last piece adds beyond [`CHUNK_BYTES`].
const PIECE_BYTES: usize = 16 * 1024;

/// A reply in the making.
pub trait Encode: Send + Unpin {
    /// Appends the next piece, a few kilobytes at most where the data allows; false once all is out.
    fn encode(&mut self, out: &mut Vec<u8>) -> bool;
}

impl Encode for Box<dyn Encode> {
    fn encode(&mut self, out: &mut Vec<u8>) -> bool {
        (**self).encode(out)
    }
}

/// The chunks of a reply.
pub struct Chunks<E> {
    encoder: E,
    finished: bool,
}

impl<E: Encode> Chunks<E> {
    /// Chunks of everything that the encoder will say.
    pub fn new(encoder: E) -> Self {
        Self {
            encoder,
            finished: false,
        }
    }

    /// The whole reply at once, for tests and for replies that are known to be small.
    pub fn collect_bytes(mut self) -> Vec<u8> {
        let mut out = Vec::new();
        while self.encoder.encode(&mut out) {}
        out
    }
}

impl<E: Encode> Iterator for Chunks<E> {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.finished {
            return None;
        }
        let mut out = Vec::with_capacity(CHUNK_BYTES + PIECE_BYTES);
        while !self.finished && out.len() < CHUNK_BYTES {
            self.finished = !self.encoder.encode(&mut out);
        }
        (!out.is_empty()).then(|| Bytes::from(out))
    }
}

/// An encoder with something before and something behind it.
pub struct Wrapped<E> {
    before: Vec<u8>,
    behind: &'static [u8],
    encoder: E,
    part: Part,
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    Opening,
    Inside,
    Closed,
}

impl<E: Encode> Wrapped<E> {
    /// Puts bytes around an encoder's.
    pub fn new(before: Vec<u8>, encoder: E, behind: &'static [u8]) -> Self {
        Self {
            before,
            behind,
            encoder,
            part: Part::Opening,
        }
    }

    /// Wraps an encoder into `callback(…)`, for pages that load data through a script tag. The
    /// caller has checked that it is a name.
    pub fn in_callback(callback: String, encoder: E) -> Self {
        let mut before = callback.into_bytes();
        before.push(b'(');
        Self::new(before, encoder, b")")
    }
}

impl<E: Encode> Encode for Wrapped<E> {
    fn encode(&mut self, out: &mut Vec<u8>) -> bool {
        if self.part == Part::Opening {
            out.append(&mut self.before);
            self.part = Part::Inside;
        }
        if self.part == Part::Inside && !self.encoder.encode(out) {
            out.extend_from_slice(self.behind);
            self.part = Part::Closed;
        }
        self.part != Part::Closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Countdown(usize);

    impl Encode for Countdown {
        fn encode(&mut self, out: &mut Vec<u8>) -> bool {
            self.0 -= 1;
            out.extend_from_slice(&[b'x'; 1000]);
            self.0 > 0
        }
    }

    #[test]
    fn chunks_hold_every_byte_once_and_stay_small() {
        let chunks: Vec<_> = Chunks::new(Countdown(500)).collect();
        assert_eq!(chunks.iter().map(Bytes::len).sum::<usize>(), 500_000);
        assert!(chunks.iter().all(|chunk| chunk.len() < CHUNK_BYTES + 1000));
        assert!(chunks.len() > 5);
    }

    #[test]
    fn callback_wraps_the_whole_reply() {
        let bytes = Chunks::new(Wrapped::in_callback("a.b".into(), Countdown(2))).collect_bytes();
        assert!(bytes.starts_with(b"a.b(xxx") && bytes.ends_with(b"xxx)"));
        assert_eq!(bytes.len(), 2000 + 5);
    }
}
