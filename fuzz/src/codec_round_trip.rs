//! Any values: encoded and decoded they are the same, bit for bit.

use plumbago_storage_format::codec::{Encoded, Encoder};

/// The bytes are read as floats, eight at a time; every NaN is an empty slot.
pub fn run(data: &[u8]) {
    let values: Vec<f64> = data.chunks_exact(8).take(4_000).map(value).collect();
    let mut bytes = Vec::new();
    let present = Encoder::new().encode(&values, &mut bytes);
    assert_eq!(
        present,
        values.iter().filter(|value| !value.is_nan()).count()
    );
    if present == 0 {
        assert!(bytes.is_empty());
        return;
    }
    let encoded = Encoded::parse(&bytes, values.len(), 0).expect("the encoder's own bytes");
    let mut out = vec![0.0; values.len()];
    encoded.decode(&mut out);
    for (decoded, value) in out.iter().zip(&values) {
        let is_same = decoded.to_bits() == value.to_bits();
        assert!(is_same || (decoded.is_nan() && value.is_nan()));
    }
}

fn value(bytes: &[u8]) -> f64 {
    let mut word = [0; 8];
    word.copy_from_slice(bytes);
    f64::from_le_bytes(word)
}

/// Floats of several kinds, as bytes.
pub fn seeds() -> Vec<Vec<u8>> {
    let kinds: [fn(u32) -> f64; 5] = [
        |index| f64::from(index * 999),
        |index| f64::from(index * index % 1009) / 1000.0,
        |index| f64::from(index).ln(),
        |index| f64::from(index as f32 / 7.0),
        |index| {
            if index % 9 == 0 {
                f64::NAN
            } else {
                -f64::from(index)
            }
        },
    ];
    (kinds.iter())
        .map(|kind| {
            (0..150)
                .flat_map(|index| kind(index).to_le_bytes())
                .collect()
        })
        .collect()
}
