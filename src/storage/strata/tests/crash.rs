//! Seeded crash schedules: power losses, broken and full disks, and syncs that lie.
//!
//! `PLUMBAGO_SCHEDULES=200000` runs as many of each kind, `PLUMBAGO_SEED=51` begins there; a failure names
//! its seed.

use std::ops::Range;

use super::schedule::{Schedule, run_all};
use crate::storage::strata::simulation::{Faults, Random, SyncKind};

/// A number from the environment.
pub(super) fn number(name: &str, default: u64) -> u64 {
    let wanted = std::env::var(name).ok();
    wanted.and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// So many seeds, or those that the environment says.
fn seeds(default: u64) -> Range<u64> {
    let first = number("PLUMBAGO_SEED", 0);
    first..first + number("PLUMBAGO_SCHEDULES", default)
}

/// One schedule with a power loss at an operation that the seed chooses.
fn power_loss(seed: u64, lying_sync: Option<SyncKind>) -> Result<(), String> {
    let faults = Faults {
        power_off_at: Some(20 + Random(!seed).next() % 600),
        lying_sync,
        ..Faults::default()
    };
    let mut schedule = Schedule::new(seed, faults);
    schedule.run(400);
    schedule.recover_and_judge(seed)
}

#[test]
fn power_loss_at_any_operation_loses_nothing_confirmed_and_invents_nothing() {
    run_all(seeds(16_000), |seed| power_loss(seed, None));
}

#[test]
fn a_sync_that_lies_is_noticed_whatever_it_is_of() {
    let kinds = [
        SyncKind::Panel,
        SyncKind::LateSegment,
        SyncKind::Block,
        SyncKind::Manifest,
        SyncKind::Folder,
    ];
    for kind in kinds {
        let found = (0..2000).find(|seed| power_loss(*seed, Some(kind)).is_err());
        assert!(found.is_some(), "nobody missed the syncs of {kind:?}");
        println!("{kind:?}: seed {found:?} misses it");
    }
}

#[test]
fn an_operation_that_fails_loses_nothing_confirmed() {
    run_all(seeds(2000), |seed| {
        let faults = Faults {
            broken_at: Some(20 + Random(!seed).next() % 400),
            ..Faults::default()
        };
        let mut schedule = Schedule::new(seed, faults);
        schedule.run(300);
        schedule.recover_and_judge(seed)
    });
}

#[test]
fn a_disk_that_is_full_for_a_while_loses_nothing_confirmed() {
    run_all(seeds(2000), |seed| {
        let from = 20 + Random(!seed).next() % 300;
        let faults = Faults {
            full: Some((from, from + Random(seed).next() % 300)),
            ..Faults::default()
        };
        let mut schedule = Schedule::new(seed, faults);
        schedule.run(400);
        schedule.recover_and_judge(seed)
    });
}
