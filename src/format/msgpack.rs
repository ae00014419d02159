//! MessagePack, as its specification of 2017 describes it: the smallest form of every value.

use super::objects::Objects;

const NIL: u8 = 0xc0;
const FALSE: u8 = 0xc2;
const TRUE: u8 = 0xc3;
const FLOAT_64: u8 = 0xcb;
const UINT_8: u8 = 0xcc;
const UINT_16: u8 = 0xcd;
const UINT_32: u8 = 0xce;
const UINT_64: u8 = 0xcf;
const INT_64: u8 = 0xd3;
const STR_8: u8 = 0xd9;
const STR_16: u8 = 0xda;
const STR_32: u8 = 0xdb;
const ARRAY_16: u8 = 0xdc;
const ARRAY_32: u8 = 0xdd;
const MAP_16: u8 = 0xde;
const MAP_32: u8 = 0xdf;
const FIX_MAP: u8 = 0x80;
const FIX_ARRAY: u8 = 0x90;
const FIX_STR: u8 = 0xa0;

/// Writes MessagePack.
#[derive(Debug, Default)]
pub struct Msgpack;

/// A length behind the smallest of its three forms.
fn write_length(out: &mut Vec<u8>, length: usize, fix: (u8, usize), forms: (u8, u8)) {
    if length < fix.1 {
        out.push(fix.0 | length as u8);
    } else if let Ok(length) = u16::try_from(length) {
        out.push(forms.0);
        out.extend_from_slice(&length.to_be_bytes());
    } else {
        out.push(forms.1);
        out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    }
}

impl Objects for Msgpack {
    const CONTENT_TYPE: &'static str = "application/x-msgpack";

    fn begin_list(&self, out: &mut Vec<u8>, length: usize) {
        write_length(out, length, (FIX_ARRAY, 16), (ARRAY_16, ARRAY_32));
    }

    fn begin_map(&self, out: &mut Vec<u8>, length: usize) {
        write_length(out, length, (FIX_MAP, 16), (MAP_16, MAP_32));
    }

    fn text(&self, out: &mut Vec<u8>, text: &str) {
        match u8::try_from(text.len()) {
            Ok(length) if length >= 32 => out.extend_from_slice(&[STR_8, length]),
            _ => write_length(out, text.len(), (FIX_STR, 32), (STR_16, STR_32)),
        }
        out.extend_from_slice(text.as_bytes());
    }

    fn integer(&self, out: &mut Vec<u8>, value: i64) {
        match value {
            -32..=127 => out.push(value as u8),
            128..=0xff => out.extend_from_slice(&[UINT_8, value as u8]),
            0x100..=0xffff => {
                out.push(UINT_16);
                out.extend_from_slice(&(value as u16).to_be_bytes());
            }
            0x1_0000..=0xffff_ffff => {
                out.push(UINT_32);
                out.extend_from_slice(&(value as u32).to_be_bytes());
            }
            _ => {
                out.push(if value > 0 { UINT_64 } else { INT_64 });
                out.extend_from_slice(&value.to_be_bytes());
            }
        }
    }

    #[inline]
    fn float(&self, out: &mut Vec<u8>, value: f64) {
        let mut bytes = [FLOAT_64; 9];
        bytes[1..].copy_from_slice(&value.to_be_bytes());
        out.extend_from_slice(&bytes);
    }

    fn boolean(&self, out: &mut Vec<u8>, value: bool) {
        out.push(if value { TRUE } else { FALSE });
    }

    fn null(&self, out: &mut Vec<u8>) {
        out.push(NIL);
    }
}

#[cfg(test)]
mod tests {
    use super::super::SeriesObjects;
    use super::super::fixture::{encode_bytes, series};
    use super::*;

    fn integer(value: i64) -> Vec<u8> {
        let mut out = Vec::new();
        Msgpack.integer(&mut out, value);
        out
    }

    #[test]
    fn integers_take_their_smallest_form() {
        assert_eq!(integer(127), [0x7f]);
        assert_eq!(integer(-1), [0xff]);
        assert_eq!(integer(-32), [0xe0]);
        assert_eq!(integer(128), [0xcc, 0x80]);
        assert_eq!(integer(256), [0xcd, 1, 0]);
        assert_eq!(integer(1_750_000_000), [0xce, 0x68, 0x4e, 0xe1, 0x80]);
        assert_eq!(integer(1 << 32), [0xcf, 0, 0, 0, 1, 0, 0, 0, 0]);
        assert_eq!(
            integer(-33),
            [0xd3, 255, 255, 255, 255, 255, 255, 255, 0xdf]
        );
    }

    #[test]
    fn lengths_take_their_smallest_form() {
        let text = |length: usize| {
            let mut out = Vec::new();
            Msgpack.text(&mut out, &"x".repeat(length));
            out[..out.len() - length].to_vec()
        };
        assert_eq!(text(31), [0xbf]);
        assert_eq!(text(32), [0xd9, 32]);
        assert_eq!(text(255), [0xd9, 255]);
        assert_eq!(text(256), [0xda, 1, 0]);
        assert_eq!(text(65_536), [0xdb, 0, 1, 0, 0]);
        let list = |length: usize| {
            let mut out = Vec::new();
            Msgpack.begin_list(&mut out, length);
            out
        };
        assert_eq!(list(15), [0x9f]);
        assert_eq!(list(16), [0xdc, 0, 16]);
        assert_eq!(list(65_536), [0xdd, 0, 1, 0, 0]);
    }

    #[test]
    fn series_are_a_list_of_maps() {
        let bytes = encode_bytes(
            SeriesObjects::<Msgpack>::default(),
            vec![series("a", 60, 10, &[1.0, f64::NAN])],
        );
        assert!(bytes.starts_with(b"\x91\x89\xa4name\xa1a\xa5start\x3c\xa3end\x50\xa4step\x0a"));
        assert!(bytes.ends_with(b"\xa6values\x92\xcb\x3f\xf0\0\0\0\0\0\0\xc0"));
    }
}
