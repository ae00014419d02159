//! What the store says is final, and when it says so no more.

use super::*;
use crate::storage::{Selection, SettledReads};

fn settled(bench: &Bench, id: u32, archive: usize) -> (i64, u64) {
    let settled = SettledReads::settled(&bench.store, SeriesId(id), archive).unwrap();
    (settled.before, settled.changes)
}

#[test]
fn slots_behind_the_open_rows_are_final_and_coarse_ones_when_all_of_theirs_are() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(folder.path(), "10s:6h,7m:7d", 1);
    let last = fill(&mut bench, 1, 1000);
    let (before, changes) = settled(&bench, 0, 0);
    assert!(before <= last - GRACE_SLOTS * 10, "{before}");
    assert!(before > last - (GRACE_SLOTS + SPAN_SLOTS) * 10, "{before}");
    let (coarse, _) = settled(&bench, 0, 1);
    assert!(coarse <= before && before < coarse + 420 && coarse % 420 == 0);
    let series = SeriesId(0);
    assert_eq!(SettledReads::settled(&bench.store, series, 2), None);

    // A store to an open row moves nothing; neither does a seal.
    bench.store(0, last, 5.0).unwrap();
    assert_eq!(settled(&bench, 0, 0), (before, changes));
    bench.maintain(last + SPAN_SLOTS * 10);
    let (later, same) = settled(&bench, 0, 0);
    assert_eq!((later, same), (before + SPAN_SLOTS * 10, changes));
}

#[test]
fn late_point_and_another_definition_are_changes() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(folder.path(), "10s:6h,1m:7d", 2);
    let last = fill(&mut bench, 2, 1000);
    let (before, changes) = settled(&bench, 0, 0);
    let late = before - 10;
    bench
        .writer
        .store(SeriesId(0), late, 9.0, last)
        .expect("a late point is taken");
    assert!(settled(&bench, 0, 1).1 > changes, "of every archive");
    assert_eq!(settled(&bench, 1, 0).1, changes, "of its series only");

    let changes = settled(&bench, 1, 0).1;
    let same = Arc::new(Retention::parse("10s:6h,1m:7d").unwrap());
    bench.writer.define(&definition(1, &same)).unwrap();
    assert_eq!(settled(&bench, 1, 0).1, changes, "nothing is new in it");
    let other = Arc::new(Retention::parse("20s:6h").unwrap());
    bench.writer.define(&definition(1, &other)).unwrap();
    let after = SettledReads::settled(&bench.store, SeriesId(1), 0);
    assert!(after.is_none_or(|after| after.changes > changes));
}

#[test]
fn exact_slots_are_read_whatever_archive_the_clock_would_choose() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(folder.path(), "10s:6h,1m:7d", 1);
    let last = fill(&mut bench, 1, 500);
    for (archive, step) in [(0, 10), (1, 60)] {
        let start = START + 600;
        let selection = Selection {
            archive,
            start,
            end: start + 20 * i64::from(step),
            step,
        };
        let read = SettledReads::read(&bench.store, SeriesId(0), selection);
        let read = read.unwrap().unwrap();
        assert_eq!(read.len(), 20);
        if archive == 0 {
            let expected = bench.values(0, start - 10, start + 190, last);
            assert_eq!(read, expected);
        }
    }
    let beyond = Selection {
        archive: 2,
        start: START,
        end: START + 10,
        step: 10,
    };
    let read = SettledReads::read(&bench.store, SeriesId(0), beyond);
    assert_eq!(read.unwrap(), None);
}
