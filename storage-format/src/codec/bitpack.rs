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

/// Unpacks up to [`LANES`] values of `width` bits from the start of `bytes`.
///
/// Bytes beyond the end count as zero, so a short last run needs no special care: its lanes past
/// the count hold zeros or padding and the caller ignores them.
pub(crate) fn unpack(bytes: &[u8], width: u32, lanes: &mut Lanes) {
    const STRIDE: usize = 8;
    // One word more than 64 values of 64 bits: the second load of the last value reads there.
    let mut padded = [0u8; LANES * STRIDE + 2 * STRIDE];
    let used = bytes.len().min(packed_bytes(LANES, width));
    padded[..used].copy_from_slice(&bytes[..used]);
    let mask = mask(width);
    for (index, lane) in lanes.iter_mut().enumerate() {
        let bit = index * width as usize;
        let (byte, shift) = (bit / 8, bit % 8);
        let low = load(&padded, byte) >> shift;
        let high = (load(&padded, byte + STRIDE) << 1) << (63 - shift);
        *lane = (low | high) & mask;
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
            unpack(&bytes[packed_bytes(start, width)..], width, &mut lanes);
            all.extend_from_slice(&lanes[..(count - start).min(LANES)]);
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
