//! The golden blocks in `vectors/`: bytes of each version, read forever.
//!
//! `NAME.bin` is a block, `NAME.txt` what it holds: a line a series, its id and then its slots as
//! the sixteen hex digits of their bits, or `-`; `*5` after one says that it stands five times. To add a vector, add it to [`VECTORS`] and run this
//! test with `PLUMBAGO_WRITE_VECTORS=1`; a file that exists is never written again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use plumbago_storage_format::block::{Place, Reader, Span, Writer};

/// Name, slots and series of each vector.
type Vector = (&'static str, u32, fn() -> Vec<(u32, Vec<f64>)>);

const VECTORS: [Vector; 2] = [
    ("block-v1-short", 70, short_series),
    ("block-v1-long", 600, long_series),
];

fn span(slots: u32) -> Span {
    Span {
        place: Place {
            shard: 2,
            family: 5,
            archive: 1,
        },
        sequence: 77,
        first_slot_s: 1_700_000_040,
        step_s: 10,
        slots,
    }
}

/// Random enough to need bits, the same in each run.
struct Noise(u64);

impl Noise {
    fn word(&mut self) -> u64 {
        let step = self.0.wrapping_mul(6_364_136_223_846_793_005);
        self.0 = step.wrapping_add(1_442_695_040_888_963_407);
        self.0 ^ self.0 >> 29
    }

    fn below(&mut self, limit: u64) -> f64 {
        ((self.word() >> 20) % limit) as f64
    }

    fn unit(&mut self) -> f64 {
        (self.word() >> 11) as f64 / (1u64 << 53) as f64
    }
}

fn slots(count: u32, value: impl FnMut(u32) -> f64) -> Vec<f64> {
    (0..count).map(value).collect()
}

/// A series of every domain, order, presence and kind of exception.
fn short_series() -> Vec<(u32, Vec<f64>)> {
    let mut noise = Noise(42);
    let mut total = 1_000_000.0;
    let mut walk = 5_000.0;
    let nan = f64::NAN;
    let all: Vec<Vec<f64>> = vec![
        slots(70, |_| 42.0),
        slots(70, |_| -99.95),
        slots(70, |_| std::f64::consts::PI),
        slots(70, |_| -0.0),
        slots(70, |_| f64::INFINITY),
        slots(70, |_| noise.below(200) - 100.0),
        slots(70, |_| {
            total += noise.below(1_000);
            total
        }),
        slots(70, |slot| f64::from(slot * slot * 3)),
        slots(70, |_| {
            walk += noise.below(101) - 50.0;
            walk / 100.0
        }),
        slots(70, |_| noise.unit()),
        slots(70, |_| noise.unit() * 200.0 - 100.0),
        slots(70, |_| -noise.unit().exp()),
        slots(70, |_| noise.unit() * 100.0),
        slots(70, |slot| f64::from((slot as f32 * 0.37).sin())),
        slots(70, |_| noise.below(6_000) / 6.0),
        slots(70, |_| {
            (0..6).map(|_| noise.below(9_999) / 100.0).sum::<f64>() / 6.0
        }),
        slots(70, |slot| if slot == 33 { 1e15 } else { noise.below(9) }),
        slots(70, |slot| {
            if slot == 7 {
                -0.0
            } else {
                noise.below(99) / 100.0
            }
        }),
        slots(
            70,
            |slot| if slot % 20 > 12 { nan } else { noise.below(50) },
        ),
        slots(70, |_| {
            if noise.below(2) == 0.0 {
                nan
            } else {
                noise.below(50)
            }
        }),
        slots(70, |slot| if slot == 69 { 7.25 } else { nan }),
        slots(70, |slot| f64::from_bits(u64::from(slot % 5) + 1)),
        slots(70, |slot| 2f64.powi(900 + (slot % 60) as i32)),
        slots(70, |slot| f64::from(slot % 2) * f64::MAX),
        slots(70, |_| noise.below(999) * 4096.0),
        slots(70, |_| noise.below(999) * 15.0 / 1_000.0),
        slots(70, |_| (noise.below(6) + 2.0).sqrt()),
    ];
    let ids = [0, 1, 2, 3, 5, 8, 13, 21, 1_000, 4_000_000_000];
    let ids = ids.into_iter().chain(4_000_000_001..);
    let mut series: Vec<(u32, Vec<f64>)> = ids.zip(all).collect();
    // Enough constants for a second group.
    series.extend((0..60).map(|index| (4_100_000_000 + index * 7, vec![f64::from(index); 70])));
    series
}

/// Series that are packed in frames.
fn long_series() -> Vec<(u32, Vec<f64>)> {
    let mut noise = Noise(7);
    let calm_then_busy = slots(600, |slot| noise.below(if slot < 300 { 4 } else { 50_000 }));
    let gappy = slots(600, |slot| match slot % 97 {
        0 => f64::NAN,
        _ => noise.below(if slot < 500 { 10 } else { 1_000_000 }) / 1_000.0,
    });
    vec![(17, calm_then_busy), (18, gappy)]
}

fn path(name: &str, extension: &str) -> PathBuf {
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    vectors.join(format!("{name}.{extension}"))
}

fn text(series: &[(u32, Vec<f64>)]) -> String {
    let mut text = String::new();
    for (id, values) in series {
        text.push_str(&id.to_string());
        for run in values.chunk_by(|a, b| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()))
        {
            match run[0].is_nan() {
                true => text.push_str(" -"),
                false => text.push_str(&format!(" {:016x}", run[0].to_bits())),
            }
            if run.len() > 1 {
                text.push_str(&format!("*{}", run.len()));
            }
        }
        text.push('\n');
    }
    text
}

fn write_missing(name: &str, slots: u32, series: &[(u32, Vec<f64>)]) {
    let mut writer = Writer::new(span(slots));
    for (id, values) in series {
        writer.push(*id, values);
    }
    for (extension, bytes) in [("bin", writer.finish()), ("txt", text(series).into_bytes())] {
        let path = path(name, extension);
        if !path.exists() {
            std::fs::write(path, bytes).expect("vectors/ is writable");
        }
    }
}

fn read_series(bytes: &[u8]) -> Vec<(u32, Vec<f64>)> {
    let reader = Reader::open(bytes).expect("a golden block");
    assert!(reader.verify().is_empty());
    (reader.iter())
        .map(|series| {
            let series = series.expect("a golden series");
            let mut values = vec![0.0; series.encoded.slots()];
            series.encoded.decode(&mut values);
            (series.id, values)
        })
        .collect()
}

#[test]
fn every_golden_block_is_read_as_it_was_meant() {
    for (name, slots, series) in VECTORS {
        if std::env::var_os("PLUMBAGO_WRITE_VECTORS").is_some() {
            write_missing(name, slots, &series());
        }
        let bytes = std::fs::read(path(name, "bin")).unwrap();
        let expected = std::fs::read_to_string(path(name, "txt")).unwrap();
        assert_eq!(
            Reader::open(&bytes).unwrap().header().span,
            span(slots),
            "{name}"
        );
        assert!(
            text(&read_series(&bytes)) == expected,
            "{name} is read otherwise"
        );
    }
}

#[test]
fn the_golden_blocks_use_every_form_of_the_format() {
    let (mut presences, mut domains, mut packings) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for (name, ..) in VECTORS {
        let bytes = std::fs::read(path(name, "bin")).unwrap();
        for series in Reader::open(&bytes).unwrap().iter() {
            let tag = series.unwrap().encoded.bytes()[0];
            presences.insert(tag & 3);
            domains.insert(tag >> 2 & 7);
            packings.insert(tag >> 5);
        }
    }
    assert!(presences.into_iter().eq(0..3), "presence");
    assert!(domains.into_iter().eq(0..7), "domain");
    assert!(packings.into_iter().eq(0..5), "packing");
}
