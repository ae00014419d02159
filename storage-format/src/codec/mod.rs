//! Compression of one series over one block: values and which slots hold one.
//!
//! On the write road a sealed span comes in as a slice of `f64`, NaN where a slot is empty;
//! [`Encoder`] appends its bytes. On the read road [`Encoded`] checks such bytes once and then decodes
//! any range of slots, without allocation and without failing. Everything is lossless bit for bit,
//! except that NaN is not a value. The layout is described in `block.md`.
//!
//! The parts, in the order of the write road: `presence` separates the gaps; `decimal`, `quotient`,
//! `dictionary` and `domain` turn floats into small integers; `plan` measures how to pack those and
//! `candidate` what it comes to; `bitpack` packs them. On the read road `sequence` gives them back.

pub(crate) mod bitpack;
mod candidate;
mod decimal;
mod dictionary;
mod domain;
mod encoded;
mod encoder;
mod form;
mod plan;
mod presence;
mod quotient;
mod sequence;

pub use encoded::Encoded;
pub use encoder::Encoder;

/// The most slots that a series in a block has.
pub const SLOTS_MAX: usize = 65_535;

/// The first byte of a series: which forms its parts have.
///
/// Bits 0 and 1: presence; bits 2 to 4: domain; bits 5 to 7: packing.
mod tag {
    pub(super) const INTEGER: u8 = 0;
    pub(super) const DECIMAL: u8 = 1;
    pub(super) const BINARY: u8 = 2;
    pub(super) const BITS: u8 = 3;
    pub(super) const QUOTIENT: u8 = 4;
    pub(super) const MULTIPLE: u8 = 5;
    pub(super) const DICTIONARY: u8 = 6;

    /// Every present value is the same.
    pub(super) const CONSTANT: u8 = 0;
    /// Packed residuals of order 0; the next ones are those of orders 1 and 2.
    pub(super) const PACKED: u8 = 1;
    /// Frames that are packed each on its own.
    pub(super) const FRAMED: u8 = 4;
    /// A frame has two to the power of one of these values.
    pub(super) const FRAME_EXPONENTS: std::ops::RangeInclusive<u8> = 6..=15;

    /// In the byte of a decimal's exponent or of a quotient's width of corrections: values that the
    /// integers do not tell follow at the end.
    pub(super) const HAS_RAW: u8 = 0x80;
    /// As a width of corrections: there are none.
    pub(super) const NO_CORRECTIONS: u8 = 0x7f;
    /// In the byte of the width: residuals that do not fit follow the packed ones.
    pub(super) const HAS_EXCEPTIONS: u8 = 0x80;

    pub(super) fn join(presence: u8, domain: u8, packing: u8) -> u8 {
        presence | domain << 2 | packing << 5
    }

    pub(super) fn split(tag: u8) -> (u8, u8, u8) {
        (tag & 3, tag >> 2 & 7, tag >> 5)
    }
}

#[cfg(test)]
mod tests;
