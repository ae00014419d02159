//! Metric names: their hash, canonical form, limits and policy.

/// The hash that spreads series over shards and names over tables: XXH3, 64 bits, seed 0.
///
/// It is part of the on-disk contract (a data folder's series stay in their shards), so it never
/// changes. Tables that use it compare the names as well: it is not collision-proof.
#[inline]
pub fn hash(canonical_name: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(canonical_name)
}
