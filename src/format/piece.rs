//! A piece of a reply: new text around text that is kept.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::functions::kept_run::KeptText;

/// Kept text that is shorter is copied: it costs less than to be sent by itself.
const KEPT_BYTES_MIN: usize = 2048;

/// A piece of a reply: new text, and here and there among it a part of a text that is kept.
#[derive(Debug, Default)]
pub struct Piece {
    /// All new text; encoders append to it.
    pub text: Vec<u8>,
    /// Kept text, each with how much of the new one stands before it.
    kept: Vec<(usize, KeptText)>,
}

/// A run of a piece.
#[derive(Debug)]
pub enum Segment<'a> {
    /// Text of this reply alone.
    New(&'a [u8]),
    /// Text that other replies have as well.
    Kept(&'a KeptText),
}

impl Piece {
    /// An empty one with room for so much new text.
    pub fn with_room(bytes: usize) -> Self {
        Self {
            text: Vec::with_capacity(bytes),
            kept: Vec::new(),
        }
    }

    /// Appends kept text.
    pub fn keep(&mut self, kept: KeptText) {
        let text = kept.as_ref();
        if text.len() < KEPT_BYTES_MIN {
            self.text.extend_from_slice(text);
        } else {
            self.kept.push((self.text.len(), kept));
        }
    }

    /// True when there is no kept text in it.
    pub fn is_new(&self) -> bool {
        self.kept.is_empty()
    }

    /// What stands behind one another.
    pub fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        let starts = std::iter::once(0).chain(self.kept.iter().map(|(at, _)| *at));
        let runs = self.kept.iter().zip(starts);
        let runs = runs.flat_map(|((at, kept), start)| {
            [Segment::New(&self.text[start..*at]), Segment::Kept(kept)]
        });
        let last = self.kept.last().map_or(0, |(at, _)| *at);
        runs.chain([Segment::New(&self.text[last..])])
    }

    /// The same for a sender: nothing is copied, and empty runs are left out.
    pub fn into_chunks(self) -> VecDeque<Bytes> {
        let mut chunks = VecDeque::with_capacity(2 * self.kept.len() + 1);
        let mut text = Bytes::from(self.text);
        let mut taken = 0;
        for (at, kept) in self.kept {
            if at > taken {
                chunks.push_back(text.split_to(at - taken));
                taken = at;
            }
            chunks.push_back(Bytes::from_owner(kept));
        }
        if !text.is_empty() {
            chunks.push_back(text);
        }
        chunks
    }

    /// The same as one text.
    pub fn into_bytes(self) -> Vec<u8> {
        if self.is_new() {
            return self.text;
        }
        let bytes = self.segments().map(|segment| match segment {
            Segment::New(text) => text,
            Segment::Kept(kept) => kept.as_ref(),
        });
        bytes.collect::<Vec<_>>().concat()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::functions::Series;
    use crate::functions::kept_run::{KeptPoints, PointsText};

    /// So many bytes of kept text.
    fn kept(byte: u8, length: usize) -> KeptText {
        let points = Arc::new(KeptPoints::new(vec![0.0; length], 0, 1));
        let series = Series::new("a", 0, length as i64, 1, vec![0.0; length]);
        let series = series.with_kept(0..length, points, 0);
        let make = |_: &[f64], _, _| PointsText::split_behind(byte, vec![byte; length]);
        series.kept_run().unwrap().text(0..length, make)
    }

    fn piece() -> Piece {
        let mut piece = Piece::default();
        piece.keep(kept(b'x', KEPT_BYTES_MIN));
        piece.keep(kept(b'y', 2 * KEPT_BYTES_MIN));
        piece.text.extend_from_slice(b"new");
        piece.keep(kept(b'z', KEPT_BYTES_MIN - 1));
        piece.keep(kept(b'x', KEPT_BYTES_MIN));
        piece
    }

    #[test]
    fn segments_and_chunks_say_what_the_piece_does() {
        let bytes = piece().into_bytes();
        assert_eq!(bytes.len(), 5 * KEPT_BYTES_MIN + 2);
        assert!(bytes.ends_with(&[b'x'; KEPT_BYTES_MIN]) && bytes.starts_with(b"xx"));
        let lengths = |piece: &Piece| {
            let lengths = piece.segments().map(|segment| match segment {
                Segment::New(text) => text.len(),
                Segment::Kept(kept) => kept.as_ref().len(),
            });
            lengths.collect::<Vec<_>>()
        };
        let (min, new) = (KEPT_BYTES_MIN, KEPT_BYTES_MIN + 2);
        assert_eq!(lengths(&piece()), [0, min, 0, 2 * min, new, min, 0]);
        let chunks = piece().into_chunks();
        let lengths: Vec<_> = chunks.iter().map(Bytes::len).collect();
        assert_eq!(lengths, [min, 2 * min, new, min]);
        let chunks: Vec<u8> = chunks.into_iter().flatten().collect();
        assert_eq!(chunks, bytes);
    }

    #[test]
    fn piece_of_new_text_is_one_chunk() {
        let mut piece = Piece::with_room(10);
        assert!(piece.is_new() && piece.segments().count() == 1);
        piece.text.extend_from_slice(b"abc");
        assert_eq!(piece.into_chunks(), ["abc"]);
        assert!(Piece::default().into_chunks().is_empty());
    }
}
