//! Values as whole numbers over one common divisor, give or take a few floats.
//!
//! A rollup by average divides a sum by the number of points: six whole numbers have a mean in
//! sixths, which no decimal holds and whose bits look random. The divisor is found by continued
//! fractions. Where the sum itself was rounded, as with decimals, the quotient is missed by a few
//! units in the last place; these *corrections* are kept beside the integers, in a few bits each.

use super::candidate::Candidate;
use super::decimal::{self, fill_raw, greatest_common_divisor, raw_max, samples};
use super::domain::Domain;

/// So many values are looked at to find the divisor.
const SAMPLES: usize = 12;

/// So many of them may have no small denominator.
const MISSES_MAX: usize = 2;

/// The largest divisor: one that leaves integers much shorter than the bits they replace.
const DIVISOR_MAX: u64 = 1 << 18;

/// A value and its quotient may be so many floats apart.
const CORRECTION_MAX: u64 = 31;

/// Reads `values` as integers over one divisor; false if there seems to be none.
pub(super) fn read(values: &[f64], candidate: &mut Candidate) -> bool {
    let Some(mut divisor) = common_divisor(values) else {
        return false;
    };
    // At least doubled each time, the divisor is soon too large.
    while let Some(larger) = split_all(values, divisor, candidate) {
        divisor = larger;
    }
    candidate.domain = Domain::Quotient {
        divisor: divisor as u32,
    };
    candidate.corrections.fit();
    fill_raw(&mut candidate.integers, &candidate.raw);
    candidate.integers.len() == values.len()
}

/// Splits values until all are done or too many are raw; answers a larger divisor if one is needed.
fn split_all(values: &[f64], divisor: u64, candidate: &mut Candidate) -> Option<u64> {
    candidate.clear();
    for (index, &value) in values.iter().enumerate() {
        let found = split(value, divisor as f64);
        if found.is_none() {
            let own = denominator(value);
            let larger = own.and_then(|own| least_common_multiple(divisor, own));
            if larger.is_some_and(|larger| larger > divisor) {
                return larger;
            }
            if candidate.raw.len() == raw_max(values.len()) {
                break;
            }
            candidate.raw.push((index, value.to_bits()));
        }
        let (integer, correction) = found.unwrap_or((0, 0));
        candidate.integers.push(integer);
        candidate.corrections.values.push(correction);
    }
    None
}

/// The integer nearest to `value` times `divisor`, and how many floats above its quotient `value` is.
#[inline(always)]
fn split(value: f64, divisor: f64) -> Option<(u64, u64)> {
    let (integer, rounded, out_of_range) = decimal::round(value * divisor);
    let correction = (value.to_bits()).wrapping_sub((rounded / divisor).to_bits());
    let is_near = correction.wrapping_add(CORRECTION_MAX) <= 2 * CORRECTION_MAX;
    (is_near && out_of_range == 0).then_some((integer, correction))
}

/// The least common multiple of the denominators of a few values.
fn common_divisor(values: &[f64]) -> Option<u64> {
    let mut divisor = 1;
    let mut misses = 0;
    for value in samples(values, SAMPLES) {
        if split(value, divisor as f64).is_some() {
            continue;
        }
        match denominator(value) {
            Some(own) => divisor = least_common_multiple(divisor, own)?,
            None => misses += 1,
        }
        if misses > MISSES_MAX {
            return None;
        }
    }
    (divisor > 1).then_some(divisor)
}

/// The smallest denominator of a fraction that is `value` but for a correction.
///
/// Its continued fraction is followed while the denominators stay small. A random float of this
/// magnitude comes that near to a fraction by chance once in some hundred times, and two such floats
/// hardly share a divisor; where they do, measuring the size tells.
fn denominator(value: f64) -> Option<u64> {
    const TERMS_MAX: usize = 24;
    let mut rest = value.abs();
    let (mut former, mut current) = (0u64, 1u64);
    for _ in 0..TERMS_MAX {
        let whole = rest.floor();
        rest = 1.0 / (rest - whole);
        if split(value, current as f64).is_some() {
            return Some(current);
        }
        if rest.is_nan() || rest >= DIVISOR_MAX as f64 {
            return None;
        }
        let next = (rest.floor() as u64) * current + former;
        if next > DIVISOR_MAX {
            return None;
        }
        (former, current) = (current, next);
    }
    None
}

fn least_common_multiple(a: u64, b: u64) -> Option<u64> {
    let multiple = a / greatest_common_divisor(a, b) * b;
    (multiple <= DIVISOR_MAX).then_some(multiple)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn denominators_are_found() {
        for (value, expected) in [(1.0 / 3.0, 3), (7.0 / 6.0, 6), (-123_457.0 / 60.0, 60)] {
            assert_eq!(denominator(value), Some(expected));
        }
        let rounded: f64 = (0.1 + 0.2 + 0.3 + 12.34 + 9.99 + 0.08) / 6.0;
        assert_eq!(denominator(rounded), denominator(2301.0 / 600.0));
        assert_eq!(denominator(std::f64::consts::PI), None);
        assert_eq!(denominator(f64::INFINITY), None);
    }

    #[test]
    fn means_of_integers_need_no_corrections() {
        let values: Vec<f64> = (0..120)
            .map(|index| f64::from(index * index) / 6.0)
            .collect();
        let mut candidate = Candidate::default();
        assert!(read(&values, &mut candidate));
        assert_eq!(candidate.domain, Domain::Quotient { divisor: 6 });
        assert!(candidate.raw.is_empty());
        assert!(candidate.corrections.are_none());
        assert_eq!(candidate.integers[7], 49);
    }

    #[test]
    fn random_bits_have_no_common_divisor() {
        let mut state = 1u64;
        let values: Vec<f64> = (0..120)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                (state >> 11) as f64 / (1u64 << 53) as f64
            })
            .collect();
        assert!(!read(&values, &mut Candidate::default()));
    }
}
