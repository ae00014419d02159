//! How fast answers are encoded: a million points in each format, and floats by their shapes.
//!
//! `cargo bench --bench format`; throughput is in points.

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use jiff::tz::TimeZone;
use plumbago::format::msgpack::Msgpack;
use plumbago::format::pickle::Pickle;
use plumbago::format::{
    Csv, Dygraph, Encode, Json, JsonOptions, Raw, Rickshaw, SeriesEncoder, SeriesObjects,
    carbonapi, write_float,
};
use plumbago::functions::Series;

/// 100 series of 10,000 points.
const SERIES: usize = 100;
const POINTS: usize = 10_000;

fn main() {
    divan::main();
}

/// Shapes of values as they are met: counters, gauges with two decimals, results of divisions.
#[derive(Clone, Copy, Debug)]
enum Shape {
    Whole,
    Decimals,
    Fraction,
}

const SHAPES: [Shape; 3] = [Shape::Whole, Shape::Decimals, Shape::Fraction];

impl Shape {
    fn value(self, position: usize) -> f64 {
        let wave = (position * 7919 % 100_003) as f64;
        match self {
            Shape::Whole => wave,
            Shape::Decimals => (wave * 13.0).round() / 100.0,
            Shape::Fraction => wave / 7.0,
        }
    }
}

fn series(shape: Shape) -> Vec<Series> {
    let one = |number: usize| {
        let values = (0..POINTS).map(|position| match position % 50 {
            0 => f64::NAN,
            _ => shape.value(position + number),
        });
        let name = format!("servers.web{number:03}.cpu.user");
        let end = 1_750_000_000;
        let start = end - 10 * POINTS as i64;
        Series::new(name, start, end, 10, values.collect())
    };
    (0..SERIES).map(one).collect()
}

/// Makes every piece and lets it go, as a socket does.
fn drain(encoder: impl Encode) -> usize {
    let pieces = 0..encoder.pieces();
    pieces
        .map(|piece| black_box(encoder.piece(piece)).text.len())
        .sum()
}

fn bench<E: Encode>(
    bencher: Bencher<'_, '_>,
    shape: Shape,
    make: impl Fn(Vec<Series>) -> E + Sync,
) {
    let list = series(shape);
    bencher
        .counter(ItemsCount::new(SERIES * POINTS))
        .with_inputs(|| list.clone())
        .bench_values(|list| drain(make(list)));
}

#[divan::bench(args = SHAPES)]
fn json(bencher: Bencher<'_, '_>, shape: Shape) {
    bench(bencher, shape, |list| {
        SeriesEncoder::new(Json::new(JsonOptions::default()), list)
    });
}

#[divan::bench]
fn csv(bencher: Bencher<'_, '_>) {
    bench(bencher, Shape::Decimals, |list| {
        SeriesEncoder::new(Csv::new(TimeZone::UTC), list)
    });
}

#[divan::bench]
fn csv_in_a_zone_with_summer_time(bencher: Bencher<'_, '_>) {
    bench(bencher, Shape::Decimals, |list| {
        let zone = TimeZone::get("Europe/Berlin").unwrap_or(TimeZone::UTC);
        SeriesEncoder::new(Csv::new(zone), list)
    });
}

#[divan::bench]
fn raw(bencher: Bencher<'_, '_>) {
    bench(bencher, Shape::Decimals, |list| {
        SeriesEncoder::new(Raw, list)
    });
}

#[divan::bench]
fn pickle(bencher: Bencher<'_, '_>) {
    bench(bencher, Shape::Decimals, |list| {
        SeriesEncoder::new(SeriesObjects::<Pickle>::default(), list)
    });
}

#[divan::bench]
fn msgpack(bencher: Bencher<'_, '_>) {
    bench(bencher, Shape::Decimals, |list| {
        SeriesEncoder::new(SeriesObjects::<Msgpack>::default(), list)
    });
}

#[divan::bench]
fn dygraph(bencher: Bencher<'_, '_>) {
    bench(bencher, Shape::Decimals, Dygraph::new);
}

#[divan::bench]
fn rickshaw(bencher: Bencher<'_, '_>) {
    bench(bencher, Shape::Decimals, |list| {
        SeriesEncoder::new(Rickshaw, list)
    });
}

#[divan::bench]
fn carbonapi_v3_pb(bencher: Bencher<'_, '_>) {
    bench(bencher, Shape::Decimals, |list| {
        SeriesEncoder::new(carbonapi::FetchV3::default(), list)
    });
}

#[divan::bench(args = SHAPES)]
fn floats(bencher: Bencher<'_, '_>, shape: Shape) {
    let values: Vec<f64> = (0..10_000).map(|position| shape.value(position)).collect();
    let mut out = Vec::with_capacity(400_000);
    values
        .iter()
        .for_each(|value| write_float(&mut out, *value));
    bencher
        .counter(ItemsCount::new(values.len()))
        .counter(BytesCount::new(out.len()))
        .bench_local(|| {
            out.clear();
            for value in &values {
                write_float(&mut out, black_box(*value));
            }
            out.len()
        });
}
