//! From the slots of a series to the smallest bytes.
//!
//! Candidates are measured, not written; see `plan`. An encoder keeps its working memory between
//! series, so sealing a block allocates nothing a series.

use super::bitpack;
use super::candidate::{Candidate, FRAME, FRAME_EXPONENT, Raw};
use super::dictionary::Dictionary;
use super::domain::{self, Domain, SignForm};
use super::plan::{self, Plan};
use super::{decimal, presence, quotient, tag};
use crate::cursor::{put_signed_varint, put_varint};

/// A candidate that takes at most this many bits a value is taken without looking further.
const GOOD_BITS: usize = 36;

/// A candidate that takes more bits a value than this has a dictionary tried against it.
const DICTIONARY_BITS: usize = 6;

/// A dictionary in which each value stands for at least so many has exceptions tried against it.
const HELD_VALUES_MIN: usize = 8;

/// Encodes one series after another, reusing its working memory.
#[derive(Debug, Default)]
pub struct Encoder {
    /// The present values.
    dense: Vec<f64>,
    /// The smallest candidate so far, and the one being measured.
    best: Candidate,
    trial: Candidate,
    /// Room for differences.
    residuals: Vec<u64>,
    dictionary: Dictionary,
    /// What encodes the dictionary's values; it has no dictionary of its own.
    table_encoder: Option<Box<Encoder>>,
    is_for_table: bool,
}

impl Encoder {
    /// An encoder without memory yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends the bytes of `values`, one a slot, NaN where the slot is empty.
    ///
    /// Answers how many slots hold a value; for none, nothing is appended.
    ///
    /// # Panics
    /// If there are more than [`SLOTS_MAX`](super::SLOTS_MAX) values.
    pub fn encode(&mut self, values: &[f64], out: &mut Vec<u8>) -> usize {
        assert!(values.len() <= super::SLOTS_MAX, "too many slots");
        self.dense.clear();
        self.dense
            .extend(values.iter().copied().filter(|value| !value.is_nan()));
        let present = self.dense.len();
        if present == 0 {
            return 0;
        }
        let tag_at = out.len();
        out.push(0);
        let presence = presence::encode(values, present, out);
        let first = self.dense[0].to_bits();
        let is_constant = self.dense.iter().all(|value| value.to_bits() == first);
        let (domain, packing) = if is_constant {
            (put_constant(self.dense[0], out), tag::CONSTANT)
        } else {
            self.choose();
            self.put_best(out)
        };
        out[tag_at] = tag::join(presence, domain, packing);
        present
    }

    /// Leaves the smallest candidate in `self.best`.
    fn choose(&mut self) {
        self.best.clear();
        let bytes = |bits: usize, values: &[f64]| values.len() * bits / 8;
        let good_bytes = bytes(GOOD_BITS, &self.dense);
        if decimal::read(&self.dense, &mut self.trial) {
            self.weigh();
        }
        if self.best.size > good_bytes && quotient::read(&self.dense, &mut self.trial) {
            self.weigh();
        }
        let small_bytes = bytes(DICTIONARY_BITS, &self.dense);
        if self.best.size > small_bytes && !self.is_for_table && self.read_dictionary() {
            self.weigh();
        }
        // Values that hardly ever change are still smaller as differences with exceptions.
        let is_held = self.best.domain == Domain::Dictionary
            && self.best.table_values * HELD_VALUES_MIN <= self.dense.len();
        if self.best.size <= good_bytes && !is_held {
            return;
        }
        if !is_held && self.trial.read_binary(&self.dense) {
            self.weigh();
        }
        self.trial.read_bits(&self.dense);
        self.weigh();
    }

    /// Reads the values as numbers in a dictionary into the trial; false if too few repeat.
    fn read_dictionary(&mut self) -> bool {
        self.trial.clear();
        self.trial.domain = Domain::Dictionary;
        let integers = &mut self.trial.integers;
        if !self.dictionary.number(&self.dense, integers) {
            return false;
        }
        let encoder = self.table_encoder.get_or_insert_with(|| {
            Box::new(Self {
                is_for_table: true,
                ..Self::default()
            })
        });
        self.trial.table_values = self.dictionary.values.len();
        encoder.encode(&self.dictionary.values, &mut self.trial.table);
        true
    }

    /// Measures the trial and keeps it if it is the smallest.
    fn weigh(&mut self) {
        self.trial.measure(&mut self.residuals);
        if self.trial.size < self.best.size {
            std::mem::swap(&mut self.best, &mut self.trial);
        }
    }

    /// Appends the best candidate; answers the codes of its domain and packing.
    fn put_best(&mut self, out: &mut Vec<u8>) -> (u8, u8) {
        let Candidate {
            integers,
            corrections,
            raw,
            ..
        } = &self.best;
        let residuals = &mut self.residuals;
        let code = put_domain(&self.best, out);
        let packing = if self.best.frames.is_empty() {
            put_sequence(self.best.plan, integers, residuals, out);
            packing_code(self.best.plan)
        } else {
            out.push(FRAME_EXPONENT);
            for (plan, frame) in self.best.frames.iter().zip(integers.chunks(FRAME)) {
                out.push(packing_code(*plan));
                put_sequence(*plan, frame, residuals, out);
            }
            tag::FRAMED
        };
        if !corrections.are_none() {
            let excess = corrections.values.iter();
            let excess = excess.map(|value| value.wrapping_sub(corrections.base));
            bitpack::pack(excess, corrections.width, out);
        }
        if !raw.is_empty() {
            put_raw(raw, out);
        }
        (code, packing)
    }
}

fn packing_code(plan: Plan) -> u8 {
    tag::PACKED + plan.order as u8
}

/// Appends the integers as planned; `residuals` is room to work in.
fn put_sequence(plan: Plan, integers: &[u64], residuals: &mut Vec<u64>, out: &mut Vec<u8>) {
    residuals.clear();
    residuals.extend_from_slice(integers);
    for _ in 0..plan.order {
        put_signed_varint(out, residuals[0] as i64);
        plan::differ(residuals);
    }
    put_signed_varint(out, plan.base as i64);
    let flag = if plan.exceptions > 0 {
        tag::HAS_EXCEPTIONS
    } else {
        0
    };
    out.push(plan.width as u8 | flag);
    let mask = bitpack::mask(plan.width);
    for residual in residuals.iter_mut() {
        *residual = residual.wrapping_sub(plan.base);
    }
    let fitting = residuals.iter();
    let fitting = fitting.map(|&residual| if residual > mask { 0 } else { residual });
    bitpack::pack(fitting, plan.width, out);
    if plan.exceptions > 0 {
        put_exceptions(residuals, mask, out);
    }
}

/// Appends the residuals above `mask`: their number, then gap and zigzag value of each.
fn put_exceptions(residuals: &[u64], mask: u64, out: &mut Vec<u8>) {
    let count = residuals
        .iter()
        .filter(|&&residual| residual > mask)
        .count();
    put_varint(out, count as u64);
    let mut next = 0;
    for (index, &residual) in residuals.iter().enumerate() {
        if residual > mask {
            put_varint(out, (index - next) as u64);
            put_signed_varint(out, residual as i64);
            next = index + 1;
        }
    }
}

/// Appends the values that the integers do not tell: their number, then gap and bits of each.
fn put_raw(raw: &[Raw], out: &mut Vec<u8>) {
    put_varint(out, raw.len() as u64);
    let mut next = 0;
    for &(index, bits) in raw {
        put_varint(out, (index - next) as u64);
        out.extend_from_slice(&bits.to_le_bytes());
        next = index + 1;
    }
}

/// Appends the one value that all slots hold; answers the code of its domain.
fn put_constant(value: f64, out: &mut Vec<u8>) -> u8 {
    let as_decimal = decimal::exponent_of(value)
        .and_then(|exponent| Some((exponent, decimal::integer_over(value, exponent)?)));
    let (domain, integer) = match as_decimal {
        Some((0, integer)) => (Domain::Integer, integer),
        Some((exponent, integer)) => (Domain::Decimal { exponent }, integer),
        None => {
            let mut integers = Vec::with_capacity(1);
            let domain = domain::bits(&[value], &mut integers);
            (domain, integers[0])
        }
    };
    let candidate = Candidate {
        domain,
        ..Candidate::default()
    };
    let code = put_domain(&candidate, out);
    put_signed_varint(out, integer as i64);
    code
}

/// Appends the parameters of a candidate's domain and answers its code.
fn put_domain(candidate: &Candidate, out: &mut Vec<u8>) -> u8 {
    let corrections = &candidate.corrections;
    let raw_flag = if candidate.raw.is_empty() {
        0
    } else {
        tag::HAS_RAW
    };
    match candidate.domain {
        Domain::Integer => tag::INTEGER,
        Domain::Decimal { exponent } => {
            out.push(exponent | raw_flag);
            tag::DECIMAL
        }
        Domain::Multiple { factor, exponent } => {
            out.push(exponent);
            put_varint(out, u64::from(factor));
            tag::MULTIPLE
        }
        Domain::Dictionary => {
            // There are at least two and at most 256.
            out.push((candidate.table_values - 1) as u8);
            put_varint(out, candidate.table.len() as u64);
            out.extend_from_slice(&candidate.table);
            tag::DICTIONARY
        }
        Domain::Quotient { divisor } => {
            put_varint(out, u64::from(divisor));
            if corrections.are_none() {
                out.push(tag::NO_CORRECTIONS | raw_flag);
            } else {
                out.push(corrections.width as u8 | raw_flag);
                put_signed_varint(out, corrections.base as i64);
            }
            tag::QUOTIENT
        }
        Domain::Binary { exponent } => {
            put_signed_varint(out, i64::from(exponent));
            tag::BINARY
        }
        Domain::Bits { shift, sign } => {
            let sign = match sign {
                SignForm::Positive => 0,
                SignForm::Negative => 1,
                SignForm::Mixed => 2,
            };
            out.push(shift | sign << 6);
            tag::BITS
        }
    }
}
