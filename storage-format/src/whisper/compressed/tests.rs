//! The reader against an encoder of its own, written from the format's description for these tests:
//! no Go is at hand, so no file of go-whisper itself has been read here.

use super::*;

/// Bits as they are written, one a place.
#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    /// A number of `count` bits: its lowest byte first, each from its highest bit down.
    fn put(&mut self, count: usize, number: u64) {
        let mut done = 0;
        while done < count {
            let part = (count - done).min(8);
            let byte = number >> done;
            self.0
                .extend((0..part).rev().map(|bit| byte >> bit & 1 == 1));
            done += part;
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let byte = |bits: &[bool]| {
            let bits = bits.iter().enumerate();
            bits.map(|(at, bit)| u8::from(*bit) << (7 - at)).sum::<u8>()
        };
        self.0.chunks(8).map(byte).collect()
    }
}

fn put_time(bits: &mut Bits, change: i64, time: i64) {
    let signed = |sign: i64| (if change < 0 { -change | sign } else { change }) as u64;
    match change {
        0 => bits.put(1, 0),
        -62..=63 => {
            bits.put(2, 2);
            bits.put(7, signed(64));
        }
        -254..=255 => {
            bits.put(3, 6);
            bits.put(9, signed(256));
        }
        -2046..=2047 => {
            bits.put(4, 14);
            bits.put(12, signed(2048));
        }
        _ => {
            bits.put(4, 15);
            bits.put(32, time as u64);
        }
    }
}

fn put_value(bits: &mut Bits, value: u64, last: u64, before: u64) {
    let (xor, former) = (value ^ last, last ^ before);
    if xor == 0 {
        return bits.put(1, 0);
    }
    let (leading, trailing) = (xor.leading_zeros(), xor.trailing_zeros());
    if former.leading_zeros() <= leading && former.trailing_zeros() <= trailing {
        bits.put(2, 2);
        let count = 64 - former.leading_zeros() - former.trailing_zeros();
        return bits.put(count as usize, xor >> former.trailing_zeros());
    }
    let leading = leading.min(31);
    let length = 64 - leading - trailing;
    bits.put(2, 3);
    bits.put(5, u64::from(leading));
    match length {
        63 | 64 => {
            bits.put(6, 63);
            bits.put(64, xor);
        }
        _ => {
            bits.put(6, u64::from(length));
            bits.put(length as usize, xor >> trailing);
        }
    }
}

fn encode_block(points: &[(i64, f64)], step: i64, block_bytes: usize) -> Vec<u8> {
    let mut bytes = (points[0].0 as u32).to_be_bytes().to_vec();
    bytes.extend(points[0].1.to_be_bytes());
    let mut bits = Bits::default();
    let (mut last, mut before) = (points[0], points[0]);
    for &point in &points[1..] {
        let change = (point.0 - last.0) - (last.0 - before.0);
        put_time(&mut bits, change / step, point.0);
        put_value(
            &mut bits,
            point.1.to_bits(),
            last.1.to_bits(),
            before.1.to_bits(),
        );
        before = last;
        last = point;
    }
    bits.put(4, 15);
    bits.put(32, 0);
    bytes.extend(bits.bytes());
    assert!(bytes.len() <= block_bytes, "{} bytes", bytes.len());
    bytes.resize(block_bytes, 0);
    bytes
}

struct TestArchive {
    step: i64,
    points: u32,
    mixed: Option<(u8, f32)>,
    blocks: Vec<Vec<(i64, f64)>>,
    buffer: Vec<(i64, f64)>,
}

fn archive(step: i64, points: u32, blocks: Vec<Vec<(i64, f64)>>) -> TestArchive {
    TestArchive {
        step,
        points,
        mixed: None,
        blocks,
        buffer: Vec::new(),
    }
}

/// An archive's table of blocks, the empty one among them, and its buffer.
fn put_table(archive: &TestArchive, buffer_bytes: usize, bytes: &mut Vec<u8>) {
    for block in &archive.blocks {
        let (start, end) = (block[0].0 as u32, block[block.len() - 1].0 as u32);
        for field in [start, end, block.len() as u32 - 1, 0] {
            bytes.extend(field.to_be_bytes());
        }
    }
    bytes.extend([0; 16]);
    let mut buffer: Vec<u8> = Vec::new();
    for (time, value) in &archive.buffer {
        buffer.extend((*time as u32).to_be_bytes());
        buffer.extend(value.to_be_bytes());
    }
    buffer.resize(buffer_bytes, 0);
    bytes.extend(buffer);
}

/// A whole file; each archive has an empty block more than it needs.
fn file(method: u32, x_files_factor: f32, archives: &[TestArchive]) -> Vec<u8> {
    const BLOCK: usize = 4000;
    let is_mixed = method == 7;
    let buffer_bytes = |number: usize| match archives.get(number + 1) {
        Some(coarser) if !is_mixed => (coarser.step / archives[number].step * 24) as usize,
        _ => 0,
    };
    let head: usize = 63 + archives.len() * 128;
    let tables: usize = (0..archives.len())
        .map(|number| (archives[number].blocks.len() + 1) * 16 + buffer_bytes(number))
        .sum();
    let mut bytes = COMPRESSED_MAGIC.to_vec();
    bytes.push(1);
    let retention = archives.iter().map(|a| a.step as u32 * a.points).max();
    let count = archives.len() as u32;
    for field in [
        method,
        retention.unwrap(),
        x_files_factor.to_bits(),
        7200,
        count,
        0,
        0,
    ] {
        bytes.extend(field.to_be_bytes());
    }
    bytes.extend([0; 16]);
    let mut offset = head + tables;
    for archive in archives {
        let blocks = archive.blocks.len() + 1;
        let fields = [
            offset as u32,
            archive.step as u32,
            archive.points,
            BLOCK as u32,
            blocks as u32,
            0,
        ];
        bytes.extend(fields.iter().flat_map(|field| field.to_be_bytes()));
        if let Some((method, percentile)) = archive.mixed {
            bytes.push(method);
            bytes.extend(percentile.to_be_bytes());
        }
        let rest = 60 + 8 + 36 - if archive.mixed.is_some() { 5 } else { 0 };
        bytes.extend(vec![0; rest]);
        offset += blocks * BLOCK;
    }
    for (number, archive) in archives.iter().enumerate() {
        put_table(archive, buffer_bytes(number), &mut bytes);
    }
    for archive in archives {
        for block in &archive.blocks {
            bytes.extend(encode_block(block, archive.step, BLOCK));
        }
        bytes.extend([0; BLOCK]);
    }
    bytes
}

fn random(state: &mut u64) -> u64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    *state >> 33 ^ *state << 20
}

/// Points with gaps of every size and values of every kind.
fn points(seed: u64, count: usize, start: i64, step: i64) -> Vec<(i64, f64)> {
    let mut state = seed;
    let mut time = start;
    let mut value = 0.0;
    let mut points = Vec::new();
    for _ in 0..count {
        points.push((time, value));
        let gap = match random(&mut state) % 40 {
            0 => random(&mut state) % 5000,
            1 => random(&mut state) % 300,
            2 => random(&mut state) % 60,
            _ => 0,
        };
        time += step * (1 + gap as i64);
        value = match random(&mut state) % 6 {
            0 => value,
            1 => f64::from_bits(random(&mut state) << 20 & !(0x7ff << 52) | 0x3ff << 52),
            2 => -value,
            3 => f64::INFINITY,
            _ => (random(&mut state) % 1000) as f64,
        };
    }
    points
}

#[test]
fn a_block_by_hand_is_read() {
    // 1200: 1.0, 1260: 1.0, 1320: 2.0; then `10 0000001` one step more than before, `0` the same;
    // `0` the same distance, `11 00001 001011` one zero and eleven bits, all of them ones; the end.
    let mut bytes = vec![0, 0, 0x04, 0xb0, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0];
    bytes.extend([0x80, 0x98, 0x4b, 0xff, 0xfe, 0, 0, 0, 0, 0]);
    let expected = vec![(1200, 1.0), (1260, 1.0), (1320, 2.0)];
    assert_eq!(
        block::decode(&bytes, 0, 60, 1200, 1320),
        Ok(expected.clone())
    );
    assert_eq!(encode_block(&expected, 60, bytes.len()), bytes);
}

#[test]
fn blocks_of_random_points_come_back() {
    for seed in 0..200 {
        let expected = points(seed, 1 + seed as usize * 2, 600_000, 60);
        let end = expected[expected.len() - 1].0 as u32;
        let bytes = encode_block(&expected, 60, 1 << 16);
        let found = block::decode(&bytes, 0, 60, 600_000, end).unwrap();
        let bits = |points: &[(i64, f64)]| -> Vec<(i64, u64)> {
            points
                .iter()
                .map(|(time, value)| (*time, value.to_bits()))
                .collect()
        };
        assert_eq!(bits(&found), bits(&expected), "seed {seed}");
    }
}

#[test]
fn archives_are_answered_with_what_waits_in_buffers() {
    let now = 1_000_000 * 60;
    let minute = |at: i64| now - at * 60;
    let fine: Vec<(i64, f64)> = (10..40).rev().map(|at| (minute(at), at as f64)).collect();
    let (older, newer) = fine.split_at(12);
    let mut base = archive(60, 1000, vec![newer.to_vec(), older.to_vec()]);
    base.buffer = (0..10)
        .rev()
        .map(|at| (minute(at), 100.0 + at as f64))
        .collect();
    let coarse = archive(600, 500, vec![vec![(minute(40), 7.0), (minute(30), 8.0)]]);
    let bytes = file(2, 0.5, &[base, coarse]);
    let parsed = Compressed::parse(&bytes).unwrap();
    assert_eq!(
        (parsed.method(), parsed.x_files_factor()),
        (Method::Sum, 0.5)
    );
    let found = parsed.points(&[0, 1], now).unwrap();
    assert_eq!(found[0].len(), 40);
    assert_eq!(found[0][39], (now, 100.0));
    // Ten minutes begin at `now - 10` and hold 9 to 1 of the buffer and 10 of a block; the one of
    // `now` has one of ten and misses the factor.
    let rolled: f64 = (1..10).map(|at| 100.0 + f64::from(at)).sum::<f64>() + 10.0;
    let expected = vec![(minute(40), 7.0), (minute(30), 8.0), (minute(10), rolled)];
    assert_eq!(found[1], expected);
}

#[test]
fn points_beyond_the_retention_are_left_out() {
    let now = 60_000_000;
    let old: Vec<(i64, f64)> = (0..30)
        .map(|at| (now - (29 - at) * 60, at as f64))
        .collect();
    let bytes = file(3, 0.0, &[archive(60, 10, vec![old])]);
    let found = Compressed::parse(&bytes)
        .unwrap()
        .points(&[0], now)
        .unwrap();
    assert_eq!(found[0].len(), 10);
    assert_eq!(found[0][0], (now - 9 * 60, 20.0));
}

#[test]
fn mixed_archives_name_their_methods() {
    let now = 60_000_000;
    let fine: Vec<(i64, f64)> = (0..20)
        .map(|at| (now - (19 - at) * 60, at as f64))
        .collect();
    let mut archives = vec![archive(60, 100, vec![fine])];
    for (number, percentile) in [(1, 0.0), (4, 0.0), (8, 50.0)] {
        let mut coarse = archive(600, 100, vec![vec![(now - 1200, 1.0)]]);
        coarse.mixed = Some((number, percentile));
        archives.push(coarse);
    }
    let bytes = file(7, 0.1, &archives);
    let parsed = Compressed::parse(&bytes).unwrap();
    let mixed = parsed.archives()[3].mixed().unwrap();
    assert_eq!((mixed.method, mixed.percentile), (Method::Percentile, 50.0));
    let newest = |number: usize| parsed.points(&[0, number], now).unwrap()[1].clone();
    // The window of `now - 600` has the values 9 to 18.
    assert_eq!(newest(1)[1], (now - 600, 13.5));
    assert_eq!(newest(2)[1], (now - 600, 18.0));
    assert_eq!(newest(3)[1], (now - 600, 13.5));
}

#[test]
fn damage_is_refused_and_never_panics() {
    let now = 60_000_000;
    let fine: Vec<(i64, f64)> = (0..50)
        .map(|at| (now - (49 - at) * 60, at as f64 / 3.0))
        .collect();
    let mut base = archive(60, 100, vec![fine]);
    base.buffer = vec![(now, 1.0)];
    let good = file(1, 0.5, &[base, archive(600, 100, Vec::new())]);
    for length in 0..good.len().min(700) {
        assert!(Compressed::parse(&good[..length]).is_err() || length >= 63 + 256 + 48 + 240);
    }
    for at in 0..4700.min(good.len()) {
        for flip in [1, 0x80] {
            let mut bad = good.clone();
            bad[at] ^= flip;
            if let Ok(parsed) = Compressed::parse(&bad) {
                let chosen: Vec<usize> = (0..parsed.archives().len()).collect();
                let _ = parsed.points(&chosen, now);
            }
        }
    }
    let mut version = good.clone();
    version[18] = 9;
    let error = Compressed::parse(&version).unwrap_err().to_string();
    assert!(error.contains("version 9"), "{error}");
    let error = Compressed::parse(b"whisper_different!")
        .unwrap_err()
        .to_string();
    assert!(error.contains("not this format"), "{error}");
}
