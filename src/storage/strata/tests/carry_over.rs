//! Late points that say that a coarse slot has no value outlive the flush of their table, until the
//! slot is rolled up: a patch cannot say it.

use std::path::Path;
use std::sync::Arc;

use super::{Bench, START, config, fill};
use crate::metric::SeriesId;
use crate::storage::Store;
use crate::storage::strata::group::Group;
use crate::storage::strata::late::{Appended, LatePoint};
use crate::storage::strata::simulation::{Faults, SimulatedDisk};
use crate::storage::strata::{Strata, StrataConfig};

/// Records of a segment, and so of a table.
const RECORDS: usize = 4;
const SERIES: SeriesId = SeriesId(0);

fn open(disk: &SimulatedDisk) -> (Bench, Arc<Group>) {
    let config = StrataConfig {
        late_records: RECORDS,
        ..config(Path::new("/data"))
    };
    let store = Strata::open_on(Arc::new(disk.clone()), &config).unwrap();
    let bench = Bench::over(store, "10s:1h,1m:6h", 1);
    let group = bench.store.shared.all_groups()[0].clone();
    (bench, group)
}

fn append(group: &Group, slot: i64, value: f64, now: i64) -> Appended {
    let record = LatePoint::new(1, slot, value).record(SERIES.0);
    group.late.append(group.log(), &record, now).unwrap()
}

fn flush(group: &Group, now: i64) {
    group.late.freeze_when_due(now, i64::MIN, 0);
    assert!(group.flush(&mut group.work.lock()).unwrap());
}

/// The coarse values of the last minutes that are over, oldest first.
fn minutes(bench: &Bench, now: i64) -> Vec<f64> {
    let from = now - 3600 - 600;
    let values = bench.values(0, from, now, now);
    let over = (now.div_euclid(60) - from.div_euclid(60) - 1) as usize;
    values[over - 8..over].to_vec()
}

#[test]
fn slots_without_a_value_stay_so_though_the_next_table_is_full() {
    let disk = SimulatedDisk::new(1, Faults::default());
    let (mut bench, _) = open(&disk);
    let now = fill(&mut bench, 1, 100);
    bench.store.sync().unwrap();
    let group = bench.store.shared.all_groups()[0].clone();
    assert!(minutes(&bench, now).iter().all(|value| !value.is_nan()));
    let first = now.div_euclid(60) - 8;
    // A whole table of them, behind it a full one: there is no room for another record.
    for at in 0..4 {
        assert_eq!(append(&group, first + at, f64::NAN, now), Appended::Done);
    }
    group.late.freeze_when_due(now, i64::MIN, 0);
    for at in 4..8 {
        assert_eq!(append(&group, first + at, 7.0, now), Appended::Done);
    }
    assert_eq!(append(&group, first, 1.0, now), Appended::Full);
    let expected = ["NaN", "NaN", "NaN", "NaN", "7", "7", "7", "7"];
    let check = |bench: &Bench, when: &str| {
        let found = minutes(bench, now)
            .into_iter()
            .map(|value| value.to_string());
        assert_eq!(found.collect::<Vec<_>>(), expected, "{when}");
    };
    check(&bench, "before");
    flush(&group, now);
    check(&bench, "after a flush");
    assert_eq!(group.late.count(), 8);
    bench.store.sync().unwrap();
    drop((bench, group));
    let disk = disk.after_power_loss(2, Faults::default());
    let (bench, group) = open(&disk);
    check(&bench, "after a power loss");
    flush(&group, now);
    check(&bench, "after another flush");
    assert_eq!(group.late.count(), 4);
}

#[test]
fn only_the_last_word_on_a_slot_is_carried_over() {
    let disk = SimulatedDisk::new(1, Faults::default());
    let (mut bench, _) = open(&disk);
    let now = fill(&mut bench, 1, 100);
    let group = bench.store.shared.all_groups()[0].clone();
    let first = now.div_euclid(60) - 8;
    // One that got a value in the same table, and one that gets it while the table waits.
    append(&group, first, f64::NAN, now);
    append(&group, first, 5.0, now);
    append(&group, first + 1, f64::NAN, now);
    group.late.freeze_when_due(now, i64::MIN, 0);
    append(&group, first + 1, 6.0, now);
    for when in ["before", "after a flush", "after another"] {
        assert_eq!(minutes(&bench, now)[..2], [5.0, 6.0], "{when}");
        group.flush(&mut group.work.lock()).unwrap();
        group.late.freeze_when_due(now, i64::MIN, 0);
    }
    assert!(START < first * 60);
}
