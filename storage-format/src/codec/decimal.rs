//! Values as whole numbers over a power of ten, tested bit for bit.
//!
//! Metrics are printed and typed as decimals, so most series have a small exponent by which every
//! value is an integer. The idea of testing this bit for bit is ALP's (Afroozeh, Kuffo, Boncz,
//! SIGMOD 2023); unlike ALP the way back is a division by a power of ten, which IEEE 754 rounds
//! correctly, so that every decimal of up to 15 digits comes back whatever its exponent.

use super::candidate::{Candidate, Raw};
use super::domain::{DECIMAL_EXPONENT_MAX, Domain, POWERS_OF_TEN, map};

/// One value in this many may be no decimal before decimals are given up.
const RAW_SHARE: usize = 16;

/// So many values are looked at before all are.
const SAMPLES: usize = 8;

/// Adding this to a float below 2^51 rounds it to an integer, which stands in the lowest bits.
const ROUNDER: f64 = 6_755_399_441_055_744.0;

/// Every decimal of 15 digits is a float that no shorter decimal is; 16 digits say little.
const SIGNIFICANT_MAX: f64 = 1e15;

/// Reads `values` as decimals of one exponent into `candidate`; false if too many are none.
pub(super) fn read(values: &[f64], candidate: &mut Candidate) -> bool {
    let Some(mut exponent) = sampled_exponent(values) else {
        return false;
    };
    loop {
        candidate.clear();
        match split(
            values,
            exponent,
            &mut candidate.integers,
            &mut candidate.raw,
        ) {
            Outcome::Split => break,
            Outcome::Larger(larger) => exponent = larger,
            Outcome::TooManyRaw => return false,
        }
    }
    candidate.domain = match exponent {
        0 if candidate.raw.is_empty() => Domain::Integer,
        exponent => Domain::Decimal { exponent },
    };
    if candidate.raw.is_empty() {
        divide_by_common_factor(exponent, candidate);
    }
    true
}

/// Divides the integers by their greatest common divisor: sizes come in pages, times in ticks.
fn divide_by_common_factor(exponent: u8, candidate: &mut Candidate) {
    let mut common = 0u64;
    for &integer in &candidate.integers {
        common = greatest_common_divisor(common, (integer as i64).unsigned_abs());
        if common == 1 {
            return;
        }
    }
    let Ok(factor) = u32::try_from(common) else {
        return;
    };
    for integer in &mut candidate.integers {
        *integer = (*integer as i64 / i64::from(factor)) as u64;
    }
    candidate.domain = Domain::Multiple { factor, exponent };
}

/// The largest number that divides both; the other one if one is 0.
pub(super) fn greatest_common_divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// How many values may be raw before a domain is given up.
pub(super) fn raw_max(count: usize) -> usize {
    count / RAW_SHARE
}

/// Values spread evenly over all.
pub(super) fn samples(values: &[f64], count: usize) -> impl Iterator<Item = f64> {
    let count = count.min(values.len());
    (0..count).map(move |index| values[index * values.len() / count])
}

/// The largest exponent among a few values; nothing if most of them are no decimals.
fn sampled_exponent(values: &[f64]) -> Option<u8> {
    let (mut largest, mut misses) = (0, 0);
    for value in samples(values, SAMPLES) {
        match exponent_of(value) {
            Some(exponent) => largest = largest.max(exponent),
            None => misses += 1,
        }
    }
    (misses * 2 <= SAMPLES.min(values.len())).then_some(largest)
}

enum Outcome {
    /// All values are integers over the power, or raw.
    Split,
    /// A value needs this larger exponent.
    Larger(u8),
    TooManyRaw,
}

fn split(values: &[f64], exponent: u8, integers: &mut Vec<u64>, raw: &mut Vec<Raw>) -> Outcome {
    const RUN: usize = 64;
    let divisor = POWERS_OF_TEN[usize::from(exponent)];
    integers.resize(values.len(), 0);
    for start in (0..values.len()).step_by(RUN) {
        let end = values.len().min(start + RUN);
        let (values_run, run) = (&values[start..end], &mut integers[start..end]);
        let is_exact = match exponent {
            0 => round_run(values_run, run, |value| value, |value| value),
            _ => round_run(values_run, run, |v| v * divisor, |v| v / divisor),
        };
        if is_exact {
            continue;
        }
        for (index, &value) in (start..).zip(values_run) {
            if integer_over(value, exponent).is_some() {
                continue;
            }
            match exponent_of(value) {
                Some(larger) if larger > exponent => return Outcome::Larger(larger),
                _ => raw.push((index, value.to_bits())),
            }
        }
        if raw.len() > raw_max(values.len()) {
            return Outcome::TooManyRaw;
        }
    }
    fill_raw(integers, raw);
    Outcome::Split
}

/// Gives raw values the integer of their neighbour, so that they cost nothing in the sequence.
pub(super) fn fill_raw(integers: &mut [u64], raw: &[Raw]) {
    let mut is_raw = raw.iter().map(|&(index, _)| index).peekable();
    // Those at the front take the first integer that is one.
    let front = (raw.iter().enumerate())
        .take_while(|(place, (index, _))| place == index)
        .count();
    let mut previous = integers.get(front).copied().unwrap_or(0);
    for (index, integer) in integers.iter_mut().enumerate() {
        if is_raw.next_if_eq(&index).is_some() {
            *integer = previous;
        } else {
            previous = *integer;
        }
    }
}

/// Rounds every scaled value to an integer; answers whether all come back exactly.
#[inline(always)]
fn round_run(
    values: &[f64],
    integers: &mut [u64],
    scale: impl Fn(f64) -> f64,
    unscale: impl Fn(f64) -> f64,
) -> bool {
    let mut wrong = 0;
    map(values, integers, |value| {
        let (integer, rounded, out_of_range) = round(scale(value));
        wrong |= out_of_range | (unscale(rounded).to_bits() ^ value.to_bits());
        integer
    });
    wrong == 0
}

/// The integer nearest to `scaled`, as such and as a float, and zero if these hold.
#[inline(always)]
pub(super) fn round(scaled: f64) -> (u64, f64, u64) {
    let shifted = scaled + ROUNDER;
    // Of another exponent the lowest bits are not the integer.
    let out_of_range = (shifted.to_bits() ^ ROUNDER.to_bits()) >> 52;
    let integer = shifted.to_bits().wrapping_sub(ROUNDER.to_bits());
    (integer, shifted - ROUNDER, out_of_range)
}

/// The integer that `value` is over ten to the power of `exponent`, if that gives its very bits.
pub(super) fn integer_over(value: f64, exponent: u8) -> Option<u64> {
    let divisor = POWERS_OF_TEN[usize::from(exponent)];
    let (integer, rounded, out_of_range) = round(value * divisor);
    let is_exact = (rounded / divisor).to_bits() == value.to_bits();
    (is_exact && out_of_range == 0).then_some(integer)
}

/// The smallest exponent by which `value` is a decimal of at most 15 digits.
pub(super) fn exponent_of(value: f64) -> Option<u8> {
    if integer_over(value, 0).is_some() {
        return Some(0);
    }
    // As many digits as are significant: a decimal of fewer then ends with zeros.
    let mut exponent = exponent_limit(value);
    let mut integer = integer_over(value, exponent)? as i64;
    for zeros in [8u8, 4, 2, 1] {
        let power = 10i64.pow(u32::from(zeros));
        while exponent >= zeros && integer % power == 0 {
            integer /= power;
            exponent -= zeros;
        }
    }
    // Stripped of its zeros it is the same decimal, but for the rounding of a product.
    (exponent..=exponent_limit(value)).find(|&exponent| integer_over(value, exponent).is_some())
}

/// The largest exponent that leaves `value` 15 digits.
fn exponent_limit(value: f64) -> u8 {
    let magnitude = value.abs();
    // log10(2) is 1233 / 4096: the estimate is right or one too small.
    let binary = (magnitude.to_bits() >> 52) as i32 - 1023;
    let digits = (binary * 1233) >> 12;
    let estimate = (15 - digits).clamp(0, i32::from(DECIMAL_EXPONENT_MAX)) as usize;
    let is_over = magnitude * POWERS_OF_TEN[estimate] > SIGNIFICANT_MAX;
    estimate.saturating_sub(usize::from(is_over)) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_decimal_of_fifteen_digits_is_found(
            integer in -999_999_999_999_999i64..=999_999_999_999_999,
            shorter in 0u32..15,
            exponent in 0u8..=17,
        ) {
            let integer = integer / 10i64.pow(shorter);
            prop_assume!(integer != 0);
            let value: f64 = format!("{integer}e-{exponent}").parse().unwrap();
            let found = exponent_of(value).unwrap();
            prop_assert!(found <= exponent);
            let over = integer_over(value, found).unwrap() as i64;
            prop_assert_eq!((over as f64 / POWERS_OF_TEN[usize::from(found)]).to_bits(), value.to_bits());
            prop_assert!(found == 0 || over % 10 != 0);
        }
    }

    #[test]
    fn what_is_no_number_is_no_decimal() {
        let odd = [
            -0.0,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MAX,
            f64::from_bits(1),
            1.0 / 3.0,
        ];
        for value in odd {
            assert_eq!(exponent_of(value), None, "{value}");
        }
    }

    #[test]
    fn raw_values_take_their_neighbours_integer() {
        let mut integers = [0, 0, 5, 6, 0, 7];
        fill_raw(&mut integers, &[(0, 0), (1, 0), (4, 0)]);
        assert_eq!(integers, [5, 5, 5, 6, 6, 7]);
    }

    #[test]
    fn a_late_longer_decimal_raises_the_exponent() {
        let mut values = vec![1.5; 200];
        values[177] = 1.501;
        let mut candidate = Candidate::default();
        assert!(read(&values, &mut candidate));
        assert_eq!(candidate.domain, Domain::Decimal { exponent: 3 });
        assert!(candidate.raw.is_empty());
        assert_eq!(candidate.integers[176..179], [1500, 1501, 1500]);
    }
}
