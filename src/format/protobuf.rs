//! Protocol Buffers, the few forms that carbonapi's messages are made of, both ways.
//!
//! Source: the encoding page of the Protocol Buffers documentation. Fields that hold their default
//! are left out, as every proto3 encoder does.

const VARINT: u32 = 0;
const FIXED_64: u32 = 1;
const LENGTH: u32 = 2;
const FIXED_32: u32 = 5;

/// Appends a number in groups of seven bits.
pub fn write_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// The bytes that [`write_varint`] takes.
pub const fn varint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// Appends a whole number unless it is zero.
pub fn write_integer_field(out: &mut Vec<u8>, field: u32, value: i64) {
    if value != 0 {
        write_varint(out, u64::from(field << 3 | VARINT));
        write_varint(out, value as u64);
    }
}

/// Appends a truth value unless it is false.
pub fn write_bool_field(out: &mut Vec<u8>, field: u32, value: bool) {
    write_integer_field(out, field, i64::from(value));
}

/// Appends a single-precision number unless it is zero.
pub fn write_float_field(out: &mut Vec<u8>, field: u32, value: f32) {
    if value != 0.0 {
        write_varint(out, u64::from(field << 3 | FIXED_32));
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// Appends a text unless it is empty.
pub fn write_text_field(out: &mut Vec<u8>, field: u32, text: &str) {
    if !text.is_empty() {
        write_bytes_field(out, field, text.as_bytes());
    }
}

/// Appends bytes, a submessage among them, also when empty.
pub fn write_bytes_field(out: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    write_length(out, field, bytes.len());
    out.extend_from_slice(bytes);
}

/// Appends the head of a field whose bytes the caller appends next.
pub fn write_length(out: &mut Vec<u8>, field: u32, length: usize) {
    write_varint(out, u64::from(field << 3 | LENGTH));
    write_varint(out, length as u64);
}

/// The bytes of a field's head and body.
pub const fn length_field_len(field: u32, length: usize) -> usize {
    varint_len((field << 3) as u64) + varint_len(length as u64) + length
}

/// One field of a message that is read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Field<'a> {
    /// Its number.
    pub number: u32,
    /// What it holds.
    pub value: FieldValue<'a>,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FieldValue<'a> {
    /// A whole number or truth value.
    Varint(u64),
    /// Eight bytes.
    Fixed64([u8; 8]),
    /// Four bytes.
    Fixed32([u8; 4]),
    /// Text, bytes or a submessage.
    Bytes(&'a [u8]),
}

impl<'a> FieldValue<'a> {
    /// The number, when it is one.
    pub fn as_integer(self) -> Option<i64> {
        match self {
            Self::Varint(value) => Some(value as i64),
            _ => None,
        }
    }

    /// The text, when it is one.
    pub fn as_text(self) -> Option<&'a str> {
        match self {
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }
}

/// Reads the fields of a message. Stops after the first field that is broken, yielding `None` for it.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The fields of these bytes.
    pub fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn field(&mut self) -> Option<Field<'a>> {
        let tag = u32::try_from(self.varint()?).ok()?;
        let value = match tag & 7 {
            VARINT => FieldValue::Varint(self.varint()?),
            FIXED_64 => FieldValue::Fixed64(self.take(8)?.try_into().ok()?),
            FIXED_32 => FieldValue::Fixed32(self.take(4)?.try_into().ok()?),
            LENGTH => {
                let length = usize::try_from(self.varint()?).ok()?;
                FieldValue::Bytes(self.take(length)?)
            }
            _ => return None,
        };
        Some(Field {
            number: tag >> 3,
            value,
        })
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Option<Field<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.rest = &[];
        }
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_have_the_length_that_is_foretold() {
        for value in [0, 1, 127, 128, 300, 16_383, 16_384, u64::MAX] {
            let mut out = Vec::new();
            write_varint(&mut out, value);
            assert_eq!(out.len(), varint_len(value), "{value}");
            assert_eq!(Fields { rest: &out }.varint(), Some(value));
        }
    }

    #[test]
    fn written_fields_are_read_back() {
        let mut out = Vec::new();
        write_text_field(&mut out, 1, "a.b");
        write_integer_field(&mut out, 2, 1_750_000_000);
        write_integer_field(&mut out, 3, 0);
        write_integer_field(&mut out, 4, -1);
        write_float_field(&mut out, 5, 0.5);
        write_bytes_field(&mut out, 16, b"");
        let fields: Vec<_> = Fields::new(&out).map(Option::unwrap).collect();
        let numbers: Vec<_> = fields.iter().map(|field| field.number).collect();
        assert_eq!(numbers, [1, 2, 4, 5, 16]);
        assert_eq!(fields[0].value.as_text(), Some("a.b"));
        assert_eq!(fields[1].value.as_integer(), Some(1_750_000_000));
        assert_eq!(fields[2].value.as_integer(), Some(-1));
        assert_eq!(fields[3].value, FieldValue::Fixed32(0.5_f32.to_le_bytes()));
    }

    #[test]
    fn broken_messages_are_noticed_at_every_cut() {
        let mut out = Vec::new();
        write_text_field(&mut out, 1, "abcdef");
        for cut in 1..out.len() {
            let fields: Vec<_> = Fields::new(&out[..cut]).collect();
            assert_eq!(fields, [None], "{cut}");
        }
        assert_eq!(Fields::new(&[0x0b]).collect::<Vec<_>>(), [None]);
        assert_eq!(Fields::new(&[0xff; 11]).collect::<Vec<_>>(), [None]);
    }
}
