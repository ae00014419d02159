//! Any bytes as what the store writes beside blocks: a panel's header and column map, a late
//! segment, a manifest. They are refused, or read and written back the same.

use plumbago_storage_format::late::{self, LateRecord};
use plumbago_storage_format::manifest::Manifest;
use plumbago_storage_format::ring::{self, PanelHeader};

/// Reads the bytes as each of them; words also without a header, so that no checksum keeps them out.
pub fn run(data: &[u8]) {
    for file_bytes in [data.len() as u64, PanelHeader::new(0, 10).file_bytes()] {
        if let Ok(header) = PanelHeader::decode(data, file_bytes) {
            assert_eq!(header.file_bytes(), file_bytes);
            assert!(
                header.cell_word(header.rows - 1, header.columns - 1) < (file_bytes / 8) as usize
            );
        }
    }
    if let Ok(manifest) = Manifest::decode(data) {
        assert_eq!(manifest.encode(), data);
    }
    let _ = late::check_header(data);
    let words: Vec<u64> = data
        .chunks_exact(8)
        .map(|word| u64::from_le_bytes(word.try_into().expect("chunks of eight bytes")))
        .collect();
    for &word in &words {
        if let Ok(Some(owner)) = ring::column_owner(word) {
            assert_eq!(ring::column_taken(owner), word);
        }
        let value = ring::value_of(word);
        assert!(word == 0 || ring::cell_of(value) == word);
    }
    for record in words.chunks_exact(late::RECORD_WORDS) {
        if let Some(point) = LateRecord::decode([record[0], record[1], record[2]]) {
            assert_eq!(point.encode().as_slice(), record);
        }
    }
}

/// One of each.
pub fn seeds() -> Vec<Vec<u8>> {
    let point = LateRecord {
        series: 7,
        archive: 1,
        slot: 28_333_333,
        value: 1.5,
    };
    let bytes_of = |words: &[u64]| words.iter().flat_map(|word| word.to_le_bytes()).collect();
    vec![
        PanelHeader::new(0, 10).encode()[..64].to_vec(),
        Manifest::default().encode(),
        late::encode_header()[..16].to_vec(),
        bytes_of(&point.encode()),
        bytes_of(&[ring::column_taken(3), ring::cell_of(-0.0)]),
    ]
}
