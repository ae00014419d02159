//! Random files through the package's scripts `whisper-resize.py` and `whisper-fill.py`.

use std::fmt::Write as _;

use super::{EPOCH, FACTORS, LAYOUTS, METHODS, Random, SEED, assert_same, reference, setting};

/// A file of one layout that will be resized at `end` to another.
struct Resizing {
    random: Random,
    layout: &'static [(i64, i64)],
    wanted: &'static [(i64, i64)],
    end: i64,
    text: String,
}

impl Resizing {
    fn new(seed: u64, wanted: &[&'static [(i64, i64)]]) -> Self {
        let mut random = Random(seed);
        let layout = random.of(&LAYOUTS);
        let wanted = random.of(wanted);
        Self {
            end: EPOCH + 900_000 + random.below(10_000),
            random,
            layout,
            wanted,
            text: String::new(),
        }
    }

    /// Creates the file `old` and writes points to it until shortly before the end.
    fn write_points(&mut self, number: u64, is_usable: impl Fn(&Self, i64) -> bool) {
        let specs = specs(self.layout);
        let (method, factor) = (self.random.of(&METHODS), self.random.of(&FACTORS));
        let _ = writeln!(
            self.text,
            "open {number}-old\ncreate {method} {factor} {specs}"
        );
        let longest = self.layout.last().map_or(0, |last| last.0 * last.1);
        let mut now = self.end - longest;
        while now <= self.end {
            let mut line = format!("many {now}");
            for _ in 0..self.random.below(40) {
                let time = now - self.random.below(longest / 3);
                if !is_trap(self.layout, time, now) && is_usable(self, time) {
                    let _ = write!(line, " {time}:{}", self.random.value());
                }
            }
            let _ = writeln!(self.text, "{line}");
            now += 1 + self.random.below(longest / 10);
        }
    }

    fn resize(&mut self, number: u64, how: &str) {
        let (method, factor) = (self.random.of(&METHODS), self.random.of(&FACTORS));
        let (end, specs) = (self.end, specs(self.wanted));
        let _ = writeln!(
            self.text,
            "open {number}-new\nresize {end} {number}-old {method} {factor} {specs} {how}\nbytes"
        );
    }

    /// The intervals of a time in the archives of the file.
    fn intervals(&self, time: i64) -> impl Iterator<Item = i64> {
        self.layout.iter().map(move |(step, _)| time - time % step)
    }
}

fn specs(layout: &[(i64, i64)]) -> String {
    let specs: Vec<String> = layout
        .iter()
        .map(|(step, points)| format!("{step}:{points}"))
        .collect();
    specs.join(",")
}

/// True where the reference would store a point in the slot of a newer one.
fn is_trap(layout: &[(i64, i64)], time: i64, now: i64) -> bool {
    layout.iter().any(|(step, points)| {
        let slots = now.div_euclid(*step) - time.div_euclid(*step);
        now - time <= step * points && slots >= *points
    })
}

fn assert_lists_agree(title: &str, list: impl Fn(u64, u64) -> String) {
    let seed = setting("PLUMBAGO_WHISPER_SEED", SEED);
    let texts: Vec<String> = (0..setting("PLUMBAGO_WHISPER_LISTS", 40))
        .map(|number| {
            list(
                number,
                seed.wrapping_add(number.wrapping_mul(0xd6e8_feb8_6659_fd93)),
            )
        })
        .collect();
    let text = texts.concat();
    assert_same(&text, &reference(&text), &format!("{title}, seed {seed}"));
}

#[test]
fn resized_files_have_the_bytes_of_whisper_resize() {
    assert_lists_agree("resize", |number, seed| {
        let mut list = Resizing::new(seed, &LAYOUTS);
        list.write_points(number, |list, time| {
            let mut intervals = list.intervals(time);
            intervals.all(|interval| !is_trap(list.wanted, interval, list.end))
        });
        list.resize(number, "points");
        list.text
    });
}

/// With aggregation only files of one archive can be compared, at a time that is a multiple of its
/// step and without points at either end of its retention: `whisper.md` says what the script does
/// elsewhere.
#[test]
fn aggregated_files_of_one_archive_have_the_bytes_of_whisper_resize() {
    let wanted: [&[(i64, i64)]; 4] = [&[(10, 600)], &[(60, 60)], &[(300, 24)], &[(1, 1_000)]];
    assert_lists_agree("resize --aggregate", |number, seed| {
        let mut list = Resizing::new(seed, &wanted);
        list.end -= list.end % 3_600;
        list.write_points(number, |list, time| {
            let (step, points) = list.wanted[0];
            let oldest = list.end - step * points;
            let mut intervals = list.intervals(time);
            time < list.end
                && intervals.all(|interval| !(oldest..oldest + step).contains(&interval))
        });
        list.resize(number, "aggregate");
        list.text
    });
}

/// The script writes over zeros and over the point after each gap, and leaves gaps of one slot; where
/// none of that shows, the bytes are the same.
#[test]
fn gaps_are_filled_as_whisper_fill_does() {
    assert_lists_agree("fill", |number, seed| {
        let mut random = Random(seed);
        let (step, points) = random.of(&[(1, 60), (10, 30), (60, 100)]);
        let now = EPOCH + random.below(100_000);
        let newest = now - now % step;
        let (mut source, mut target) = (format!("many {now}"), format!("many {now}"));
        let mut is_gap = false;
        for slot in (0..points).rev() {
            if slot % 4 == 3 {
                is_gap = random.below(2) == 0;
            }
            if random.below(5) > 0 {
                let point = format!(" {}:{}", newest - slot * step, nonzero(&mut random));
                source.push_str(&point);
                if !is_gap {
                    target.push_str(&point);
                }
            }
        }
        format!(
            "open {number}-source\ncreate sum 0 {step}:{points}\n{source}\n\
             open {number}-target\ncreate sum 0 {step}:{points}\n{target}\n\
             fill {now} {number}-source\nbytes\n"
        )
    });
}

fn nonzero(random: &mut Random) -> String {
    format!("{:016x}", (random.below(1_000) as f64 + 0.5).to_bits())
}
