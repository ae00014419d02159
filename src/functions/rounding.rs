//! Rounding to decimals as Python's `round` does it: the exact binary value, ties to even.
//!
//! Nearly every value takes the short way, a product and a quotient; only where the product looks like
//! a tie is it worked out exactly. The long way prints and reads the number: for values too large for
//! that, for rounding before the point, and for absurd precisions.

/// The greatest power of ten that is a float exactly.
const EXACT_POWER_MAX: i32 = 22;

/// Above this the short way's arithmetic would no longer be exact.
const PRODUCT_MAX: f64 = (1_u64 << 51) as f64;

/// Adding this leaves no bits for fractions, so that the sum is rounded to a whole number, ties to
/// even; subtracting it again gives that number. The instruction for it is missing from older
/// processors, and a call would cost more than all the rest.
const ROUNDER: f64 = (3_u64 << 51) as f64;

/// Precisions beyond these cannot change a value, or leave nothing of it.
const DECIMALS_MAX: i32 = 323;
const DECIMALS_MIN: i32 = -308;

/// Rounds to `decimals` behind the point, or before it when negative. Infinities and NaN stay.
#[inline]
pub fn round_to(value: f64, decimals: i32) -> f64 {
    if !value.is_finite() || value == 0.0 {
        return value;
    }
    if (0..=EXACT_POWER_MAX).contains(&decimals) {
        let power = 10_f64.powi(decimals);
        let product = value * power;
        if product.abs() < PRODUCT_MAX {
            let whole = (product + ROUNDER) - ROUNDER;
            let rest = product - whole;
            let whole = if rest.abs() == 0.5 {
                whole + away_from_false_tie(value, power, product, rest)
            } else {
                whole
            };
            return whole.copysign(value) / power;
        }
    }
    round_by_text(value, decimals)
}

/// What to add where the product looks like a tie only because it was rounded itself: a step to the
/// side on which the exact product lies, unless the tie already went there.
#[cold]
fn away_from_false_tie(value: f64, power: f64, product: f64, rest: f64) -> f64 {
    let error = value.mul_add(power, -product);
    if error != 0.0 && error.is_sign_positive() == rest.is_sign_positive() {
        rest.signum()
    } else {
        0.0
    }
}

#[cold]
fn round_by_text(value: f64, decimals: i32) -> f64 {
    if decimals > DECIMALS_MAX {
        return value;
    }
    if decimals < DECIMALS_MIN {
        return 0.0_f64.copysign(value);
    }
    let text = if let Ok(decimals) = usize::try_from(decimals) {
        format!("{value:.decimals$}")
    } else {
        before_the_point(value, decimals)
    };
    text.parse().unwrap_or(value)
}

/// Rounds to a power of ten above one, by way of scientific notation, whose digits are exact.
fn before_the_point(value: f64, decimals: i32) -> String {
    let scientific = format!("{value:e}");
    let exponent: i32 = scientific
        .split_once('e')
        .and_then(|(_, exponent)| exponent.parse().ok())
        .unwrap_or(0);
    let sign = if value < 0.0 { "-" } else { "" };
    match usize::try_from(exponent + decimals) {
        Ok(digits) => format!("{value:.digits$e}"),
        // All digits go; a value of more than half of the power rounds up to it.
        Err(_) if exponent + decimals == -1 && is_above_half(value, -decimals) => {
            format!("{sign}1e{}", -decimals)
        }
        Err(_) => format!("{sign}0"),
    }
}

fn is_above_half(value: f64, power: i32) -> bool {
    let half: f64 = format!("5e{}", power - 1).parse().unwrap_or(f64::INFINITY);
    value.abs() > half
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_to_even_and_only_true_ties_are_ties() {
        let cases = [
            (2.5, 0, 2.0),
            (3.5, 0, 4.0),
            (-2.5, 0, -2.0),
            (0.125, 2, 0.12),
            (2.675, 2, 2.67),
            (1.005, 2, 1.0),
            (0.285, 2, 0.28),
            (1.0000005, 6, 1.000001),
            (2.0000015, 6, 2.000002),
            (0.5000005, 6, 0.5),
            (25.0, -1, 20.0),
            (35.0, -1, 40.0),
            (1234.5, -2, 1200.0),
            (50.0, -2, 0.0),
            (51.0, -2, 100.0),
            (-51.0, -2, -100.0),
            (4.0, -2, 0.0),
            (1.5e300, -300, 2e300),
            (1e22, 6, 1e22),
            (123_456_789_012_345.67, 6, 123_456_789_012_345.67),
            (1.234e-8, 25, 1.234e-8),
            (5e-324, 400, 5e-324),
            (5e300, -400, 0.0),
        ];
        for (value, decimals, expected) in cases {
            assert_eq!(round_to(value, decimals), expected, "{value} {decimals}");
        }
        assert!(round_to(f64::NAN, 2).is_nan());
        assert_eq!(round_to(f64::INFINITY, 2), f64::INFINITY);
    }

    #[test]
    fn short_way_agrees_with_the_long_way() {
        let mut state = 1_u64;
        for round in 0..20_000_u32 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let decimals = (round % 8) as i32;
            // Half of the values lie as close to a tie as floats get.
            let tie = ((state >> 44) as f64 + 0.5) / 10_f64.powi(decimals);
            let random = (state >> 11) as f64 / 1e9;
            for value in [tie, -tie, random] {
                let short = round_to(value, decimals);
                let long = round_by_text(value, decimals);
                assert_eq!(short.to_bits(), long.to_bits(), "{value} {decimals}");
            }
        }
    }
}
