//! Any bytes as a block: it is refused or it is read, without a panic.

use plumbago_storage_format::block::{HEADER_BYTES, Place, Reader, Span, Writer};

/// Reads everything that the bytes give, with the header's checksum mended so that it is passed.
pub fn run(data: &[u8]) {
    let mut bytes = data.to_vec();
    if let Some(header) = bytes.get_mut(..HEADER_BYTES) {
        let (checked, checksum) = header.split_at_mut(HEADER_BYTES - 4);
        checksum.copy_from_slice(&crc32fast::hash(checked).to_le_bytes());
    }
    let _ = Reader::open(&bytes);
    let Ok(reader) = Reader::open_again(&bytes) else {
        return;
    };
    let _ = reader.verify();
    let slots = reader.header().span.slots as usize;
    let mut out = vec![0.0; slots];
    for id in reader.ids().take(1_000).flatten() {
        if let Ok(Some(encoded)) = reader.series(id) {
            encoded.decode(&mut out);
            encoded.decode_range(slots / 3..slots / 2, &mut out[slots / 3..slots / 2]);
        }
    }
    for series in reader.iter().take(1_000).flatten() {
        series.encoded.decode(&mut out);
    }
}

/// Blocks of a few kinds of series.
pub fn seeds() -> Vec<Vec<u8>> {
    (1..4).map(block).collect()
}

fn block(stride: u32) -> Vec<u8> {
    let mut writer = Writer::new(Span {
        place: Place::default(),
        sequence: 1,
        first_slot_s: 1_700_000_000,
        step_s: 10,
        slots: 90,
    });
    for index in 0..70 * stride {
        let values: Vec<f64> = (0..90u32)
            .map(|slot| match index % 4 {
                0 => f64::from(index),
                1 => f64::from(slot * slot),
                2 => f64::from(slot).sqrt(),
                _ if slot % 5 == 0 => f64::NAN,
                _ => f64::from(slot) / 100.0,
            })
            .collect();
        writer.push(index * stride, &values);
    }
    writer.finish()
}
