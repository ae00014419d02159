//! Any bytes as one encoded series: refused, or decoded within its slots, without a panic.

use plumbago_storage_format::codec::{Encoded, Encoder};

/// The first two bytes are the number of slots, the others the series.
pub fn run(data: &[u8]) {
    let Some((slots, bytes)) = data.split_first_chunk() else {
        return;
    };
    let slots = usize::from(u16::from_le_bytes(*slots));
    let Ok(encoded) = Encoded::parse(bytes, slots, 0) else {
        return;
    };
    assert_eq!(encoded.slots(), slots);
    assert!((1..=slots).contains(&encoded.present()));
    let mut whole = vec![0.0; slots];
    encoded.decode(&mut whole);
    // Any range is the same piece of the whole.
    let range = slots / 4..slots - slots / 5;
    let mut part = vec![0.0; range.len()];
    encoded.decode_range(range.clone(), &mut part);
    for (part, whole) in part.iter().zip(&whole[range]) {
        assert_eq!(part.to_bits(), whole.to_bits());
    }
}

/// Enough for several frames.
const SLOTS: u32 = 600;

/// Encoded series of each kind.
pub fn seeds() -> Vec<Vec<u8>> {
    let kinds: [fn(u32) -> f64; 11] = [
        |_| 7.0,
        |slot| f64::from(slot * 12),
        |slot| f64::from(slot * slot % 101) / 100.0,
        |slot| f64::from(slot).sin(),
        |slot| {
            if slot == 40 {
                1e300
            } else {
                f64::from(slot % 3)
            }
        },
        |slot| {
            if slot % 3 == 1 {
                f64::NAN
            } else {
                f64::from(slot)
            }
        },
        |slot| f64::from(slot * 7) / 6.0,
        |slot| {
            (0..6)
                .map(|part| f64::from(slot + part) / 100.0)
                .sum::<f64>()
                / 6.0
        },
        |slot| f64::from(slot * slot % 89) * 4096.0,
        |slot| f64::from(slot * slot % 5 + 2).sqrt(),
        |slot| if slot % 40 > 20 { f64::NAN } else { 0.25 },
    ];
    (kinds.iter())
        .map(|kind| {
            let values: Vec<f64> = (0..SLOTS).map(kind).collect();
            let mut seed = (SLOTS as u16).to_le_bytes().to_vec();
            Encoder::new().encode(&values, &mut seed);
            seed
        })
        .collect()
}
