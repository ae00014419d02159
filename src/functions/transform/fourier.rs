//! The discrete Fourier transform of any length.
//!
//! Lengths that are a power of two are transformed in place (Cooley and Tukey 1965). Any other
//! becomes a convolution with a chirp, which is done at the next power of two that has room for it
//! (Bluestein 1970). Both take time proportional to n log n.

use std::f64::consts::PI;
use std::ops::{Add, Mul, Sub};

/// A complex number.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Complex {
    pub(super) re: f64,
    pub(super) im: f64,
}

impl Complex {
    /// A number by its distance from zero and its angle.
    pub(super) fn polar(distance: f64, angle: f64) -> Self {
        let (sine, cosine) = angle.sin_cos();
        Self {
            re: distance * cosine,
            im: distance * sine,
        }
    }

    pub(super) fn abs(self) -> f64 {
        self.re.hypot(self.im)
    }

    pub(super) fn phase(self) -> f64 {
        self.im.atan2(self.re)
    }

    fn conjugate(self) -> Self {
        Self {
            re: self.re,
            im: -self.im,
        }
    }
}

impl From<f64> for Complex {
    fn from(re: f64) -> Self {
        Self { re, im: 0.0 }
    }
}

impl Add for Complex {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            re: self.re + other.re,
            im: self.im + other.im,
        }
    }
}

impl Sub for Complex {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self {
            re: self.re - other.re,
            im: self.im - other.im,
        }
    }
}

impl Mul for Complex {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self {
            re: self.re * other.re - self.im * other.im,
            im: self.re * other.im + self.im * other.re,
        }
    }
}

/// The spectrum of a signal.
pub(super) fn forward(mut signal: Vec<Complex>) -> Vec<Complex> {
    if signal.len().is_power_of_two() {
        transform_in_place(&mut signal);
        signal
    } else {
        transform_by_chirp(&signal)
    }
}

/// The signal of a spectrum, divided by its length: undoes [`forward`].
pub(super) fn inverse(mut spectrum: Vec<Complex>) -> Vec<Complex> {
    let scale = 1.0 / spectrum.len() as f64;
    for number in &mut spectrum {
        *number = number.conjugate();
    }
    let mut signal = forward(spectrum);
    for number in &mut signal {
        *number = number.conjugate() * Complex::from(scale);
    }
    signal
}

fn transform_in_place(numbers: &mut [Complex]) {
    let length = numbers.len();
    if length < 2 {
        return;
    }
    let shift = usize::BITS - length.trailing_zeros();
    for position in 0..length {
        let mirrored = position.reverse_bits() >> shift;
        if position < mirrored {
            numbers.swap(position, mirrored);
        }
    }
    let turn = |part: usize| Complex::polar(1.0, -2.0 * PI * part as f64 / length as f64);
    let turns: Vec<Complex> = (0..length / 2).map(turn).collect();
    let mut half = 1;
    while half < length {
        let stride = length / (2 * half);
        for block in numbers.chunks_exact_mut(2 * half) {
            let (low, high) = block.split_at_mut(half);
            for (position, (one, other)) in low.iter_mut().zip(high).enumerate() {
                let turned = *other * turns[position * stride];
                (*one, *other) = (*one + turned, *one - turned);
            }
        }
        half *= 2;
    }
}

fn transform_by_chirp(signal: &[Complex]) -> Vec<Complex> {
    let length = signal.len();
    if length == 0 {
        return Vec::new();
    }
    let room = (2 * length - 1).next_power_of_two();
    // The square is reduced before it becomes an angle, or large positions would lose their digits.
    let chirp = |position: usize| {
        let square = position as u128 * position as u128 % (2 * length as u128);
        Complex::polar(1.0, -PI * square as f64 / length as f64)
    };
    let chirps: Vec<Complex> = (0..length).map(chirp).collect();
    let mut product = vec![Complex::default(); room];
    let mut filter = vec![Complex::default(); room];
    for (position, chirp) in chirps.iter().enumerate() {
        product[position] = signal[position] * *chirp;
        filter[position] = chirp.conjugate();
        filter[(room - position) % room] = chirp.conjugate();
    }
    transform_in_place(&mut product);
    transform_in_place(&mut filter);
    for (one, other) in product.iter_mut().zip(&filter) {
        *one = *one * *other;
    }
    let convolved = inverse(product);
    let turned = convolved.iter().zip(&chirps);
    turned.map(|(one, chirp)| *one * *chirp).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, in time proportional to the square of the length.
    fn by_definition(signal: &[Complex]) -> Vec<Complex> {
        let length = signal.len();
        let term = |frequency: usize, position: usize| {
            let angle = -2.0 * PI * (frequency * position % length) as f64 / length as f64;
            signal[position] * Complex::polar(1.0, angle)
        };
        let sum = |frequency| {
            let terms = (0..length).map(|position| term(frequency, position));
            terms.fold(Complex::default(), Add::add)
        };
        (0..length).map(sum).collect()
    }

    fn are_close(left: &[Complex], right: &[Complex]) -> bool {
        left.len() == right.len()
            && left
                .iter()
                .zip(right)
                .all(|(one, other)| (*one - *other).abs() < 1e-9)
    }

    #[test]
    fn every_length_agrees_with_the_definition_and_back() {
        for length in 0..70_usize {
            let number = |position: usize| Complex {
                re: (position * 7 % 11) as f64,
                im: (position * 5 % 13) as f64,
            };
            let signal: Vec<_> = (0..length).map(number).collect();
            let spectrum = forward(signal.clone());
            assert!(are_close(&spectrum, &by_definition(&signal)), "{length}");
            assert!(are_close(&inverse(spectrum), &signal), "{length}");
        }
    }
}
