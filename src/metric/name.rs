//! Metric names: their hash, canonical form, limits and policy.
//!
//! One name has one spelling from here on: dots are folded (`a..b.` is `a.b`), tags are sorted, and
//! the OpenMetrics form `name{tag="value"}` becomes `name;tag=value`. Everything after the
//! protocol compares bytes.
//!
//! A name that is plain already (printable ASCII, no tags, no dots to fold) is recognised in one
//! pass of eight bytes a step and used where it lies; only the others are copied.
//!
//! Limits: a node (the part between two dots) and a whole name have a greatest length, see
//! [`NameRules`].

mod cleaning;
mod scan;
mod tagged;

pub use scan::{Scan, scan};

use super::Refusal;
use cleaning::{check_lengths, push_clean_metric};

/// The hash that spreads series over shards and names over tables: XXH3, 64 bits, seed 0.
///
/// It is part of the on-disk contract (a data folder's series stay in their shards), so it never
/// changes. Tables that use it compare the names as well: it is not collision-proof.
#[inline]
pub fn hash(canonical_name: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(canonical_name)
}

/// The shard of a name with this hash, among `shards` of them.
///
/// Part of the on-disk contract like [`hash`]. It reads the low half of the hash by its high bits:
/// a shard's own tables take the lowest and the highest bits of the whole, which stay evenly
/// spread within one shard.
#[inline]
pub fn shard_of(hash: u64, shards: usize) -> usize {
    (((hash & 0xffff_ffff) * shards as u64) >> 32) as usize
}

/// What happens to a name that holds bytes no name may hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NamePolicy {
    /// The point is refused as `bad_name`.
    #[default]
    Strict,
    /// Each such byte becomes `_`.
    Replace,
}

impl NamePolicy {
    /// The spelling in config; `None` for an unknown one.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "strict" => Some(Self::Strict),
            "replace" => Some(Self::Replace),
            _ => None,
        }
    }
}

/// The limits and the policy that every protocol applies to names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameRules {
    /// Greatest length of one node in bytes.
    pub node_bytes_max: usize,
    /// Greatest length of a whole canonical name in bytes, tags included.
    pub name_bytes_max: usize,
    /// What happens to forbidden bytes.
    pub policy: NamePolicy,
}

impl NameRules {
    /// The greatest `name_bytes_max` that config may ask for: lengths travel as 16 bits.
    pub const NAME_BYTES_LIMIT: usize = u16::MAX as usize;
}

impl Default for NameRules {
    fn default() -> Self {
        Self {
            // What a file system allows a path component, so that every name fits a Whisper tree.
            node_bytes_max: 255,
            // One less than the usual PATH_MAX.
            name_bytes_max: 4095,
            policy: NamePolicy::Strict,
        }
    }
}

/// Room that [`NameRules::canonical`] writes rebuilt names into; reused from name to name.
#[derive(Debug, Default)]
pub struct NameScratch {
    /// The rebuilt name.
    text: Vec<u8>,
    /// Unescaped tags and values that it is put together from.
    pieces: Vec<u8>,
    /// Where they lie in `pieces`.
    pairs: Vec<tagged::Pair>,
}

impl NameRules {
    /// True when a scanned name needs no further look: it is its own canonical form and short
    /// enough for both limits.
    #[inline]
    pub fn accepts_as_is(&self, scan: &Scan) -> bool {
        scan.is_plain && scan.end <= self.node_bytes_max && scan.end <= self.name_bytes_max
    }

    /// The canonical form of a raw name: `raw` itself where it is canonical, else a copy in `scratch`.
    ///
    /// # Errors
    /// [`Refusal::BadName`] or [`Refusal::NameTooLong`].
    pub fn canonical<'a>(
        &self,
        raw: &'a [u8],
        scratch: &'a mut NameScratch,
    ) -> Result<&'a [u8], Refusal> {
        let scanned = scan(raw);
        if scanned.end == raw.len() && self.accepts_as_is(&scanned) {
            return Ok(raw);
        }
        self.rebuild(raw, scratch)?;
        Ok(&scratch.text)
    }

    fn rebuild(&self, raw: &[u8], scratch: &mut NameScratch) -> Result<(), Refusal> {
        scratch.text.clear();
        if tagged::is_openmetrics(raw) {
            tagged::rebuild_openmetrics(raw, self.policy, scratch)?;
        } else if let Some(first) = memchr::memchr(b';', raw) {
            tagged::rebuild_carbon(raw, first, self.policy, scratch)?;
        } else {
            push_clean_metric(raw, self.policy, &mut scratch.text)?;
        }
        check_lengths(&scratch.text, self)
    }
}

#[cfg(test)]
mod tests;
