//! The integers behind the floats: exact maps between `f64` and the integers that get packed.
//!
//! A *domain* says how a value is computed from its integer. Most metrics are whole numbers or
//! decimals with a few digits (see `decimal`) or means of such (see `quotient`), so their integers are
//! small; what is left is cut up bit by bit.

/// The largest magnitude up to which every integer is a float.
pub(crate) const INTEGER_MAX: u64 = 1 << 53;

/// The largest power of ten that is exactly a float.
pub(crate) const DECIMAL_EXPONENT_MAX: u8 = 22;

/// The bit of an `f64` that holds its sign.
pub(crate) const SIGN: u64 = 1 << 63;

/// The powers of ten from 0 to [`DECIMAL_EXPONENT_MAX`], each exact.
pub(crate) const POWERS_OF_TEN: [f64; DECIMAL_EXPONENT_MAX as usize + 1] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
    1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
];

/// How the sign of values in [`Domain::Bits`] is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignForm {
    /// No value has the sign bit.
    Positive,
    /// Every value has it.
    Negative,
    /// It is the lowest bit of the integer.
    Mixed,
}

/// How an integer becomes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Domain {
    /// The value is the integer.
    Integer,
    /// The value is the integer over a power of ten.
    Decimal {
        /// The power, at most [`DECIMAL_EXPONENT_MAX`].
        exponent: u8,
    },
    /// The value is the integer times a factor, over a power of ten.
    Multiple {
        /// The factor, not 0.
        factor: u32,
        /// The power, at most [`DECIMAL_EXPONENT_MAX`].
        exponent: u8,
    },
    /// The integer is the value's number in a table, and stands for it until it is looked up there.
    Dictionary,
    /// The value is the integer over a divisor, moved on by its correction.
    Quotient {
        /// The divisor, not 0.
        divisor: u32,
    },
    /// The value is the integer over a power of two (which may be negative).
    Binary {
        /// The power, within [`BINARY_EXPONENTS`].
        exponent: i16,
    },
    /// The integer is the value's bits without their common trailing zeros.
    Bits {
        /// How many trailing zeros were dropped, at most 63.
        shift: u8,
        /// Where the sign is.
        sign: SignForm,
    },
}

/// The powers of two that [`Domain::Binary`] divides by.
pub(crate) const BINARY_EXPONENTS: std::ops::RangeInclusive<i16> = -971..=1074;

impl Domain {
    /// Computes the values of `integers`.
    pub(crate) fn to_values(self, integers: &[u64], values: &mut [f64]) {
        match self {
            Self::Integer => map(integers, values, float),
            Self::Decimal { exponent } => {
                let divisor = POWERS_OF_TEN[usize::from(exponent)];
                map(integers, values, |integer| float(integer) / divisor);
            }
            Self::Multiple { factor, exponent } => {
                let factor = f64::from(factor);
                let divisor = POWERS_OF_TEN[usize::from(exponent)];
                match exponent {
                    0 => map(integers, values, |integer| float(integer) * factor),
                    _ => map(integers, values, |integer| {
                        float(integer) * factor / divisor
                    }),
                }
            }
            Self::Dictionary => map(integers, values, f64::from_bits),
            Self::Quotient { divisor } => {
                let divisor = f64::from(divisor);
                map(integers, values, |integer| float(integer) / divisor);
            }
            Self::Binary { exponent } => {
                let factor = power_of_two(-i32::from(exponent));
                map(integers, values, |integer| float(integer) * factor);
            }
            Self::Bits { shift, sign } => {
                let shift = u32::from(shift);
                match sign {
                    SignForm::Positive => map(integers, values, |integer| {
                        f64::from_bits(integer.wrapping_shl(shift))
                    }),
                    SignForm::Negative => map(integers, values, |integer| {
                        f64::from_bits(integer.wrapping_shl(shift) | SIGN)
                    }),
                    SignForm::Mixed => map(integers, values, |integer| {
                        f64::from_bits((integer >> 1).wrapping_shl(shift) | integer << 63)
                    }),
                }
            }
        }
    }
}

/// Sets each of `to` from its peer in `from`.
#[inline(always)]
pub(super) fn map<T: Copy, U>(from: &[T], to: &mut [U], mut change: impl FnMut(T) -> U) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = change(from);
    }
}

/// `integer as i64 as f64`, in steps that every vector unit has.
///
/// Before AVX-512 x86 converts 64-bit integers one by one. Here the upper and the lower half are put
/// in the mantissas of 2^84 and 2^52; the difference and the sum of these floats are exact but for
/// the last rounding, which is therefore that of the cast.
#[inline(always)]
fn float(integer: u64) -> f64 {
    const UPPER: u64 = 0x4530_0000_8000_0000;
    const LOWER: u64 = 0x4330_0000_0000_0000;
    const EXCESS: f64 = f64::from_bits(0x4530_0000_8010_0000);
    let upper = f64::from_bits((integer >> 32) ^ UPPER);
    let lower = f64::from_bits((integer & 0xffff_ffff) | LOWER);
    (upper - EXCESS) + lower
}

/// 2 to the power of `exponent`, from -1074 (the smallest subnormal) to 1023.
fn power_of_two(exponent: i32) -> f64 {
    if exponent >= -1022 {
        f64::from_bits(((exponent + 1023) as u64) << 52)
    } else {
        f64::from_bits(1 << (exponent + 1074))
    }
}

/// The power of two that makes every value an integer of at most 53 bits, and those integers.
pub(crate) fn binary(values: &[f64], integers: &mut Vec<u64>) -> Option<Domain> {
    let exponent = values.iter().try_fold(i32::MIN, |exponent, &value| {
        binary_exponent(value).map(|own| own.max(exponent))
    })?;
    let exponent = i16::try_from(exponent.max(i32::from(*BINARY_EXPONENTS.start()))).ok()?;
    integers.clear();
    for &value in values {
        integers.push(binary_integer(value, exponent)?);
    }
    Some(Domain::Binary { exponent })
}

/// How many digits after the binary point `value` has; negative if it has trailing zeros before it.
fn binary_exponent(value: f64) -> Option<i32> {
    let (mantissa, exponent) = mantissa(value)?;
    match mantissa {
        0 if value.is_sign_negative() => None,
        0 => Some(i32::MIN),
        _ => Some(exponent - mantissa.trailing_zeros() as i32),
    }
}

fn binary_integer(value: f64, exponent: i16) -> Option<u64> {
    let (mantissa, own) = mantissa(value)?;
    let shift = i32::from(exponent) - own;
    let magnitude = match shift {
        _ if mantissa == 0 => 0,
        0..=10 => mantissa << shift,
        -52..=-1 => mantissa >> -shift,
        _ => return None,
    };
    let integer = if value.is_sign_negative() {
        -(magnitude as i64)
    } else {
        magnitude as i64
    };
    (magnitude <= INTEGER_MAX).then_some(integer as u64)
}

/// The 53-bit mantissa of a finite value and the `exponent` with |value| = mantissa / 2^exponent.
fn mantissa(value: f64) -> Option<(u64, i32)> {
    let bits = value.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    match (bits >> 52 & 0x7ff) as i32 {
        0x7ff => None,
        0 => Some((fraction, 1074)),
        biased => Some((fraction | 1 << 52, 1075 - biased)),
    }
}

/// The bits of `values` without their common trailing zeros.
pub(crate) fn bits(values: &[f64], integers: &mut Vec<u64>) -> Domain {
    let (mut any, mut all) = (0, u64::MAX);
    for value in values {
        any |= value.to_bits();
        all &= value.to_bits();
    }
    let sign = match (any & SIGN, all & SIGN) {
        (0, _) => SignForm::Positive,
        (_, 0) => SignForm::Mixed,
        _ => SignForm::Negative,
    };
    let shift = (any & !SIGN).trailing_zeros().min(63);
    integers.clear();
    integers.extend(values.iter().map(|value| {
        let magnitude = (value.to_bits() & !SIGN) >> shift;
        match sign {
            SignForm::Mixed => magnitude << 1 | value.to_bits() >> 63,
            SignForm::Positive | SignForm::Negative => magnitude,
        }
    }));
    Domain::Bits {
        shift: shift as u8,
        sign,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn back(domain: Domain, integers: &[u64]) -> Vec<u64> {
        let mut values = vec![0.0; integers.len()];
        domain.to_values(integers, &mut values);
        values.iter().map(|value| value.to_bits()).collect()
    }

    proptest! {
        #[test]
        fn bits_come_back(words in proptest::collection::vec(any::<u64>(), 1..20), shift in 0u32..64) {
            let values: Vec<f64> = words.iter().map(|word| f64::from_bits(word << shift)).collect();
            let mut integers = Vec::new();
            let domain = bits(&values, &mut integers);
            let expected: Vec<u64> = values.iter().map(|value| value.to_bits()).collect();
            prop_assert_eq!(back(domain, &integers), expected);
        }

        #[test]
        fn float_is_the_cast(integer: i64, shift in 0u32..64) {
            let integer = integer >> shift;
            prop_assert_eq!(float(integer as u64).to_bits(), (integer as f64).to_bits());
        }

        #[test]
        fn what_binary_takes_comes_back(words in proptest::collection::vec(-(1i64 << 53)..=1 << 53, 1..20), exponent in -1074i32..971) {
            let values: Vec<f64> = words.iter().map(|&word| word as f64 * power_of_two(exponent.max(-1000))).collect();
            let mut integers = Vec::new();
            if let Some(domain) = binary(&values, &mut integers) {
                let expected: Vec<u64> = values.iter().map(|value| value.to_bits()).collect();
                prop_assert_eq!(back(domain, &integers), expected);
            }
        }
    }

    #[test]
    fn subnormals_are_binary() {
        let values = [
            f64::from_bits(1),
            f64::from_bits(3),
            0.0,
            -f64::from_bits(5),
        ];
        let mut integers = Vec::new();
        let domain = binary(&values, &mut integers).unwrap();
        assert_eq!(domain, Domain::Binary { exponent: 1074 });
        assert_eq!(integers, [1, 3, 0, -5i64 as u64]);
    }

    #[test]
    fn large_powers_of_two_are_binary() {
        let values = [2f64.powi(1023), 2f64.powi(1000)];
        let mut integers = Vec::new();
        let domain = binary(&values, &mut integers).unwrap();
        assert_eq!(back(domain, &integers), values.map(f64::to_bits));
    }

    #[test]
    fn the_negative_zero_and_infinities_are_not_binary() {
        for value in [-0.0, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(binary(&[value], &mut Vec::new()), None);
        }
    }
}
