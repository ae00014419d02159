//! The ring: panels of time-major cells. Layout, invariants and the crash argument: `ring.md`.
//!
//! A panel is a file of 8-byte little-endian words: one page of header, one word a column, then
//! `rows x columns` cells. This module turns words into values; the daemon maps the file.

use crate::error::FormatError;
use crate::version;

/// The size of a panel's header, and the granule that columns and rows are padded to.
pub const PAGE_BYTES: usize = 4096;
/// Words in a page.
pub const PAGE_WORDS: usize = PAGE_BYTES / 8;
/// Rows of every panel that this version writes: one row is one step of the archive.
pub const ROWS: u32 = 256;
/// Columns of the first panel of a ring: one page a row, so that a small install stays small.
pub const COLUMNS_FIRST: u32 = 512;
/// Columns of the first two panels together, and of every later panel.
pub const COLUMNS_FULL: u32 = 4096;

/// The NaN pattern that marks an absent value: a cell holds `bits XOR EMPTY`, so zero is absent.
///
/// It is a quiet NaN with a payload that no arithmetic makes; NaNs are refused before they get here.
pub const EMPTY: u64 = 0x7ff8_506c_756d_6267;

const MAGIC: [u8; 8] = *b"PLMBring";
const PART: &str = "ring panel header";
const HEADER_FIELDS_BYTES: usize = 40;

/// What a panel's header says. It never changes once the panel exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PanelHeader {
    /// The panel's position in its ring.
    pub panel: u32,
    /// Rows, one a step.
    pub rows: u32,
    /// Columns, one a series.
    pub columns: u32,
    /// Seconds a row.
    pub step: u32,
}

impl PanelHeader {
    /// The header of a ring's `panel`-th panel as this version makes it.
    pub fn new(panel: u32, step: u32) -> Self {
        let columns = match panel {
            0 => COLUMNS_FIRST,
            1 => COLUMNS_FULL - COLUMNS_FIRST,
            _ => COLUMNS_FULL,
        };
        Self {
            panel,
            rows: ROWS,
            columns,
            step,
        }
    }

    /// The first page's meaningful bytes; the rest of the page is zero.
    pub fn encode(&self) -> [u8; PAGE_BYTES] {
        let mut page = [0; PAGE_BYTES];
        page[0..8].copy_from_slice(&MAGIC);
        let fields = [
            u32::from(version::RING),
            self.panel,
            self.rows,
            self.columns,
            self.step,
            0,
            0,
        ];
        for (position, field) in fields.into_iter().enumerate() {
            let at = 8 + position * 4;
            page[at..at + 4].copy_from_slice(&field.to_le_bytes());
        }
        let checksum = crc32fast::hash(&page[..HEADER_FIELDS_BYTES - 4]);
        page[HEADER_FIELDS_BYTES - 4..HEADER_FIELDS_BYTES].copy_from_slice(&checksum.to_le_bytes());
        page
    }

    /// Reads the header back and checks that a file of `file_bytes` has room for what it says.
    ///
    /// # Errors
    /// A wrong magic, version, checksum, shape or file size.
    pub fn decode(bytes: &[u8], file_bytes: u64) -> Result<Self, FormatError> {
        let found = checked_magic(bytes)?;
        let field = |position: usize| {
            let at = 8 + position * 4;
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        version::check(PART, found, version::RING)?;
        let header = Self {
            panel: field(1),
            rows: field(2),
            columns: field(3),
            step: field(4),
        };
        header.check_shape()?;
        if file_bytes != header.file_bytes() {
            return Err(FormatError::Invalid {
                part: PART,
                offset: 0,
                expected: "a file as long as the header says",
                found: file_bytes,
            });
        }
        Ok(header)
    }

    fn check_shape(&self) -> Result<(), FormatError> {
        let fields = [
            ("1 to 65536 rows", self.rows, 1..=1 << 16),
            ("whole pages of columns", self.columns, 1..=1 << 20),
            ("a step of a second or more", self.step, 1..=u32::MAX),
        ];
        for (position, (expected, found, allowed)) in fields.into_iter().enumerate() {
            let whole = position != 1 || found.is_multiple_of(PAGE_WORDS as u32);
            if !allowed.contains(&found) || !whole {
                return Err(FormatError::Invalid {
                    part: PART,
                    offset: 16 + 4 * position as u64,
                    expected,
                    found: u64::from(found),
                });
            }
        }
        Ok(())
    }

    /// The length of the panel's file.
    pub fn file_bytes(&self) -> u64 {
        (self.cell_word(0, 0) as u64 + u64::from(self.rows) * u64::from(self.columns)) * 8
    }

    /// The word that says whose column `column` is.
    #[inline]
    pub fn column_word(&self, column: u32) -> usize {
        PAGE_WORDS + column as usize
    }

    /// The word of a cell.
    #[inline]
    pub fn cell_word(&self, row: u32, column: u32) -> usize {
        let columns = self.columns as usize;
        PAGE_WORDS + columns + row as usize * columns + column as usize
    }
}

/// Checks length, magic and checksum, and returns the version.
fn checked_magic(bytes: &[u8]) -> Result<u16, FormatError> {
    let (Some(magic), true) = (bytes.first_chunk::<8>(), bytes.len() >= HEADER_FIELDS_BYTES) else {
        return Err(FormatError::Truncated {
            part: PART,
            offset: 0,
            needed: HEADER_FIELDS_BYTES as u64,
            available: bytes.len() as u64,
        });
    };
    if *magic != MAGIC {
        return Err(FormatError::Magic {
            part: PART,
            found: *magic,
        });
    }
    let (fields, rest) = bytes.split_at(HEADER_FIELDS_BYTES - 4);
    let expected = u32::from_le_bytes([rest[0], rest[1], rest[2], rest[3]]);
    let found = crc32fast::hash(fields);
    if found != expected {
        return Err(FormatError::Checksum {
            part: PART,
            offset: 0,
            expected,
            found,
        });
    }
    Ok(u16::from_le_bytes([bytes[8], bytes[9]]))
}

/// The panel and the column in it that a ring's `column`-th column is.
#[inline]
pub fn locate(column: u32) -> (u32, u32) {
    if column >= COLUMNS_FULL {
        (column / COLUMNS_FULL + 1, column % COLUMNS_FULL)
    } else if column >= COLUMNS_FIRST {
        (1, column - COLUMNS_FIRST)
    } else {
        (0, column)
    }
}

/// The ring's number of the first column of a panel.
pub fn first_column(panel: u32) -> u32 {
    match panel {
        0 => 0,
        1 => COLUMNS_FIRST,
        _ => (panel - 1) * COLUMNS_FULL,
    }
}

/// A cell that holds `value`. NaN must not come here; it would be kept, and could read as absent.
#[inline]
pub fn cell_of(value: f64) -> u64 {
    value.to_bits() ^ EMPTY
}

/// The value of a cell, NaN when it is absent.
#[inline]
pub fn value_of(cell: u64) -> f64 {
    f64::from_bits(cell ^ EMPTY)
}

/// The column word that gives a column to series `id`: the number plus one, and its complement above.
pub fn column_taken(id: u32) -> u64 {
    let low = id.wrapping_add(1);
    u64::from(low) | u64::from(!low) << 32
}

/// Who owns a column: `Ok(None)` for a free one.
///
/// # Errors
/// When the word's halves do not agree: the page is damaged.
pub fn column_owner(word: u64) -> Result<Option<u32>, FormatError> {
    if word == 0 {
        return Ok(None);
    }
    let low = word as u32;
    if low == 0 || (word >> 32) as u32 != !low {
        return Err(FormatError::Invalid {
            part: "ring column word",
            offset: 0,
            expected: "a number and its complement",
            found: word,
        });
    }
    Ok(Some(low - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_survives_a_round_trip() {
        for panel in [0, 1, 2, 900] {
            let header = PanelHeader::new(panel, 10);
            let decoded = PanelHeader::decode(&header.encode(), header.file_bytes());
            assert_eq!(decoded, Ok(header));
        }
    }

    #[test]
    fn every_flipped_bit_of_the_header_is_noticed() {
        let header = PanelHeader::new(3, 60);
        let page = header.encode();
        for bit in 0..HEADER_FIELDS_BYTES * 8 {
            let mut damaged = page;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert!(
                PanelHeader::decode(&damaged, header.file_bytes()).is_err(),
                "bit {bit}"
            );
        }
        assert!(PanelHeader::decode(&page, header.file_bytes() - 8).is_err());
        assert!(PanelHeader::decode(&page[..20], header.file_bytes()).is_err());
    }

    #[test]
    fn first_bytes_are_what_the_page_says() {
        let page = PanelHeader::new(1, 10).encode();
        assert_eq!(&page[0..8], b"PLMBring");
        assert_eq!(
            &page[8..28],
            [1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 14, 0, 0, 10, 0, 0, 0]
        );
        assert_eq!(&page[36..40], [213, 249, 103, 44]);
        assert!(page[40..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn zero_is_absent_and_every_value_comes_back_bit_for_bit() {
        assert!(value_of(0).is_nan());
        for value in [
            0.0,
            -0.0,
            1.5,
            f64::INFINITY,
            f64::MIN_POSITIVE / 3.0,
            -1e308,
        ] {
            assert_ne!(cell_of(value), 0);
            assert_eq!(value_of(cell_of(value)).to_bits(), value.to_bits());
        }
    }

    #[test]
    fn columns_are_numbered_across_panels_without_a_gap() {
        let mut next = 0;
        for panel in 0..5 {
            let header = PanelHeader::new(panel, 10);
            assert_eq!(first_column(panel), next);
            assert_eq!(locate(next), (panel, 0));
            assert_eq!(
                locate(next + header.columns - 1),
                (panel, header.columns - 1)
            );
            next += header.columns;
        }
    }

    #[test]
    fn rows_begin_on_a_page() {
        for panel in 0..3 {
            let header = PanelHeader::new(panel, 10);
            for row in [0, 1, 255] {
                assert_eq!(header.cell_word(row, 0) % PAGE_WORDS, 0);
            }
        }
    }

    #[test]
    fn column_word_tells_free_taken_and_damaged_apart() {
        assert_eq!(column_owner(0), Ok(None));
        for id in [0, 1, 77, u32::MAX - 1] {
            assert_eq!(column_owner(column_taken(id)), Ok(Some(id)));
            assert!(column_owner(column_taken(id) ^ 4).is_err());
        }
    }
}
