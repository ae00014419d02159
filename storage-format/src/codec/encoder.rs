//! From the slots of a series to the smallest bytes.
//!
//! Candidates are measured, not written; see `plan`. An encoder keeps its working memory between
//! series, so sealing a block allocates nothing a series.

use super::bitpack;
use super::domain::{self, Domain, SignForm};
use super::plan::{self, Plan};
use super::{presence, tag};
use crate::cursor::{bits, put_signed_varint, put_varint, varint_bytes, zigzag};

/// One value in this many may be no decimal before decimals are given up.
const RAW_SHARE: usize = 16;

/// Decimals that pack into this many bits a value are taken without looking further.
const GOOD_BITS: usize = 36;

/// Encodes one series after another, reusing its working memory.
#[derive(Debug, Default)]
pub struct Encoder {
    /// The present values.
    dense: Vec<f64>,
    /// The integers of the best candidate so far, and of the one being measured.
    integers: Vec<u64>,
    candidate: Vec<u64>,
    /// Room for differences.
    residuals: Vec<u64>,
    /// Values that are no decimals: their index among the present ones and their bits.
    raw: Vec<(usize, u64)>,
}

/// A domain with the plan for its integers.
#[derive(Clone, Copy, Debug)]
struct Choice {
    domain: Domain,
    plan: Plan,
    has_raw: bool,
    size: usize,
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
        let first = self.dense[0];
        let is_constant = (self.dense.iter()).all(|value| value.to_bits() == first.to_bits());
        let (domain, packing) = if is_constant {
            (put_constant(first, out), tag::CONSTANT)
        } else {
            self.put_packed(out)
        };
        out[tag_at] = tag::join(presence, domain, packing);
        present
    }

    /// Appends values that differ; answers the codes of their domain and packing.
    fn put_packed(&mut self, out: &mut Vec<u8>) -> (u8, u8) {
        let choice = self.choose();
        let code = put_domain(choice.domain, choice.has_raw, out);
        self.put_sequence(choice.plan, out);
        if choice.has_raw {
            put_varint(out, self.raw.len() as u64);
            let mut next = 0;
            for &(index, bits) in &self.raw {
                put_varint(out, (index - next) as u64);
                out.extend_from_slice(&bits.to_le_bytes());
                next = index + 1;
            }
        }
        (code, tag::PACKED + choice.plan.order as u8)
    }

    /// Measures the domains and leaves the integers of the smallest in `self.integers`.
    fn choose(&mut self) -> Choice {
        let mut best: Option<Choice> = None;
        self.raw.clear();
        if let Some(domain) = self.decimals() {
            let choice = self.measure(domain, &mut best);
            if choice.size * 8 <= self.dense.len() * GOOD_BITS {
                return choice;
            }
        }
        if let Some(domain) = domain::binary(&self.dense, &mut self.candidate) {
            self.measure(domain, &mut best);
        }
        let domain = domain::bits(&self.dense, &mut self.candidate);
        self.measure(domain, &mut best)
    }

    /// Measures `self.candidate` and keeps it if it is smaller than `best`; answers the better.
    fn measure(&mut self, domain: Domain, best: &mut Option<Choice>) -> Choice {
        let has_raw =
            matches!(domain, Domain::Decimal { .. } | Domain::Integer) && !self.raw.is_empty();
        let plan = plan::plan(&self.candidate, &mut self.residuals);
        let choice = Choice {
            domain,
            plan,
            has_raw,
            size: plan.size + domain_bytes(domain) + usize::from(has_raw) * 10 * self.raw.len(),
        };
        match best {
            Some(best) if best.size <= choice.size => *best,
            _ => {
                std::mem::swap(&mut self.integers, &mut self.candidate);
                *best = Some(choice);
                choice
            }
        }
    }

    /// Reads the values as decimals of one exponent into `self.candidate`, with those that are none
    /// in `self.raw`; nothing if these are too many.
    fn decimals(&mut self) -> Option<Domain> {
        let raw_max = self.dense.len() / RAW_SHARE;
        let exponent = decimal_exponent(&self.dense, raw_max)?;
        self.candidate.clear();
        let mut previous = None;
        for (index, &value) in self.dense.iter().enumerate() {
            match decimal_or_integer(value, exponent) {
                Some(integer) => {
                    if previous.is_none() {
                        // Raw values in front take the first integer as their filler.
                        self.candidate.fill(integer);
                    }
                    previous = Some(integer);
                }
                None => self.raw.push((index, value.to_bits())),
            }
            self.candidate.push(previous.unwrap_or(0));
        }
        if self.raw.len() > raw_max {
            self.raw.clear();
            return None;
        }
        Some(match exponent {
            0 if self.raw.is_empty() => Domain::Integer,
            exponent => Domain::Decimal { exponent },
        })
    }

    /// Appends the integers as planned.
    fn put_sequence(&mut self, plan: Plan, out: &mut Vec<u8>) {
        self.residuals.clear();
        self.residuals.extend_from_slice(&self.integers);
        for _ in 0..plan.order {
            put_signed_varint(out, self.residuals[0] as i64);
            plan::differ(&mut self.residuals);
        }
        put_signed_varint(out, plan.base as i64);
        let flag = if plan.exceptions > 0 {
            tag::HAS_EXCEPTIONS
        } else {
            0
        };
        out.push(plan.width as u8 | flag);
        let mask = bitpack::mask(plan.width);
        for residual in &mut self.residuals {
            *residual = residual.wrapping_sub(plan.base);
        }
        let fitting = self.residuals.iter();
        let fitting = fitting.map(|&residual| if residual > mask { 0 } else { residual });
        bitpack::pack(fitting, plan.width, out);
        if plan.exceptions > 0 {
            put_exceptions(&self.residuals, mask, out);
        }
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

fn decimal_or_integer(value: f64, exponent: u8) -> Option<u64> {
    match exponent {
        0 => domain::integer(value),
        _ => domain::decimal(value, exponent),
    }
}

/// The exponent by which all `values` but `raw_max` are decimals, if it seems that there is one.
fn decimal_exponent(values: &[f64], raw_max: usize) -> Option<u8> {
    let mut exponent = 0;
    let mut raw = 0;
    for &value in values {
        if decimal_or_integer(value, exponent).is_some() {
            continue;
        }
        match domain::decimal_exponent(value, exponent + 1) {
            Some(larger) => exponent = larger,
            None => raw += 1,
        }
        if raw > raw_max {
            return None;
        }
    }
    Some(exponent)
}

/// Appends the one value that all slots hold; answers the code of its domain.
fn put_constant(value: f64, out: &mut Vec<u8>) -> u8 {
    let (domain, integer) = match domain::decimal_exponent(value, 0) {
        Some(0) => (Domain::Integer, value as i64 as u64),
        Some(exponent) => (
            Domain::Decimal { exponent },
            domain::decimal(value, exponent).unwrap_or(0),
        ),
        None => {
            let mut integers = Vec::with_capacity(1);
            let domain = domain::bits(&[value], &mut integers);
            (domain, integers[0])
        }
    };
    let code = put_domain(domain, false, out);
    put_signed_varint(out, integer as i64);
    code
}

fn domain_bytes(domain: Domain) -> usize {
    match domain {
        Domain::Integer => 0,
        Domain::Decimal { .. } | Domain::Bits { .. } => 1,
        Domain::Binary { exponent } => varint_bytes(bits(zigzag(i64::from(exponent)))),
    }
}

/// Appends the parameters of a domain and answers its code.
fn put_domain(domain: Domain, has_raw: bool, out: &mut Vec<u8>) -> u8 {
    match domain {
        Domain::Integer => tag::INTEGER,
        Domain::Decimal { exponent } => {
            out.push(exponent | if has_raw { tag::HAS_RAW } else { 0 });
            tag::DECIMAL
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
