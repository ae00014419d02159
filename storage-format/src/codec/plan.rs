//! How a sequence of integers is packed: which differences, which width, which exceptions.
//!
//! A plan is made by measuring, never by trying: histograms of bit widths give the exact size of
//! each choice, and only the winner is written.

use super::bitpack::packed_bytes;
use crate::cursor::{bits, varint_bytes, zigzag};

/// The highest order of differences: 0 packs the integers themselves, 1 deltas, 2 deltas of deltas.
pub(crate) const ORDER_MAX: usize = 2;

/// Fewer residuals than this are not searched for exceptions.
const EXCEPTIONS_FROM: usize = 4;

/// How many bits wider than the spread of its middle half a sequence is without outliers.
///
/// Uniform residuals are one bit wider, normally distributed ones about two.
const SPREAD_BITS: u32 = 2;

/// The chosen packing of one sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// The order of differences, at most [`ORDER_MAX`].
    pub(crate) order: usize,
    /// What is subtracted from each residual before it is packed.
    pub(crate) base: u64,
    /// Bits a residual.
    pub(crate) width: u32,
    /// How many residuals do not fit and are written beside.
    pub(crate) exceptions: usize,
    /// Bytes that the sequence takes, all told.
    pub(crate) size: usize,
}

impl Plan {
    /// No plan yet.
    pub(crate) const NONE: Self = Self {
        order: 0,
        base: 0,
        width: 0,
        exceptions: 0,
        size: usize::MAX,
    };
}

/// Plans the smallest packing of `values`; `residuals` is room to work in.
///
/// All arithmetic is modulo 2^64, so any values whatever come back exactly.
pub(crate) fn plan(values: &[u64], residuals: &mut Vec<u64>) -> Plan {
    residuals.clear();
    residuals.extend_from_slice(values);
    let mut best = plan_order(0, 0, residuals);
    let mut lead_bytes = 0;
    for order in 1..=ORDER_MAX.min(values.len() - 1) {
        lead_bytes += varint_bytes(bits(zigzag(residuals[0] as i64)));
        differ(residuals);
        let candidate = plan_order(order, lead_bytes, residuals);
        if candidate.size >= best.size {
            // What does not gain from the first differences does not from the second.
            break;
        }
        best = candidate;
    }
    best
}

/// Replaces `residuals` by the differences of neighbours, one fewer.
pub(crate) fn differ(residuals: &mut Vec<u64>) {
    for index in 1..residuals.len() {
        residuals[index - 1] = residuals[index].wrapping_sub(residuals[index - 1]);
    }
    residuals.pop();
}

fn plan_order(order: usize, lead_bytes: usize, residuals: &[u64]) -> Plan {
    let (mut low, mut high) = (i64::MAX, i64::MIN);
    for &residual in residuals {
        low = low.min(residual as i64);
        high = high.max(residual as i64);
    }
    let width = bits(high.wrapping_sub(low) as u64);
    let mut best = Plan {
        order,
        base: low as u64,
        width,
        exceptions: 0,
        size: packed_bytes(residuals.len(), width) + varint_bytes(bits(zigzag(low))),
    };
    if residuals.len() >= EXCEPTIONS_FROM && width > 0 {
        let (pivot, spread) = typical(residuals);
        if spread == 0 || width > bits(spread) + SPREAD_BITS {
            search_exceptions(residuals, low as u64, high as u64, pivot, &mut best);
        }
    }
    best.size += lead_bytes + 1;
    best
}

/// Looks for a narrower window of values that leaves a few outside, anchored at the lowest value,
/// at the highest, or around a typical one.
fn search_exceptions(residuals: &[u64], low: u64, high: u64, pivot: u64, best: &mut Plan) {
    let mut above_low = [0u32; 65];
    let mut below_high = [0u32; 65];
    let mut around = [0u32; 65];
    for &residual in residuals {
        above_low[bits(residual.wrapping_sub(low)) as usize] += 1;
        below_high[bits(high.wrapping_sub(residual)) as usize] += 1;
        around[bits(zigzag(residual.wrapping_sub(pivot) as i64)) as usize] += 1;
    }
    let count = residuals.len();
    narrow(&above_low, count, best, |_| low);
    narrow(&below_high, count, best, |width| {
        high.wrapping_sub(super::bitpack::mask(width))
    });
    narrow(&around, count, best, |width| match width {
        0 => pivot,
        _ => pivot.wrapping_sub(1 << (width - 1)),
    });
}

/// Takes the width that is smallest all told, given how many residuals need how many bits.
fn narrow(histogram: &[u32; 65], count: usize, best: &mut Plan, base: impl Fn(u32) -> u64) {
    let (mut outside, mut outside_bytes) = (0usize, 0usize);
    for width in (0..64u32).rev() {
        let needing = histogram[width as usize + 1] as usize;
        outside += needing;
        // One byte of position, and a zigzag value of about one bit more than the distance.
        outside_bytes += needing * (1 + varint_bytes(width + 2));
        if outside == 0 || outside > count / 2 {
            continue;
        }
        let base = base(width);
        let size = packed_bytes(count, width)
            + varint_bytes(bits(zigzag(base as i64)))
            + varint_bytes(bits(outside as u64))
            + outside_bytes;
        if size < best.size {
            *best = Plan {
                base,
                width,
                exceptions: outside,
                size,
                ..*best
            };
        }
    }
}

/// The median of a few residuals from all over the sequence, and the spread of their middle half.
fn typical(residuals: &[u64]) -> (u64, u64) {
    const SAMPLES: usize = 16;
    let mut samples = [0i64; SAMPLES];
    for (index, sample) in samples.iter_mut().enumerate() {
        *sample = residuals[index * (residuals.len() - 1) / (SAMPLES - 1)] as i64;
    }
    samples.sort_unstable();
    let (quarter, median, three) = (SAMPLES / 4, SAMPLES / 2, SAMPLES * 3 / 4);
    let spread = samples[three].wrapping_sub(samples[quarter]);
    (samples[median] as u64, spread as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(values: &[i64]) -> Plan {
        let values: Vec<u64> = values.iter().map(|&value| value as u64).collect();
        plan(&values, &mut Vec::new())
    }

    #[test]
    fn a_straight_line_needs_no_bits() {
        let line: Vec<i64> = (0..120).map(|index| 1_000 + index * 37).collect();
        let plan = planned(&line);
        assert_eq!((plan.order, plan.width, plan.exceptions), (1, 0, 0));
    }

    #[test]
    fn a_parabola_needs_no_bits() {
        let curve: Vec<i64> = (0..120).map(|index| index * index * 500).collect();
        let plan = planned(&curve);
        assert_eq!((plan.order, plan.width), (2, 0));
    }

    #[test]
    fn one_outlier_does_not_widen_the_rest() {
        let mut values: Vec<i64> = (0..120).map(|index| index * 7 % 16).collect();
        values[60] = 1 << 50;
        let plan = planned(&values);
        assert_eq!((plan.order, plan.width, plan.exceptions), (0, 4, 1));
        values[61] = -(1 << 50);
        let plan = planned(&values);
        assert_eq!(plan.exceptions, 2);
        assert!(plan.width <= 5);
    }

    #[test]
    fn a_counter_reset_is_one_exception() {
        let (mut total, mut state) = (1_000_000_000i64, 1u64);
        let values: Vec<i64> = (0..120)
            .map(|index| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                total = if index == 50 {
                    0
                } else {
                    total + (state >> 33) as i64 % 1000
                };
                total
            })
            .collect();
        let plan = planned(&values);
        assert_eq!((plan.order, plan.width, plan.exceptions), (1, 10, 1));
    }

    #[test]
    fn extremes_do_not_overflow() {
        planned(&[i64::MIN, i64::MAX, 0, -1, i64::MAX, i64::MIN]);
        planned(&[i64::MAX]);
        planned(&[i64::MIN, i64::MAX]);
    }
}
