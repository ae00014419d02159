//! One way to write a series, measured before anything is written.

use super::bitpack::packed_bytes;
use super::domain::{self, Domain};
use super::plan::{self, Plan};
use crate::cursor::{bits, varint_bytes, zigzag};

/// How many values a frame has: so few that a change of habit costs little, so many that the few
/// bytes a frame do too.
pub(super) const FRAME: usize = 1 << FRAME_EXPONENT;
pub(super) const FRAME_EXPONENT: u8 = 8;

/// A present value that its domain does not hold: its index among the present ones, and its bits.
pub(super) type Raw = (usize, u64);

/// A domain, what it makes of the values, and how large that would be.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) domain: Domain,
    /// One integer a present value.
    pub(super) integers: Vec<u64>,
    /// One a present value in [`Domain::Quotient`], else none.
    pub(super) corrections: Corrections,
    /// The values that the integers are numbers of in [`Domain::Dictionary`], encoded, and how many.
    pub(super) table: Vec<u8>,
    pub(super) table_values: usize,
    /// The values that the integers do not tell.
    pub(super) raw: Vec<Raw>,
    /// How they are packed as a whole …
    pub(super) plan: Plan,
    /// … or, if there are any, frame by frame.
    pub(super) frames: Vec<Plan>,
    /// Bytes, all told but for tag and presence.
    pub(super) size: usize,
}

/// How many floats each value is away from its quotient.
#[derive(Debug, Default)]
pub(super) struct Corrections {
    pub(super) values: Vec<u64>,
    /// The least of them.
    pub(super) base: u64,
    /// Bits each, after subtraction of the least; 0 if they are all equal.
    pub(super) width: u32,
}

impl Default for Candidate {
    fn default() -> Self {
        Self {
            domain: Domain::Integer,
            integers: Vec::new(),
            corrections: Corrections::default(),
            table: Vec::new(),
            table_values: 0,
            raw: Vec::new(),
            plan: Plan::NONE,
            frames: Vec::new(),
            size: usize::MAX,
        }
    }
}

impl Candidate {
    /// Forgets what it holds, keeping its memory.
    pub(super) fn clear(&mut self) {
        self.integers.clear();
        self.corrections.clear();
        self.table.clear();
        self.table_values = 0;
        self.raw.clear();
        self.frames.clear();
        self.size = usize::MAX;
    }

    /// Reads `values` as integers over a power of two, if they are.
    pub(super) fn read_binary(&mut self, values: &[f64]) -> bool {
        self.clear();
        let domain = domain::binary(values, &mut self.integers);
        self.domain = domain.unwrap_or(Domain::Integer);
        domain.is_some()
    }

    /// Reads the bits of `values`, which always works.
    pub(super) fn read_bits(&mut self, values: &[f64]) {
        self.clear();
        self.domain = domain::bits(values, &mut self.integers);
    }

    /// Plans the packing and measures; `residuals` is room to work in.
    pub(super) fn measure(&mut self, residuals: &mut Vec<u64>) {
        const RAW_BYTES: usize = 10;
        self.plan = plan::plan(&self.integers, residuals);
        let parameters = match self.domain {
            Domain::Integer => 0,
            Domain::Decimal { .. } | Domain::Bits { .. } => 1,
            Domain::Binary { exponent } => varint_bytes(bits(zigzag(i64::from(exponent)))),
            Domain::Multiple { factor, .. } => 1 + varint_bytes(bits(u64::from(factor))),
            Domain::Dictionary => {
                1 + varint_bytes(bits(self.table.len() as u64)) + self.table.len()
            }
            Domain::Quotient { divisor } => {
                varint_bytes(bits(u64::from(divisor))) + 1 + self.corrections.bytes()
            }
        };
        let framed = self.measure_frames(residuals);
        self.size = self.plan.size.min(framed) + parameters + self.raw.len() * RAW_BYTES;
    }
}

impl Candidate {
    /// Plans long sequences frame by frame as well, and keeps those plans if they are smaller.
    fn measure_frames(&mut self, residuals: &mut Vec<u64>) -> usize {
        self.frames.clear();
        if self.integers.len() < 2 * FRAME {
            return usize::MAX;
        }
        let frames = self.integers.chunks(FRAME);
        self.frames
            .extend(frames.map(|frame| plan::plan(frame, residuals)));
        // A byte for the length of frames, and one a frame for its packing.
        let size = 1 + self.frames.iter().map(|plan| plan.size + 1).sum::<usize>();
        if size >= self.plan.size {
            self.frames.clear();
        }
        size
    }
}

impl Corrections {
    fn clear(&mut self) {
        self.values.clear();
        self.base = 0;
        self.width = 0;
    }

    /// Finds the base and the width of the values.
    pub(super) fn fit(&mut self) {
        let signed = || self.values.iter().map(|&value| value as i64);
        let least = signed().min().unwrap_or(0);
        let most = signed().max().unwrap_or(0);
        self.base = least as u64;
        self.width = bits(most.wrapping_sub(least) as u64);
    }

    /// Whether every value is its quotient.
    pub(super) fn are_none(&self) -> bool {
        self.width == 0 && self.base == 0
    }

    fn bytes(&self) -> usize {
        if self.are_none() {
            return 0;
        }
        varint_bytes(bits(zigzag(self.base as i64))) + packed_bytes(self.values.len(), self.width)
    }
}
