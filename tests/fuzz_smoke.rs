//! Every fuzz target on stable: on its seeds, on seeded mutations of them and on random bytes.
//!
//! A failure names the target, the seed and the round; `PLUMBAGO_FUZZ_SEED` repeats it and
//! `PLUMBAGO_FUZZ_ROUNDS` makes the search longer. See `fuzz/README.md`.

// Public there, because in the fuzzer's own workspace it is a library.
#[allow(unreachable_pub)]
#[path = "../fuzz/src/lib.rs"]
mod fuzz;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use fuzz::{TARGETS, Target};

const ROUNDS: u64 = 300;
const SEED: u64 = 0x5eed;

/// SplitMix64: small, and good enough to shuffle bytes.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ word >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ word >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ word >> 31
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// An input for one round: a seed with a few changes, or noise.
fn input(seeds: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut data = match seeds.get(random.below(seeds.len() + 1)) {
        Some(seed) => seed.clone(),
        None => (0..random.below(300))
            .map(|_| random.next() as u8)
            .collect(),
    };
    for _ in 0..random.below(6) {
        mutate(&mut data, random);
    }
    data
}

fn mutate(data: &mut Vec<u8>, random: &mut Random) {
    const TELLING: [u8; 6] = [0, 1, 0x7f, 0x80, 0xff, b'\n'];
    let at = random.below(data.len());
    match random.below(7) {
        0 => data.truncate(at),
        1 => data.insert(at.min(data.len()), random.next() as u8),
        2 if !data.is_empty() => drop(data.remove(at)),
        3 if !data.is_empty() => data[at] = TELLING[random.below(TELLING.len())],
        4 if !data.is_empty() => data[at] ^= 1 << random.below(8),
        5 if !data.is_empty() => data[at] = random.next() as u8,
        _ => {
            let end = (at + random.below(16)).min(data.len());
            data.extend_from_within(at.min(end)..end);
        }
    }
}

fn setting(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(value) => value.parse().expect("a whole number"),
        Err(_) => default,
    }
}

fn smoke(target: &Target) {
    let seed = setting("PLUMBAGO_FUZZ_SEED", SEED);
    let seeds = (target.seeds)();
    assert!(!seeds.is_empty(), "{} has no seeds", target.name);
    for seed in &seeds {
        (target.run)(seed);
    }
    for round in 0..setting("PLUMBAGO_FUZZ_ROUNDS", ROUNDS) {
        let mut random = Random(seed ^ round.wrapping_mul(0xd6e8_feb8_6659_fd93));
        let data = input(&seeds, &mut random);
        let outcome = catch_unwind(AssertUnwindSafe(|| (target.run)(&data)));
        assert!(
            outcome.is_ok(),
            "target {} failed in round {round} of seed {seed} on {data:02x?}",
            target.name
        );
    }
}

#[test]
fn every_target_holds_on_mutated_inputs() {
    for target in TARGETS {
        smoke(target);
    }
}

#[test]
fn every_target_is_also_a_binary_for_the_fuzzer() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    for target in TARGETS {
        let file = format!("fuzz_targets/{}.rs", target.name);
        let body = std::fs::read_to_string(folder.join(&file)).expect(&file);
        assert!(body.contains(&format!("plumbago_fuzz::{}::run", target.name)));
        assert!(manifest.contains(&format!("path = \"{file}\"")), "{file}");
    }
    let files = std::fs::read_dir(folder.join("fuzz_targets")).unwrap();
    assert_eq!(files.count(), TARGETS.len(), "a file a target and no other");
}
