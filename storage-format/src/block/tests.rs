//! Blocks as a whole: round trips, lookups, damage and hostile bytes.

use proptest::prelude::*;

use super::*;
use crate::error::FormatError;

const SLOTS: u32 = 120;

fn span() -> Span {
    Span {
        place: Place {
            shard: 3,
            family: 7,
            archive: 1,
        },
        sequence: 9,
        first_slot_s: 1_700_000_040,
        step_s: 10,
        slots: SLOTS,
    }
}

/// Some series by id, of several kinds, with a few that hold nothing.
fn values(id: u32) -> Vec<f64> {
    let mut state = u64::from(id) * 2 + 1;
    let mut next = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(99);
        state >> 33
    };
    (0..SLOTS)
        .map(|slot| match id % 5 {
            0 => f64::from(id),
            1 => next() as f64 / 1e9,
            2 => f64::from(slot * 17) + (next() % 1000) as f64,
            3 if slot % 7 == 0 => (next() % 10_000) as f64 / 100.0,
            _ => f64::NAN,
        })
        .collect()
}

fn block(ids: &[u32]) -> Vec<u8> {
    let mut writer = Writer::new(span());
    for &id in ids {
        writer.push(id, &values(id));
    }
    writer.finish()
}

fn same(left: &[f64], right: &[f64]) -> bool {
    let pairs = left.iter().zip(right);
    left.len() == right.len()
        && pairs
            .into_iter()
            .all(|(a, b)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()))
}

#[test]
fn every_pushed_series_is_found_and_no_other() {
    let ids: Vec<u32> = (0..1000)
        .filter(|id| id % 3 != 1)
        .chain([u32::MAX])
        .collect();
    let bytes = block(&ids);
    let reader = Reader::open(&bytes).unwrap();
    let mut out = vec![0.0; SLOTS as usize];
    for id in (0..1005).chain([u32::MAX - 1, u32::MAX]) {
        let has_values = values(id).iter().any(|value| !value.is_nan());
        let expected = ids.contains(&id) && has_values;
        let found = reader.series_checked(id).unwrap();
        assert_eq!(found.is_some(), expected, "series {id}");
        if let Some(encoded) = found {
            encoded.decode(&mut out);
            assert!(same(&out, &values(id)), "series {id}");
        }
    }
    assert!(reader.verify().is_empty());
    assert_eq!(reader.header().span, span());
}

#[test]
fn iteration_gives_all_series_in_order() {
    let ids: Vec<u32> = (0..300).filter(|id| id % 5 != 4).map(|id| id * 3).collect();
    let ids: Vec<u32> = ids.into_iter().filter(|id| id % 5 != 4).collect();
    let bytes = block(&ids);
    let reader = Reader::open(&bytes).unwrap();
    let found: Vec<u32> = reader.ids().map(Result::unwrap).collect();
    assert_eq!(found, ids);
    let points: usize = reader
        .iter()
        .map(|series| series.unwrap().encoded.present())
        .sum();
    assert_eq!(points as u64, reader.header().points);
    assert_eq!(reader.header().series as usize, ids.len());
}

#[test]
fn the_example_of_the_page_is_what_is_written() {
    let page = include_str!("../../block.md");
    let (_, example) = page.split_once("```hex\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let expected: Vec<u8> = (example.split_whitespace())
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect();
    let mut writer = Writer::new(Span {
        place: Place {
            shard: 2,
            family: 5,
            archive: 1,
        },
        sequence: 77,
        first_slot_s: 1_700_000_040,
        step_s: 10,
        slots: 4,
    });
    writer.push(7, &[42.0; 4]);
    writer.push(9, &[0.25, f64::NAN, 0.50, 0.53]);
    assert_eq!(writer.finish(), expected);
}

#[test]
fn an_empty_block_is_a_block() {
    let bytes = block(&[]);
    let reader = Reader::open(&bytes).unwrap();
    assert!(reader.series(0).unwrap().is_none());
    assert_eq!(reader.ids().count(), 0);
    assert!(reader.verify().is_empty());
}

#[test]
fn series_move_between_blocks_without_decoding() {
    let ids: Vec<u32> = (0..100).collect();
    let bytes = block(&ids);
    let reader = Reader::open(&bytes).unwrap();
    let mut writer = Writer::new(span());
    for series in reader.iter() {
        let series = series.unwrap();
        writer.push_encoded(series.id, &series.encoded);
    }
    assert_eq!(writer.finish(), bytes);
}

#[test]
fn damage_costs_only_its_bundle() {
    let ids: Vec<u32> = (0..640).filter(|id| id % 5 != 4).collect();
    let mut bytes = block(&ids);
    let in_payload = HEADER_BYTES + 5_000;
    bytes[in_payload] ^= 0x10;
    let reader = Reader::open(&bytes).unwrap();
    let damage = reader.verify();
    assert_eq!(damage.len(), 1);
    assert!(matches!(damage[0].error, FormatError::Checksum { .. }));
    let refused: Vec<u32> = (ids.iter().copied())
        .filter(|&id| reader.series_checked(id).is_err())
        .collect();
    assert_eq!(refused, damage[0].ids);
    assert!((1..=8).contains(&refused.len()));
}

#[test]
fn every_flipped_bit_outside_the_payload_is_noticed_on_opening() {
    let bytes = block(&[1, 2, 3, 70, 99]);
    let index_at = HEADER_BYTES + Reader::open(&bytes).unwrap().header().payload_bytes as usize;
    for at in (0..HEADER_BYTES).chain(index_at..bytes.len()) {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << bit;
            assert!(Reader::open(&damaged).is_err(), "byte {at} bit {bit}");
        }
    }
    for length in 0..bytes.len() {
        assert!(Reader::open(&bytes[..length]).is_err(), "cut to {length}");
    }
}

#[test]
fn another_kind_of_file_and_a_future_version_are_named() {
    let mut bytes = block(&[1]);
    bytes[8] = 2;
    let refusal = Reader::open(&bytes).unwrap_err();
    assert!(matches!(refusal, FormatError::Version { found: 2, .. }));
    bytes[0] = b'x';
    let refusal = Reader::open(&bytes).unwrap_err();
    assert!(matches!(refusal, FormatError::Magic { .. }));
}

/// Reads everything that a reader gives, so that any panic shows.
fn read_all(bytes: &[u8]) {
    let Ok(reader) = Reader::open_again(bytes) else {
        return;
    };
    let mut out = vec![0.0; reader.header().span.slots as usize];
    reader.verify();
    for id in reader.ids().take(10_000).flatten() {
        if let Ok(Some(encoded)) = reader.series(id) {
            encoded.decode(&mut out);
        }
    }
    for series in reader.iter().take(10_000).flatten() {
        series.encoded.decode(&mut out);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn mutated_blocks_never_panic(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        in_index in any::<bool>(),
    ) {
        let mut bytes = block(&[1, 2, 3, 5, 6, 7, 8, 700, 701, 702, 703, 1000]);
        let index_at = HEADER_BYTES + Reader::open(&bytes).unwrap().header().payload_bytes as usize;
        let from = if in_index { index_at } else { HEADER_BYTES };
        for (index, byte) in changes {
            let at = from + index.index(bytes.len() - from);
            bytes[at] = byte;
        }
        read_all(&bytes);
    }
}
