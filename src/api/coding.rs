//! The content coding of long answers: gzip whose pieces are compressed by several threads.
//!
//! A gzip file is a head, deflate blocks, a checksum and a length (RFC 1952). A deflate stream may be
//! flushed to the byte anywhere (RFC 1951), and nothing obliges a block to refer to those before it. So
//! each piece becomes blocks of its own; put one behind the other they are one stream, and checksums of
//! pieces can be combined. Text that is kept from answer to answer is compressed once, for the same reason.
//! Answers of one piece are left to the layer that compresses all others.

use std::collections::VecDeque;
use std::io;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use flate2::{Compress, Compression, Crc, FlushCompress};

use crate::format::{Piece, Segment};

/// Magic number, deflate, no further fields, no time, fastest, any system.
const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255];

/// Compression is for the network's sake and must not cost more than the evaluation did. The level below
/// makes such text a third longer, the one above costs a fourth more.
pub(super) const LEVEL: u8 = 2;

/// Room for what a piece gives at least.
const ROOM: usize = 1 << 10;

/// A last block with nothing in it.
const LAST_BLOCK: [u8; 2] = [3, 0];

/// How the pieces of an answer are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Coding {
    /// As they are.
    #[default]
    Identity,
    /// Compressed.
    Gzip,
}

/// A piece as it is sent.
pub(super) struct CodedPiece {
    /// One behind the other.
    pub(super) chunks: VecDeque<Bytes>,
    /// Of the bytes before they were compressed.
    crc: Crc,
}

/// What the pieces that were sent have in common; none is left out, and each comes after those before.
#[derive(Default)]
pub(super) struct CodedAnswer {
    crc: Crc,
}

impl Coding {
    /// What a client can read (RFC 9110, 12.5.3).
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let accepted = headers.get_all(header::ACCEPT_ENCODING).iter();
        let mut accepted = accepted.filter_map(|value| value.to_str().ok());
        match accepted.any(|list| list.split(',').any(is_gzip)) {
            true => Self::Gzip,
            false => Self::Identity,
        }
    }

    /// Says so in an answer's head.
    pub(super) fn announce(self, response: &mut Response) {
        let headers = response.headers_mut();
        if self == Self::Gzip {
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        headers.append(header::VARY, HeaderValue::from_static("accept-encoding"));
    }

    /// A piece as it is sent.
    ///
    /// # Errors
    /// None is known: it is written to memory.
    pub(super) fn piece(self, piece: Piece, is_first: bool) -> io::Result<CodedPiece> {
        let (chunks, crc) = match self {
            Self::Identity => (piece.into_chunks(), Crc::new()),
            Self::Gzip => {
                let mut gzip = Gzip::new(piece.text.len());
                if is_first {
                    gzip.out.extend_from_slice(&HEAD);
                }
                gzip.piece(&piece)?
            }
        };
        Ok(CodedPiece { chunks, crc })
    }
}

/// Compresses a piece.
struct Gzip {
    deflate: Deflate,
    crc: Crc,
    chunks: VecDeque<Bytes>,
    /// Behind the chunks.
    out: Vec<u8>,
}

impl Gzip {
    fn new(text: usize) -> Self {
        Self {
            deflate: Deflate::new(),
            crc: Crc::new(),
            chunks: VecDeque::new(),
            out: Vec::with_capacity(text / 2 + ROOM),
        }
    }

    fn piece(mut self, piece: &Piece) -> io::Result<(VecDeque<Bytes>, Crc)> {
        // Text that lies between compressed blocks is compressed in one go.
        let mut text = Vec::new();
        for segment in piece.segments() {
            match segment {
                Segment::New(new) => {
                    self.crc.update(new);
                    text.extend_from_slice(new);
                }
                Segment::Kept(kept) => {
                    self.crc.update(kept.as_ref());
                    let deflate = |block: &[u8], out: &mut Vec<u8>| self.deflate.append(block, out);
                    let (before, blocks, behind) = kept.deflated(deflate)?;
                    text.extend_from_slice(before);
                    if !blocks.as_ref().is_empty() {
                        self.deflate.append(&text, &mut self.out)?;
                        text.clear();
                        self.close_chunk();
                        self.chunks.push_back(Bytes::from_owner(blocks));
                    }
                    text.extend_from_slice(behind);
                }
            }
        }
        self.deflate.append(&text, &mut self.out)?;
        self.close_chunk();
        Ok((self.chunks, self.crc))
    }

    fn close_chunk(&mut self) {
        if !self.out.is_empty() {
            self.chunks
                .push_back(Bytes::from(std::mem::take(&mut self.out)));
        }
    }
}

/// Makes pieces of a raw deflate stream that refer to nothing before them.
struct Deflate(Compress);

impl Deflate {
    fn new() -> Self {
        Self(Compress::new(Compression::new(LEVEL.into()), false))
    }

    /// Appends text, compressed, up to a byte.
    fn append(&mut self, text: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        let start = self.0.total_in();
        let mut taken = 0;
        while taken < text.len() {
            // The flush is over when there is room left behind it.
            out.reserve(text.len() - taken + ROOM);
            self.0
                .compress_vec(&text[taken..], out, FlushCompress::Full)?;
            taken = (self.0.total_in() - start) as usize;
        }
        Ok(())
    }
}

/// `gzip`, or any coding at all, unless its weight is zero.
fn is_gzip(element: &str) -> bool {
    let (name, weight) = element.split_once(';').unwrap_or((element, ""));
    let name = name.trim();
    let is_gzip = ["gzip", "x-gzip"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known));
    let weight = weight.trim().strip_prefix("q=").unwrap_or("1");
    (is_gzip || name == "*") && weight.parse().is_ok_and(|weight: f32| weight > 0.0)
}

impl CodedAnswer {
    /// Takes the next piece into account.
    pub(super) fn add(&mut self, piece: &CodedPiece) {
        self.crc.combine(&piece.crc);
    }

    /// What is sent behind the last piece.
    pub(super) fn end(&self, coding: Coding) -> Option<Bytes> {
        if coding == Coding::Identity {
            return None;
        }
        let (sum, length) = (self.crc.sum(), self.crc.amount());
        let parts = [&LAST_BLOCK[..], &sum.to_le_bytes(), &length.to_le_bytes()];
        Some(Bytes::from(parts.concat()))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::Arc;

    use super::*;
    use crate::functions::Series;
    use crate::functions::kept_run::{KeptPoints, PointsText};

    fn piece(text: &str) -> Piece {
        let mut piece = Piece::default();
        piece.text.extend_from_slice(text.as_bytes());
        piece
    }

    fn expand(sent: &[u8]) -> String {
        let mut text = String::new();
        // It reads one member and checks its sum and length.
        let mut reader = flate2::bufread::GzDecoder::new(sent);
        reader.read_to_string(&mut text).unwrap();
        assert!(reader.into_inner().is_empty(), "nothing is left behind it");
        text
    }

    fn coding(accepted: &str) -> Coding {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_ENCODING, accepted.parse().unwrap());
        Coding::of(&headers)
    }

    #[test]
    fn clients_say_what_they_can_read() {
        for accepted in [
            "gzip",
            "deflate, GZIP;q=0.5",
            "*",
            "identity;q=0, gzip",
            "br,x-gzip",
        ] {
            assert_eq!(coding(accepted), Coding::Gzip, "{accepted}");
        }
        for accepted in [
            "",
            "identity",
            "gzip;q=0",
            "gzip; q=0.0",
            "zstd, br",
            "*;q=0",
            "gzip;q=x",
        ] {
            assert_eq!(coding(accepted), Coding::Identity, "{accepted}");
        }
        assert_eq!(Coding::of(&HeaderMap::new()), Coding::Identity);
    }

    #[test]
    fn pieces_are_one_member_that_every_reader_knows() {
        let texts: Vec<String> = (0..9_u32)
            .map(|number| format!("[{number},1749999990],").repeat(number.pow(4) as usize))
            .collect();
        let mut answer = CodedAnswer::default();
        let mut sent = Vec::new();
        for (number, text) in texts.iter().enumerate() {
            let piece = Coding::Gzip.piece(piece(text), number == 0).unwrap();
            answer.add(&piece);
            sent.extend(piece.chunks.into_iter().flatten());
        }
        sent.extend_from_slice(&answer.end(Coding::Gzip).unwrap());
        let text = expand(&sent);
        assert_eq!(text, texts.concat());
        assert!(sent.len() * 10 < text.len());
    }

    #[test]
    fn kept_text_is_compressed_once_and_cut_anywhere() {
        let count = 1_000;
        let points: Vec<f64> = (0..count).map(|value| value as f64 / 7.0).collect();
        let kept = Arc::new(KeptPoints::new(points.clone(), 0, 10));
        let series = Series::new("a", 0, 10 * count, 10, points);
        let series = series.with_kept(0..count as usize, kept, 0);
        let run = series.kept_run().unwrap();
        let make = |values: &[f64], _, _| {
            let text: Vec<String> = values.iter().map(|value| format!(",[{value}]")).collect();
            PointsText::split_behind(b']', text.concat().into_bytes())
        };
        let mut blocks = 0;
        for (from, until) in [
            (0, 1000),
            (1, 1000),
            (300, 1000),
            (0, 999),
            (400, 700),
            (990, 1000),
        ] {
            let kept = run.text(from..until, make);
            let mut piece = piece("before");
            piece.keep(kept.clone());
            piece.text.extend_from_slice(b"between");
            piece.keep(kept.without_first());
            let text = String::from_utf8(piece.segments().fold(Vec::new(), |mut all, segment| {
                match segment {
                    Segment::New(text) => all.extend_from_slice(text),
                    Segment::Kept(text) => all.extend_from_slice(text.as_ref()),
                }
                all
            }));
            let mut answer = CodedAnswer::default();
            let coded = Coding::Gzip.piece(piece, true).unwrap();
            answer.add(&coded);
            blocks += coded.chunks.len() / 2;
            let mut sent: Vec<u8> = coded.chunks.into_iter().flatten().collect();
            sent.extend_from_slice(&answer.end(Coding::Gzip).unwrap());
            assert_eq!(Ok(expand(&sent)), text, "{from}..{until}");
        }
        assert_eq!(
            blocks, 10,
            "the text of all but the last has whole blocks, twice"
        );
    }

    #[test]
    fn pieces_that_nobody_compresses_are_as_they_were() {
        let coded = Coding::Identity.piece(piece("abc"), true).unwrap();
        assert_eq!(coded.chunks, ["abc"]);
        assert_eq!(CodedAnswer::default().end(Coding::Identity), None);
    }
}
