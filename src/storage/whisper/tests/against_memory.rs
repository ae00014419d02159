//! Random points through the engine, written out and reopened at random moments, against the memory
//! store, which has the semantics of a Whisper file and writes each point at once.

use super::*;

/// xorshift64*: a seed makes a run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % limit
    }
}

const SERIES: [(&str, &str, AggregationMethod, f32); 4] = [
    ("a.b", "10s:10m,1m:2h", AggregationMethod::Average, 0.5),
    ("a.c", "10s:10m,1m:2h,10m:1d", AggregationMethod::Sum, 0.0),
    ("x;k=v", "1m:1h", AggregationMethod::Last, 0.0),
    ("y", "10s:5m,30s:30m,5m:6h", AggregationMethod::Max, 0.3),
];

/// The longest that a point waits.
const WAIT_MAX_S: i64 = 140;

/// The longest time between two operations.
const PAUSE_MAX_S: i64 = 40;

fn definitions() -> Vec<SeriesDefinition> {
    let mut all = Vec::new();
    for (id, (name, retention, method, x_files_factor)) in (0..).zip(SERIES) {
        let mut definition = series(id, name, retention);
        definition.rollup = Rollup {
            method,
            x_files_factor,
        };
        all.push(definition);
    }
    all
}

#[test]
fn answers_are_those_of_a_store_that_writes_at_once() {
    let seed = std::env::var("PLUMBAGO_SEED").map_or(1, |seed| seed.parse().unwrap());
    for seed in seed..seed + 6 {
        println!("PLUMBAGO_SEED={seed}");
        run(seed);
    }
}

/// So that a write finds something due at any time.
fn at_once(config: &mut WhisperConfig) {
    config.write_delay_max_s = 0;
}

fn run(seed: u64) {
    let folder = new_folder();
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let definitions = definitions();
    let mut bench = Bench::with(folder.path(), at_once, &definitions);
    let memory = MemoryStore::new(1);
    let mut model = memory.writer(0);
    definitions
        .iter()
        .for_each(|series| model.define(series).unwrap());
    let mut now = START;
    let mut written = now;
    for _ in 0..300 {
        now += random.below(PAUSE_MAX_S as u64) as i64;
        if now - written >= WAIT_MAX_S - PAUSE_MAX_S {
            bench.write_out(now);
            // As the daemon does every second, so that the journal is short.
            bench.store.sync().unwrap();
            written = now;
        }
        let id = random.below(SERIES.len() as u64) as u32;
        match random.below(12) {
            0 | 1 => bench.write_out(now),
            2 => {
                std::mem::forget(bench);
                let clock = Clock::manual(now);
                let reopened = |config: &mut WhisperConfig| {
                    at_once(config);
                    config.clock = clock;
                };
                bench = Bench::with(folder.path(), reopened, &definitions);
                // The engine learns the time by the points that come.
                bench.write_out(now);
            }
            3..=5 => compare(&bench, &memory, id, now, &mut random),
            kind => {
                let age = match kind {
                    6 => random.below(5000),
                    7 => random.below(500),
                    _ => random.below(15),
                };
                // What waits until an archive lets go of it is a late point when it is written.
                let timestamp = now - age as i64;
                let value = random.below(1000) as f64;
                let is_at_an_edge =
                    definitions[id as usize]
                        .retention
                        .archives()
                        .iter()
                        .any(|archive| {
                            let past = now - timestamp - archive.retention();
                            (-WAIT_MAX_S - i64::from(archive.step)..=0).contains(&past)
                        });
                if !is_at_an_edge {
                    let expected = model.store(SeriesId(id), timestamp, value, now);
                    assert_eq!(bench.store_at(id, timestamp, value, now), expected);
                }
            }
        }
    }
    for id in 0..SERIES.len() as u32 {
        compare(&bench, &memory, id, now, &mut random);
    }
}

fn compare(bench: &Bench, memory: &MemoryStore, id: u32, now: i64, random: &mut Random) {
    let age = [600, 3000, 7000, 80_000][random.below(4) as usize];
    let from = now - 1 - random.below(age) as i64;
    let range = TimeRange {
        from,
        until: now,
        now,
    };
    let fetch = |store: &dyn Store| store.fetch(SeriesId(id), range).unwrap().unwrap();
    let (got, expected) = (fetch(&bench.store), fetch(memory));
    assert_eq!(
        (got.archive, got.start, got.step),
        (expected.archive, expected.start, expected.step)
    );
    for (slot, (got, expected)) in got.values.iter().zip(&expected.values).enumerate() {
        let time = range.from + slot as i64;
        let same = got.to_bits() == expected.to_bits() || (got.is_nan() && expected.is_nan());
        assert!(
            same,
            "series {id}, slot {slot} from {time} at {now}: {got} and not {expected}"
        );
    }
}
