//! Strings inside JSON, escaped down to ASCII as Python's encoder does.

use super::number::write_integer;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends a JSON string with its quotes; what is not printable ASCII becomes `\u` and four hex digits.
pub fn write_json_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut plain_from = 0;
    for (at, character) in text.char_indices() {
        if is_plain(character) {
            continue;
        }
        out.extend_from_slice(&bytes[plain_from..at]);
        plain_from = at + character.len_utf8();
        write_escape(out, character);
    }
    out.extend_from_slice(&bytes[plain_from..]);
    out.push(b'"');
}

/// Appends `"key":` for a key that needs no escapes.
pub fn write_key(out: &mut Vec<u8>, key: &str) {
    out.push(b'"');
    out.extend_from_slice(key.as_bytes());
    out.extend_from_slice(b"\":");
}

/// Appends `"key":number`.
pub fn write_integer_member(out: &mut Vec<u8>, key: &str, value: i64) {
    write_key(out, key);
    write_integer(out, value);
}

fn is_plain(character: char) -> bool {
    (' '..='\x7f').contains(&character) && character != '"' && character != '\\'
}

fn write_escape(out: &mut Vec<u8>, character: char) {
    let short = match character {
        '"' => b'"',
        '\\' => b'\\',
        '\n' => b'n',
        '\r' => b'r',
        '\t' => b't',
        '\x08' => b'b',
        '\x0c' => b'f',
        _ => {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                write_unit(out, *unit);
            }
            return;
        }
    };
    out.extend_from_slice(&[b'\\', short]);
}

fn write_unit(out: &mut Vec<u8>, unit: u16) {
    out.extend_from_slice(b"\\u");
    for shift in [12, 8, 4, 0] {
        out.push(HEX[usize::from(unit >> shift & 0xf)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_escaped_down_to_ascii() {
        let mut out = Vec::new();
        write_json_string(&mut out, "a\"b\\c\n\t\u{1}é日😀\x7f");
        let expected = "\"a\\\"b\\\\c\\n\\t\\u0001\\u00e9\\u65e5\\ud83d\\ude00\x7f\"";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn escaped_strings_read_back() {
        let text: String = (0..0x300).filter_map(char::from_u32).collect();
        let mut out = Vec::new();
        write_json_string(&mut out, &text);
        let back: String = serde_json::from_slice(&out).unwrap();
        assert_eq!(back, text);
    }
}
