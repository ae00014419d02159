//! Integers of a fixed bit width, side by side, lowest bit first.
//!
//! Value `i` of width `w` takes the bits `i * w .. (i + 1) * w` of the bytes read as one little-endian
//! number. A run of [`LANES`] values therefore begins on a byte, whatever the width, and is unpacked
//! as a whole into a fixed array, which keeps the loops free of branches.

/// How many values are unpacked at once.
pub(crate) const LANES: usize = 64;

/// A run of unpacked values.
pub(crate) type Lanes = [u64; LANES];

/// How many bytes `count` values of `width` bits take.
pub(crate) const fn packed_bytes(count: usize, width: u32) -> usize {
    (count * width as usize).div_ceil(8)
}

/// The mask of the lowest `width` bits (0 to 64).
pub(crate) const fn mask(width: u32) -> u64 {
    if width == 0 {
        0
    } else {
        u64::MAX >> (64 - width)
    }
}

/// Appends `values`, each taken modulo `2^width`.
pub(crate) fn pack(values: impl Iterator<Item = u64>, width: u32, out: &mut Vec<u8>) {
    if width == 0 {
        return;
    }
    let mask = mask(width);
    let mut pending = 0u64;
    let mut filled = 0;
    for value in values {
        let value = value & mask;
        pending |= value << filled;
        filled += width;
        if filled >= 64 {
            out.extend_from_slice(&pending.to_le_bytes());
            filled -= 64;
            // What did not fit: the highest `filled` bits of the value.
            pending = if filled == 0 {
                0
            } else {
                value >> (width - filled)
            };
        }
    }
    let tail = (filled as usize).div_ceil(8);
    out.extend_from_slice(&pending.to_le_bytes()[..tail]);
}

/// Unpacks `count` values (at most [`LANES`]) of `width` bits from the start of `bytes`.
///
/// Lanes from `count` on hold leftovers, which the caller ignores. Bytes beyond the end of `bytes`
/// count as zero.
pub(crate) fn unpack(bytes: &[u8], width: u32, count: usize, lanes: &mut Lanes) {
    let octets = count.div_ceil(OCTET);
    let needed = octets * width as usize + MARGIN;
    let lanes = &mut lanes[..octets * OCTET];
    let kernel = KERNELS[width as usize];
    if bytes.len() >= needed {
        return kernel(bytes, lanes);
    }
    // At the very end of a series: a copy with zeros behind it stands in for the bytes.
    let mut padded = [0u8; LANES * 8 + MARGIN];
    let used = bytes.len().min(needed);
    padded[..used].copy_from_slice(&bytes[..used]);
    kernel(&padded, lanes);
}

/// Eight values of any width begin and end on a byte.
const OCTET: usize = 8;

/// How far beyond its octet a kernel reads.
const MARGIN: usize = 8;

type Kernel = fn(&[u8], &mut [u64]);

/// The kernels of the widths given, in that order.
macro_rules! kernels {
    ($($width:literal)*) => { [$(unpack_octets::<$width> as Kernel),*] };
}

/// One kernel a width, so that every shift and mask is a constant.
static KERNELS: [Kernel; 65] = kernels!(
    0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34
    35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64
);

/// Unpacks octet after octet; `bytes` reach [`MARGIN`] beyond the last one.
fn unpack_octets<const WIDTH: usize>(bytes: &[u8], lanes: &mut [u64]) {
    let mask = mask(WIDTH as u32);
    for (index, octet) in lanes.chunks_exact_mut(OCTET).enumerate() {
        let start = index * WIDTH;
        let from = &bytes[start..start + WIDTH + MARGIN];
        for (place, lane) in octet.iter_mut().enumerate() {
            let (byte, shift) = (place * WIDTH / 8, place * WIDTH % 8);
            let mut value = load(from, byte) >> shift;
            if shift + WIDTH > 64 {
                value |= u64::from(from[byte + 8]) << (64 - shift);
            }
            *lane = value & mask;
        }
    }
}

fn load(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unpack_all(bytes: &[u8], width: u32, count: usize) -> Vec<u64> {
        let mut all = Vec::new();
        let mut lanes = [0; LANES];
        for start in (0..count).step_by(LANES) {
            let used = (count - start).min(LANES);
            unpack(
                &bytes[packed_bytes(start, width)..],
                width,
                used,
                &mut lanes,
            );
            all.extend_from_slice(&lanes[..used]);
        }
        all
    }

    proptest! {
        #[test]
        fn packed_values_come_back(width in 0u32..=64, values in proptest::collection::vec(any::<u64>(), 0..200)) {
            let values: Vec<u64> = values.iter().map(|value| value & mask(width)).collect();
            let mut out = Vec::new();
            pack(values.iter().copied(), width, &mut out);
            prop_assert_eq!(out.len(), packed_bytes(values.len(), width));
            prop_assert_eq!(unpack_all(&out, width, values.len()), values);
        }
    }

    #[test]
    fn the_lowest_bit_of_the_first_value_is_the_lowest_bit_of_the_first_byte() {
        let mut out = Vec::new();
        pack([1, 2, 7].into_iter(), 3, &mut out);
        assert_eq!(out, [0b1101_0001, 0b1]);
    }
}
