//! From pieces to bytes: how a reply is put together.

use super::Piece;

/// Room for a piece, with what its encoder asks for ahead: most never grow it. Larger blocks than this
/// the allocator would take from the system each time.
pub const PIECE_BYTES: usize = 124 * 1024;

/// A reply in pieces, each of which can be made alone: in any order, and at the same time as others.
///
/// A piece is small enough that a few of them are nothing to hold, and large enough that handing one to
/// another thread pays.
pub trait Encode: Send + Sync {
    /// How many pieces there are.
    fn pieces(&self) -> usize;

    /// Appends one of them.
    fn encode(&self, piece: usize, out: &mut Piece);

    /// One of them by itself.
    fn piece(&self, piece: usize) -> Piece {
        let mut out = Piece::with_room(PIECE_BYTES);
        self.encode(piece, &mut out);
        out
    }

    /// The whole reply at once, for tests and for replies that are known to be small.
    fn collect_bytes(&self) -> Vec<u8> {
        let mut out = Piece::default();
        for piece in 0..self.pieces() {
            self.encode(piece, &mut out);
        }
        out.into_bytes()
    }
}

/// An encoder with something before and something behind it.
pub struct Wrapped<E> {
    before: Vec<u8>,
    behind: &'static [u8],
    encoder: E,
}

impl<E: Encode> Wrapped<E> {
    /// Puts bytes around an encoder's.
    pub fn new(before: Vec<u8>, encoder: E, behind: &'static [u8]) -> Self {
        Self {
            before,
            behind,
            encoder,
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
    fn pieces(&self) -> usize {
        self.encoder.pieces().max(1)
    }

    fn encode(&self, piece: usize, out: &mut Piece) {
        if piece == 0 {
            out.text.extend_from_slice(&self.before);
        }
        if piece < self.encoder.pieces() {
            self.encoder.encode(piece, out);
        }
        if piece + 1 == self.pieces() {
            out.text.extend_from_slice(self.behind);
        }
    }
}

/// Encoders one behind the other.
pub struct Chained<E>(Vec<E>);

impl<E: Encode> Chained<E> {
    /// All of these, in order.
    pub fn new(encoders: Vec<E>) -> Self {
        Self(encoders)
    }
}

impl<E: Encode> Encode for Chained<E> {
    fn pieces(&self) -> usize {
        self.0.iter().map(Encode::pieces).sum()
    }

    fn encode(&self, mut piece: usize, out: &mut Piece) {
        for encoder in &self.0 {
            if piece < encoder.pieces() {
                return encoder.encode(piece, out);
            }
            piece -= encoder.pieces();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Digits(usize);

    impl Encode for Digits {
        fn pieces(&self) -> usize {
            self.0
        }

        fn encode(&self, piece: usize, out: &mut Piece) {
            out.text.push(b'0' + piece as u8);
        }
    }

    #[test]
    fn callback_wraps_the_whole_reply() {
        let wrapped = |pieces| Wrapped::in_callback("a.b".into(), Digits(pieces)).collect_bytes();
        assert_eq!(wrapped(3), b"a.b(012)");
        assert_eq!(wrapped(1), b"a.b(0)");
        assert_eq!(wrapped(0), b"a.b()");
    }

    #[test]
    fn chained_encoders_follow_one_another() {
        let chained = Chained::new(vec![Digits(2), Digits(0), Digits(1)]);
        assert_eq!(chained.pieces(), 3);
        assert_eq!(chained.collect_bytes(), b"010");
        assert_eq!(chained.piece(1).into_bytes(), b"1");
    }
}
