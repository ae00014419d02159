//! Round trips through encoder and decoder, bit for bit, and hostile bytes.

use proptest::prelude::*;

use super::*;

fn encode(values: &[f64]) -> Vec<u8> {
    let mut out = Vec::new();
    let present = Encoder::new().encode(values, &mut out);
    assert_eq!(
        present,
        values.iter().filter(|value| !value.is_nan()).count()
    );
    out
}

/// Bits of the values, with one pattern for every NaN.
fn bits(values: &[f64]) -> Vec<u64> {
    let nan = f64::NAN.to_bits();
    (values.iter())
        .map(|value| if value.is_nan() { nan } else { value.to_bits() })
        .collect()
}

fn assert_round_trip(values: &[f64]) -> usize {
    let bytes = encode(values);
    if bytes.is_empty() {
        return 0;
    }
    let encoded = Encoded::parse(&bytes, values.len(), 0).unwrap();
    let mut out = vec![0.0; values.len()];
    encoded.decode(&mut out);
    assert_eq!(bits(&out), bits(values));
    bytes.len()
}

fn assert_ranges(values: &[f64], cuts: &[(usize, usize)]) {
    let bytes = encode(values);
    if bytes.is_empty() {
        return;
    }
    let encoded = Encoded::parse(&bytes, values.len(), 0).unwrap();
    for &(a, b) in cuts {
        let (a, b) = (a % (values.len() + 1), b % (values.len() + 1));
        let range = a.min(b)..a.max(b);
        let mut out = vec![0.0; range.len()];
        encoded.decode_range(range.clone(), &mut out);
        assert_eq!(bits(&out), bits(&values[range]));
    }
}

/// Values of every kind that the codec tells apart, and mixtures of them.
fn series() -> impl Strategy<Value = Vec<f64>> {
    let value = prop_oneof![
        4 => (-1000i64..1000).prop_map(|v| v as f64),
        3 => (-100_000i64..100_000).prop_map(|v| v as f64 / 100.0),
        2 => 0.0f64..1.0,
        1 => any::<u64>().prop_map(f64::from_bits),
        1 => any::<f32>().prop_map(f64::from),
        1 => any::<i64>().prop_map(|v| v as f64),
        1 => prop_oneof![
            Just(0.0), Just(-0.0), Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(f64::MAX),
            Just(f64::MIN_POSITIVE), Just(f64::from_bits(1)), Just(f64::NAN), Just(9_007_199_254_740_993.0),
        ],
    ];
    let of_one_kind = prop_oneof![
        proptest::collection::vec((-1_000_000i64..1_000_000).prop_map(|v| v as f64), 1..300),
        proptest::collection::vec((-1000i64..1000).prop_map(|v| v as f64 / 1000.0), 1..300),
        proptest::collection::vec(-1.0f64..1.0, 1..300),
        proptest::collection::vec((0u32..1000).prop_map(|v| f64::from(v as f32 * 0.1)), 1..300),
    ];
    let of_few = (
        proptest::collection::vec(any::<f64>(), 1..40),
        proptest::collection::vec(any::<prop::sample::Index>(), 1..300),
    )
        .prop_map(|(levels, picks)| picks.iter().map(|pick| *pick.get(&levels)).collect());
    let multiples = (
        1u32..100_000,
        proptest::collection::vec(-5_000i32..5_000, 1..300),
    )
        .prop_map(|(unit, picks)| {
            picks
                .iter()
                .map(|&pick| f64::from(pick) * f64::from(unit))
                .collect()
        });
    let mixed = proptest::collection::vec(value, 1..700);
    (
        prop_oneof![mixed, of_one_kind, of_few, multiples],
        any::<u8>(),
        1usize..9,
    )
        .prop_map(|(mut values, gaps, every)| {
            for (index, value) in values.iter_mut().enumerate() {
                if gaps & 3 == 1 && index % every == 0 || gaps & 3 == 2 && index / 10 % 3 == 1 {
                    *value = f64::NAN;
                }
            }
            if gaps & 4 != 0 {
                // A running sum, as counters are.
                for index in 1..values.len() {
                    values[index] += values[index - 1];
                }
            }
            values
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn every_value_comes_back_bit_for_bit(values in series(), cuts in proptest::collection::vec(any::<(usize, usize)>(), 4)) {
        assert_round_trip(&values);
        assert_ranges(&values, &cuts);
    }

    #[test]
    fn mutated_bytes_never_panic(
        values in series(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5),
        cut in proptest::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = encode(&values);
        prop_assume!(!bytes.is_empty());
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(encoded) = Encoded::parse(&bytes, values.len(), 0) {
            let mut out = vec![0.0; values.len()];
            encoded.decode(&mut out);
            let half = values.len() / 2;
            encoded.decode_range(half..values.len(), &mut out[half..]);
        }
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), slots in 0usize..300) {
        if let Ok(encoded) = Encoded::parse(&bytes, slots, 0) {
            let mut out = vec![0.0; slots];
            encoded.decode(&mut out);
        }
    }
}

#[test]
fn an_absent_series_has_no_bytes() {
    assert_eq!(assert_round_trip(&[f64::NAN; 120]), 0);
    assert_eq!(assert_round_trip(&[]), 0);
}

#[test]
fn a_constant_costs_its_digits() {
    assert_eq!(assert_round_trip(&[0.0; 120]), 2);
    assert_eq!(assert_round_trip(&[42.0; 120]), 2);
    assert_eq!(assert_round_trip(&[99.95; 120]), 5);
    assert!(assert_round_trip(&[std::f64::consts::PI; 120]) <= 11);
    assert!(assert_round_trip(&[-0.0; 120]) <= 3);
    assert!(assert_round_trip(&[f64::INFINITY; 120]) <= 4);
}

#[test]
fn a_negative_zero_among_decimals_costs_only_itself() {
    let mut state = 1u64;
    let mut values: Vec<f64> = (0..120)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) as f64 % 100.0 / 100.0
        })
        .collect();
    let clean = assert_round_trip(&values);
    values[17] = -0.0;
    assert!(assert_round_trip(&values) <= clean + 12);
}

#[test]
fn full_precision_values_that_repeat_cost_their_number() {
    let levels: Vec<f64> = (1..7u32).map(|level| f64::from(level).ln()).collect();
    let values: Vec<f64> = (0..120).map(|slot| levels[slot * slot % 11 % 6]).collect();
    assert!(assert_round_trip(&values) < 110);
    // A gauge that is set now and then.
    let held: Vec<f64> = (0..120u32)
        .map(|slot| f64::from(slot / 4 + 2).ln())
        .collect();
    assert!(assert_round_trip(&held) < 260);
}

#[test]
fn multiples_cost_no_more_than_their_quotients() {
    let pages: Vec<f64> = (0..120u32)
        .map(|slot| f64::from(slot * slot % 97))
        .collect();
    let bytes: Vec<f64> = pages.iter().map(|pages| pages * 4096.0).collect();
    assert!(assert_round_trip(&bytes) <= assert_round_trip(&pages) + 3);
    let halves: Vec<f64> = pages.iter().map(|pages| pages * 15.0 / 1000.0).collect();
    assert_round_trip(&halves);
}

#[test]
fn a_long_series_that_changes_its_habits_is_packed_in_frames() {
    let mut state = 1u64;
    let mut noise = |limit: f64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) as f64 % limit
    };
    let calm: Vec<f64> = (0..2_000).map(|_| noise(8.0)).collect();
    let busy: Vec<f64> = (0..2_000).map(|_| noise(8_000.0)).collect();
    let apart = assert_round_trip(&calm) + assert_round_trip(&busy);
    let mut both = calm;
    both.extend(busy);
    let together = assert_round_trip(&both);
    assert!(
        together * 10 < apart * 11,
        "{together} bytes, {apart} apart"
    );
    both[77] = f64::NAN;
    both[3_000] = f64::INFINITY;
    assert_round_trip(&both);
    assert_ranges(
        &both,
        &[
            (0, 255),
            (255, 257),
            (300, 3_500),
            (1_999, 2_001),
            (3_999, 4_000),
        ],
    );
}

#[test]
fn the_longest_series_comes_back() {
    let values: Vec<f64> = (0..SLOTS_MAX).map(|index| (index * index) as f64).collect();
    assert_round_trip(&values);
    assert_ranges(
        &values,
        &[(65_000, 65_535), (3, 64), (64, 128), (40_000, 40_001)],
    );
}
