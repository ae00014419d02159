//! A power loss at every single operation of each structural step.
//!
//! A scenario brings a store to where one step is due, syncs, and stores a few points that no sync
//! confirms. Then the step is done once to count its operations on the disk, and once more for each of
//! them with the power failing there. A new kind of step gets a line in [`STEPS`].

use super::schedule::{Schedule, run_all};
use crate::storage::strata::layout::{GRACE_SLOTS, SPAN_SLOTS};
use crate::storage::strata::simulation::Faults;

/// What survives of unsynced writes differs by seed: so many are tried at each operation.
const SEEDS: u64 = 6;
const RETENTION: &str = "10s:1h,1m:6h";
const STEP_S: i64 = 10;
const SERIES: u32 = 4;
/// Spans of the finer archive that one of the coarser is rolled up from.
const SPANS: i64 = 7;

/// A step: its name, what comes before it, the step.
type Step = (&'static str, fn(&mut Schedule), fn(&mut Schedule));

const STEPS: [Step; 8] = [
    ("seal", fill_a_span, seal),
    ("roll up", seal_several_spans, roll),
    ("late flush", gather_late_points, flush),
    ("merge", pile_up_patches, merge),
    ("retire", let_blocks_age, retire),
    ("column reuse", let_a_series_die, reuse_its_column),
    ("deletion", gather_late_points, delete_most),
    ("move to another id", gather_late_points, move_one),
];

/// Stores `slots` slots of some series, as time goes by.
fn fill(schedule: &mut Schedule, series: std::ops::Range<u32>, slots: i64) {
    for _ in 0..slots {
        schedule.now += STEP_S;
        for series in series.clone() {
            schedule.store(series, 0);
        }
    }
}

fn fill_a_span(schedule: &mut Schedule) {
    fill(schedule, 0..SERIES, SPAN_SLOTS + GRACE_SLOTS);
    // The next store closes the span's rows.
    fill(schedule, 0..SERIES, SPAN_SLOTS);
}

fn seal(schedule: &mut Schedule) {
    schedule.each_group(|group, _| group.seal_through());
}

fn seal_several_spans(schedule: &mut Schedule) {
    for _ in 0..SPANS * 2 {
        fill(schedule, 0..SERIES, SPAN_SLOTS / 2);
        seal(schedule);
    }
}

fn roll(schedule: &mut Schedule) {
    schedule.each_group(|group, _| {
        let mut work = group.work.lock();
        while matches!(group.roll(&mut work), Ok(true)) {}
    });
}

fn gather_late_points(schedule: &mut Schedule) {
    seal_several_spans(schedule);
    roll(schedule);
    store_late_points(schedule);
}

fn store_late_points(schedule: &mut Schedule) {
    for slot in 0..40 {
        schedule.store(slot % SERIES, 1000 + i64::from(slot) * 61);
    }
}

fn flush(schedule: &mut Schedule) {
    schedule.each_group(|group, now| {
        group.late.freeze_when_due(now, 0, 0);
        let _ = group.flush(&mut group.work.lock());
    });
}

fn pile_up_patches(schedule: &mut Schedule) {
    seal_several_spans(schedule);
    for _ in 0..7 {
        store_late_points(schedule);
        flush(schedule);
    }
}

fn merge(schedule: &mut Schedule) {
    schedule.each_group(|group, _| while group.merge_one() {});
}

fn let_blocks_age(schedule: &mut Schedule) {
    seal_several_spans(schedule);
    roll(schedule);
    seal_several_spans(schedule);
    roll(schedule);
    store_late_points(schedule);
}

fn retire(schedule: &mut Schedule) {
    schedule.each_group(|group, now| {
        let _ = group.retire(&mut group.work.lock(), now);
    });
}

fn let_a_series_die(schedule: &mut Schedule) {
    fill(schedule, 0..SERIES, SPAN_SLOTS);
    for _ in 0..8 {
        fill(schedule, 2..SERIES, SPAN_SLOTS / 2);
        schedule.maintain();
        schedule.sync();
    }
}

fn reuse_its_column(schedule: &mut Schedule) {
    // Of the two columns that rest, the one that series 0 had goes to series 1 or the other way round.
    for series in [1, 0] {
        schedule.store(series, 0);
        schedule.sync();
        schedule.maintain();
    }
}

/// Most of each block goes, columns are cleared, rest, and are given to the names that come again.
fn delete_most(schedule: &mut Schedule) {
    for series in 1..SERIES {
        schedule.delete(series);
    }
    schedule.maintain();
    schedule.sync();
    for series in 1..SERIES {
        schedule.store(series, 0);
    }
    schedule.maintain();
    schedule.sync();
}

fn move_one(schedule: &mut Schedule) {
    schedule.move_to_a_new_id(0);
    schedule.store(0, 0);
    schedule.maintain();
    schedule.sync();
}

/// A schedule just before the step, with the power failing at an operation.
fn prepared(prepare: fn(&mut Schedule), seed: u64, power_off_at: Option<u64>) -> Schedule {
    let faults = Faults {
        power_off_at,
        ..Faults::default()
    };
    let mut schedule = Schedule::with_retention(RETENTION, seed, faults);
    prepare(&mut schedule);
    schedule.sync();
    for series in 2..SERIES {
        schedule.store(series, 0);
    }
    schedule
}

/// Does a step once, undisturbed, and answers its first operation and how many it has.
fn measure(&(name, prepare, act): &Step) -> (u64, u64) {
    let mut schedule = prepared(prepare, 0, None);
    let first = schedule.disk.operations();
    let state = schedule.manifests();
    act(&mut schedule);
    let count = schedule.disk.operations() - first;
    println!("{name}: {count} operations");
    assert!(count >= 2, "{name} does nothing");
    if name == "column reuse" {
        let columns = schedule.columns();
        assert!(
            columns.iter().all(|column| *column < Some(SERIES)),
            "none of {columns:?} was reused"
        );
    } else {
        assert_ne!(schedule.manifests(), state, "{name} changes nothing");
    }
    (first, count)
}

#[test]
fn power_loss_at_every_operation_of_every_step_loses_nothing_confirmed() {
    for step in STEPS {
        let (first, count) = measure(&step);
        let (name, prepare, act) = step;
        run_all(0..(count + 1) * SEEDS, |number| {
            let (at, seed) = (first + number / SEEDS, number % SEEDS);
            let mut schedule = prepared(prepare, seed, Some(at));
            assert!(!schedule.disk.is_off(), "{name}: {at} of {first}");
            act(&mut schedule);
            let judged = schedule.recover_and_judge(seed);
            judged.map_err(|what| format!("{name}, operation {} of {count}: {what}", at - first))
        });
    }
}
