//! The content coding of long answers: gzip whose pieces are compressed by several threads.
//!
//! A gzip file is a head, deflate blocks, a checksum and a length (RFC 1952). A deflate stream may be
//! flushed to the byte anywhere (RFC 1951), and nothing obliges a block to refer to those before it. So
//! each piece becomes blocks of its own; put one behind the other they are one stream, and checksums of
//! pieces can be combined. Answers of one piece are left to the layer that compresses all others.

use std::io::{self, Write};

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

/// Magic number, deflate, no further fields, no time, fastest, any system.
const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255];

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
    pub(super) bytes: Bytes,
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
    pub(super) fn piece(self, bytes: Bytes, is_first: bool) -> io::Result<CodedPiece> {
        let mut crc = Crc::new();
        if self == Self::Identity {
            return Ok(CodedPiece { bytes, crc });
        }
        crc.update(&bytes);
        let mut out = Vec::with_capacity(bytes.len() / 2);
        if is_first {
            out.extend_from_slice(&HEAD);
        }
        // Compression is for the network's sake and must not cost more than the evaluation did.
        let mut encoder = DeflateEncoder::new(out, Compression::fast());
        encoder.write_all(&bytes)?;
        // Ends a block at a byte and leaves the stream open; what ends it is not wanted here.
        encoder.flush()?;
        let bytes = Bytes::from(std::mem::take(encoder.get_mut()));
        Ok(CodedPiece { bytes, crc })
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

    use super::*;

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
            let piece = Coding::Gzip.piece(Bytes::from(text.clone()), number == 0);
            let piece = piece.unwrap();
            answer.add(&piece);
            sent.extend_from_slice(&piece.bytes);
        }
        sent.extend_from_slice(&answer.end(Coding::Gzip).unwrap());
        let mut text = String::new();
        // It reads one member and checks its sum and length.
        let mut reader = flate2::bufread::GzDecoder::new(&sent[..]);
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, texts.concat());
        assert!(reader.into_inner().is_empty(), "nothing is left behind it");
        assert!(sent.len() * 10 < text.len());
    }

    #[test]
    fn pieces_that_nobody_compresses_are_as_they_were() {
        let bytes = Bytes::from_static(b"abc");
        let piece = Coding::Identity.piece(bytes.clone(), true).unwrap();
        assert_eq!(piece.bytes, bytes);
        assert_eq!(CodedAnswer::default().end(Coding::Identity), None);
    }
}
