//! The golden bytes of what the store writes beside blocks: a ring's panel, a late segment, a
//! manifest, the two tables. Each is read forever, and written the same as long as its version is the newest.
//!
//! To add a vector, add it to [`VECTORS`] and run this test with `PLUMBAGO_WRITE_VECTORS=1`; a file
//! that exists is never written again.

use std::path::{Path, PathBuf};

use plumbago_storage_format::journal::{self, JournalRecord};
use plumbago_storage_format::late::{self, LateRecord};
use plumbago_storage_format::manifest::{ArchiveManifest, BlockEntry, Manifest};
use plumbago_storage_format::ring::{self, PanelHeader};
use plumbago_storage_format::tables::{
    SHARDS_MAX, decode_families, decode_meta, encode_families, encode_meta,
};

/// A file in `vectors/` and what makes its bytes.
type Vector = (&'static str, fn() -> Vec<u8>);

const VECTORS: [Vector; 7] = [
    ("ring-v1.bin", panel),
    ("late-v1.bin", late_segment),
    ("journal-v1.bin", journal_segment),
    ("journal-v1-written.bin", journal_with_word_of_a_write),
    ("manifest-v1.bin", || manifest().encode()),
    ("meta-v1.txt", || encode_meta(SHARDS_MAX)),
    ("families-v1.txt", || encode_families(RETENTIONS)),
];

const RETENTIONS: [&str; 3] = ["10s:360", "10s:2160,60s:10080,600s:52560", "1s:4294967295"];

const HEADER: PanelHeader = PanelHeader {
    panel: 3,
    rows: 2,
    columns: 512,
    step: 10,
};

/// Column, owner and the values of its two rows.
const COLUMNS: [(u32, u32, [f64; 2]); 3] = [
    (0, 0, [1.5, -0.0]),
    (7, 4_000_000_000, [f64::INFINITY, 5e-324]),
    (511, 41, [0.1, -1e300]),
];

fn panel() -> Vec<u8> {
    let mut bytes = HEADER.encode().to_vec();
    bytes.resize(HEADER.file_bytes() as usize, 0);
    for (column, owner, values) in COLUMNS {
        put(
            &mut bytes,
            HEADER.column_word(column),
            ring::column_taken(owner),
        );
        for (row, value) in (0_u32..).zip(values) {
            put(
                &mut bytes,
                HEADER.cell_word(row, column),
                ring::cell_of(value),
            );
        }
    }
    bytes
}

const LATE: [LateRecord; 2] = [
    LateRecord {
        series: 9,
        archive: 0,
        slot: 170_000_004,
        value: 2.25,
    },
    LateRecord {
        series: u32::MAX,
        archive: 3,
        slot: (1 << 56) - 1,
        value: -0.0,
    },
];

fn late_segment() -> Vec<u8> {
    let mut bytes = late::encode_header().to_vec();
    for record in LATE {
        for word in record.encode() {
            bytes.extend(word.to_le_bytes());
        }
    }
    bytes
}

const JOURNAL: [JournalRecord; 2] = [
    JournalRecord {
        series: 9,
        timestamp: 1_750_000_003,
        value: 2.25,
    },
    JournalRecord {
        series: u32::MAX,
        timestamp: i64::MAX,
        value: -0.0,
    },
];

fn journal_segment() -> Vec<u8> {
    let mut bytes = journal::encode_header().to_vec();
    for record in JOURNAL {
        for word in record.encode() {
            bytes.extend(word.to_le_bytes());
        }
    }
    bytes
}

fn journal_with_word_of_a_write() -> Vec<u8> {
    let mut bytes = journal_segment();
    for word in JournalRecord::written(9, 0xfedc_ba98_7654_3210).encode() {
        bytes.extend(word.to_le_bytes());
    }
    bytes
}

fn manifest() -> Manifest {
    let block = |is_patch, generation| BlockEntry {
        is_patch,
        generation,
        first_slot: 14_166_600,
        slots: 120,
        bytes: 65_432,
    };
    Manifest {
        low: 14_166_840,
        cleared: 14_166_720,
        late_from: 5,
        next_generation: 12,
        archives: vec![
            ArchiveManifest {
                rolled: 0,
                blocks: vec![block(false, 10), block(true, 11)],
            },
            ArchiveManifest {
                rolled: 236_114,
                blocks: Vec::new(),
            },
        ],
    }
}

fn put(bytes: &mut [u8], word: usize, value: u64) {
    bytes[word * 8..word * 8 + 8].copy_from_slice(&value.to_le_bytes());
}

fn word(bytes: &[u8], word: usize) -> u64 {
    let mut value = [0; 8];
    value.copy_from_slice(&bytes[word * 8..word * 8 + 8]);
    u64::from_le_bytes(value)
}

fn golden(name: &str) -> Vec<u8> {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("vectors")
        .join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn bytes_of_this_version_are_the_golden_ones() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    for (name, make) in VECTORS {
        let path = folder.join(name);
        if !path.exists() && std::env::var_os("PLUMBAGO_WRITE_VECTORS").is_some() {
            std::fs::write(&path, make()).unwrap();
        }
        assert!(
            golden(name) == make(),
            "{name} is not what this version writes"
        );
    }
}

#[test]
fn golden_panel_holds_its_owners_and_values() {
    let bytes = golden("ring-v1.bin");
    let header = PanelHeader::decode(&bytes, bytes.len() as u64).unwrap();
    assert_eq!(header, HEADER);
    for (column, owner, values) in COLUMNS {
        let found = ring::column_owner(word(&bytes, header.column_word(column)));
        assert_eq!(found.unwrap(), Some(owner));
        for (row, value) in (0_u32..).zip(values) {
            let found = ring::value_of(word(&bytes, header.cell_word(row, column)));
            assert_eq!(found.to_bits(), value.to_bits());
        }
    }
    assert_eq!(
        ring::column_owner(word(&bytes, header.column_word(1))).unwrap(),
        None
    );
    assert!(ring::value_of(word(&bytes, header.cell_word(0, 1))).is_nan());
}

#[test]
fn golden_late_segment_holds_its_points() {
    let bytes = golden("late-v1.bin");
    late::check_header(&bytes).unwrap();
    for (position, expected) in LATE.into_iter().enumerate() {
        let first = late::HEADER_WORDS + position * late::RECORD_WORDS;
        let words = [0, 1, 2].map(|offset| word(&bytes, first + offset));
        let found = LateRecord::decode(words).unwrap();
        assert_eq!(found, expected);
        assert_eq!(found.value.to_bits(), expected.value.to_bits());
    }
}

#[test]
fn golden_journal_holds_its_points() {
    let bytes = golden("journal-v1.bin");
    journal::check_header(&bytes).unwrap();
    for (position, expected) in JOURNAL.into_iter().enumerate() {
        let first = journal::HEADER_WORDS + position * journal::RECORD_WORDS;
        let words = [0, 1, 2].map(|offset| word(&bytes, first + offset));
        let found = JournalRecord::decode(words).unwrap();
        assert_eq!(found, expected);
        assert_eq!(found.value.to_bits(), expected.value.to_bits());
    }
}

#[test]
fn golden_journal_holds_word_of_a_write() {
    let bytes = golden("journal-v1-written.bin");
    let first = journal::HEADER_WORDS + JOURNAL.len() * journal::RECORD_WORDS;
    let found = JournalRecord::decode([0, 1, 2].map(|offset| word(&bytes, first + offset)));
    let found = found.unwrap();
    assert_eq!(found.series, 9);
    assert_eq!(found.written_boot(), Some(0xfedc_ba98_7654_3210));
}

#[test]
fn golden_manifest_names_its_blocks() {
    assert_eq!(
        Manifest::decode(&golden("manifest-v1.bin")).unwrap(),
        manifest()
    );
}

#[test]
fn golden_tables_say_shards_and_retentions() {
    assert_eq!(decode_meta(&golden("meta-v1.txt")), Ok(SHARDS_MAX));
    // What the first releases wrote, and no writer writes any more.
    assert_eq!(decode_meta(&golden("meta-v1-without-checksum.txt")), Ok(4));
    let families = golden("families-v1.txt");
    assert_eq!(decode_families(&families).unwrap(), RETENTIONS);
}
