//! Bytes a point of each kind of series, and the time to encode and decode a value.
//!
//! `cargo bench -p plumbago-storage-format --bench block`. Times a value: divan's items a second are
//! slots, empty ones included.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use plumbago_storage_format::block::Reader;
use plumbago_storage_format::codec::{Encoded, Encoder};

#[allow(dead_code, unreachable_pub)]
#[path = "../tests/load/mod.rs"]
mod load;

use load::{ALL, Kind, SLOTS, Source, TARGET, blocks, bytes_a_slot};

/// Series a round of the benches.
const SERIES: u32 = 500;

fn main() {
    println!("bytes a slot, all told (blocks of {SLOTS} slots, 5,000 series)");
    println!(
        "  target load            {:.3}",
        bytes_a_slot(&TARGET, 5_000, 18)
    );
    println!(
        "  … without the floats   {:.3}",
        bytes_a_slot(&TARGET[..3], 5_000, 18)
    );
    println!("  of one kind each:                (XOR as in Gorilla, bare)");
    for kind in ALL {
        let name = format!("{kind:?}");
        let xor_bits: usize = series(kind).iter().map(|values| xor_bits(values)).sum();
        let xor = xor_bits as f64 / (8 * SLOTS * SERIES as usize) as f64;
        println!(
            "  {name:<22} {:.3}     {xor:.3}",
            bytes_a_slot(&[kind], 5_000, 2)
        );
    }
    divan::main();
}

/// Bits that the values of a series take in the XOR coding of Gorilla (Pelkonen et al., VLDB 2015).
fn xor_bits(values: &[f64]) -> usize {
    let present = || {
        values
            .iter()
            .filter(|value| !value.is_nan())
            .map(|value| value.to_bits())
    };
    let (mut total, mut window) = (64, None);
    for (former, current) in present().zip(present().skip(1)) {
        let xor = former ^ current;
        let ends = (xor.leading_zeros().min(31), xor.trailing_zeros());
        total += match window {
            _ if xor == 0 => 1,
            Some((leading, trailing)) if leading <= ends.0 && trailing <= ends.1 => {
                2 + (64 - leading - trailing) as usize
            }
            _ => {
                window = Some(ends);
                2 + 5 + 6 + (64 - ends.0 - ends.1) as usize
            }
        };
    }
    total
}

fn series(kind: Kind) -> Vec<[f64; SLOTS]> {
    (0..SERIES)
        .map(|id| {
            let mut values = [0.0; SLOTS];
            Source::new(kind, id).fill(&mut values);
            values
        })
        .collect()
}

fn encoded(kind: Kind) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new();
    (series(kind).iter())
        .map(|values| {
            let mut out = Vec::new();
            encoder.encode(values, &mut out);
            out
        })
        .collect()
}

#[divan::bench(args = ALL)]
fn encode(bencher: Bencher, kind: Kind) {
    let series = series(kind);
    let mut encoder = Encoder::new();
    let mut out = Vec::new();
    bencher
        .counter(ItemsCount::new(series.len() * SLOTS))
        .bench_local(|| {
            for values in &series {
                out.clear();
                encoder.encode(black_box(values), &mut out);
            }
        });
}

/// Parsing and decoding, as a read does both.
#[divan::bench(args = ALL)]
fn decode(bencher: Bencher, kind: Kind) {
    let series = encoded(kind);
    let mut out = [0.0; SLOTS];
    bencher
        .counter(ItemsCount::new(series.len() * SLOTS))
        .bench_local(|| {
            for bytes in &series {
                let encoded = Encoded::parse(black_box(bytes), SLOTS, 0).expect("own bytes");
                encoded.decode(&mut out);
                black_box(&mut out);
            }
        });
}

/// Finding series of a block of 4,096 by their ids; with the checksum of the bundle or without.
#[divan::bench(args = [false, true])]
fn look_up(bencher: Bencher, is_checked: bool) {
    let block = blocks(&TARGET, 4_096, 1).remove(0);
    let reader = Reader::open(&block).expect("own bytes");
    bencher
        .counter(ItemsCount::new(4_096usize))
        .bench_local(|| {
            for id in (0..4_096u32).map(|index| index * 1_637 % 4_096) {
                let found = match is_checked {
                    false => reader.series(black_box(id)),
                    true => reader.series_checked(black_box(id)),
                };
                black_box(found.expect("own bytes").is_some());
            }
        });
}
