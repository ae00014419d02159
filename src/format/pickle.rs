//! Python's pickle, written in its second protocol, which every Python since 2.3 reads.
//!
//! Source of the opcodes: CPython's `Lib/pickletools.py`. Only plain data is written, so that the
//! reader's restricted unpickler has nothing to refuse.

use super::objects::Objects;

const PROTOCOL: [u8; 2] = [0x80, 2];
const STOP: u8 = b'.';
const MARK: u8 = b'(';
const EMPTY_LIST: u8 = b']';
const APPENDS: u8 = b'e';
const EMPTY_DICT: u8 = b'}';
const SETITEMS: u8 = b'u';
const BINUNICODE: u8 = b'X';
const BININT: u8 = b'J';
const LONG1: u8 = 0x8a;
const BINFLOAT: u8 = b'G';
const NEWTRUE: u8 = 0x88;
const NEWFALSE: u8 = 0x89;
const NONE: u8 = b'N';

/// Writes pickles.
#[derive(Debug, Default)]
pub struct Pickle;

impl Objects for Pickle {
    const CONTENT_TYPE: &'static str = "application/pickle";

    fn start(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&PROTOCOL);
    }

    fn finish(&self, out: &mut Vec<u8>) {
        out.push(STOP);
    }

    fn begin_list(&self, out: &mut Vec<u8>, _length: usize) {
        out.extend_from_slice(&[EMPTY_LIST, MARK]);
    }

    fn end_list(&self, out: &mut Vec<u8>) {
        out.push(APPENDS);
    }

    fn begin_map(&self, out: &mut Vec<u8>, _length: usize) {
        out.extend_from_slice(&[EMPTY_DICT, MARK]);
    }

    fn end_map(&self, out: &mut Vec<u8>) {
        out.push(SETITEMS);
    }

    fn text(&self, out: &mut Vec<u8>, text: &str) {
        let length = u32::try_from(text.len())
            .expect("names and legends are bounded by the memory a query may use, below 4 GiB");
        out.push(BINUNICODE);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(text.as_bytes());
    }

    fn integer(&self, out: &mut Vec<u8>, value: i64) {
        match i32::try_from(value) {
            Ok(small) => {
                out.push(BININT);
                out.extend_from_slice(&small.to_le_bytes());
            }
            Err(_) => {
                out.extend_from_slice(&[LONG1, 8]);
                out.extend_from_slice(&value.to_le_bytes());
            }
        }
    }

    #[inline]
    fn float(&self, out: &mut Vec<u8>, value: f64) {
        let mut bytes = [BINFLOAT; 9];
        bytes[1..].copy_from_slice(&value.to_be_bytes());
        out.extend_from_slice(&bytes);
    }

    fn boolean(&self, out: &mut Vec<u8>, value: bool) {
        out.push(if value { NEWTRUE } else { NEWFALSE });
    }

    fn null(&self, out: &mut Vec<u8>) {
        out.push(NONE);
    }
}

#[cfg(test)]
mod tests {
    use super::super::SeriesObjects;
    use super::super::fixture::{encode_bytes, series};
    use super::*;

    fn written(write: impl FnOnce(&Pickle, &mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        let pickle = Pickle;
        pickle.start(&mut out);
        write(&pickle, &mut out);
        pickle.finish(&mut out);
        out
    }

    /// What `pickle.loads` of CPython 3.11 read back as `[{"a": -1, "b": 4294967296, "c": 1.5,
    /// "d": None, "e": True, "f": "é"}]`.
    #[test]
    fn bytes_are_those_that_python_was_seen_to_read() {
        let bytes = written(|pickle, out| {
            pickle.begin_list(out, 1);
            pickle.begin_map(out, 6);
            pickle.integer_member(out, "a", -1);
            pickle.integer_member(out, "b", 1 << 32);
            pickle.text(out, "c");
            pickle.float(out, 1.5);
            pickle.text(out, "d");
            pickle.null(out);
            pickle.text(out, "e");
            pickle.boolean(out, true);
            pickle.text_member(out, "f", "é");
            pickle.end_map(out);
            pickle.end_list(out);
        });
        let expected = b"\x80\x02](}(\
            X\x01\0\0\0aJ\xff\xff\xff\xff\
            X\x01\0\0\0b\x8a\x08\0\0\0\0\x01\0\0\0\
            X\x01\0\0\0cG\x3f\xf8\0\0\0\0\0\0\
            X\x01\0\0\0dN\
            X\x01\0\0\0e\x88\
            X\x01\0\0\0fX\x02\0\0\0\xc3\xa9\
            ue.";
        assert_eq!(bytes, expected);
    }

    #[test]
    fn series_are_written_with_nulls() {
        let list = vec![series("a", 60, 10, &[1.0, f64::NAN])];
        let bytes = encode_bytes(SeriesObjects::<Pickle>::default(), list);
        assert!(bytes.starts_with(b"\x80\x02](}(X\x04\0\0\0nameX\x01\0\0\0a"));
        assert!(bytes.ends_with(b"X\x06\0\0\0values](G\x3f\xf0\0\0\0\0\0\0Neue."));
    }
}
