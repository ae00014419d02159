use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;

use super::*;
use crate::catalog::FindOptions;
use crate::catalog::MovedSeries;
use crate::catalog::disk::simulated::{Failure, SimulatedDisk};
use crate::metric::{Retention, Rollup, name};

const FOLDER: &str = "catalog";

fn open(disk: &SimulatedDisk) -> (Catalog, OpenReport) {
    Catalog::open_on(Arc::new(disk.clone()), Path::new(FOLDER)).unwrap()
}

fn retention(number: u32) -> Arc<Retention> {
    Arc::new(Retention::parse(&format!("{}s:1d", 10 * (number + 1))).unwrap())
}

fn create(catalog: &Catalog, name: &str, definition: u32) -> Result<SeriesId, CatalogError> {
    let hash = name::hash(name.as_bytes());
    catalog.create(name, hash, &retention(definition), Rollup::default())
}

/// What a user can see of a catalog.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    series: BTreeMap<String, (u32, u32)>,
    tagged: BTreeSet<String>,
}

fn seen(catalog: &Catalog) -> Seen {
    let mut series = BTreeMap::new();
    for definition in catalog.definitions() {
        let step = definition.retention.finest().step;
        series.insert(
            definition.name.to_string(),
            (definition.id.0, step / 10 - 1),
        );
        assert_eq!(catalog.id(&definition.name), Some(definition.id));
        let found = catalog.find(&definition.name, FindOptions::LEAVES).unwrap();
        assert_eq!(found[0].series, Some(definition.id));
    }
    assert_eq!(catalog.len(), series.len());
    let tagged = catalog.find_series(&["name=~.+"]).unwrap();
    Seen {
        series,
        tagged: tagged.iter().map(|entry| entry.name.to_string()).collect(),
    }
}

fn some_changes(catalog: &Catalog) {
    for number in 0..40 {
        create(
            catalog,
            &format!("host{}.cpu{number}", number % 7),
            number % 3,
        )
        .unwrap();
        create(catalog, &format!("cpu;host={};n={number}", number % 7), 1).unwrap();
    }
    catalog
        .remove(&[SeriesId(3), SeriesId(4), SeriesId(10)])
        .unwrap();
    let ids = [SeriesId(1), SeriesId(12)];
    catalog
        .redefine(&ids, &retention(9), Rollup::default())
        .unwrap();
    let to = catalog.reserve(2).unwrap();
    let moved = [(1, to[0]), (2, to[1])].map(|(from, to)| MovedSeries {
        from: SeriesId(from),
        to,
    });
    catalog
        .rebind(&moved, &retention(8), Rollup::default())
        .unwrap();
    catalog.tag_series("by.hand;a=b").unwrap();
    catalog.tag_series("by.hand;a=c").unwrap();
    catalog.untag_series("by.hand;a=c").unwrap();
    catalog.untag_series("cpu;host=0;n=0").unwrap();
    create(catalog, "host3.cpu3", 0).unwrap();
}

#[test]
fn reopened_catalog_is_what_it_was() {
    let disk = SimulatedDisk::default();
    let (catalog, report) = open(&disk);
    assert_eq!(report, OpenReport::default());
    some_changes(&catalog);
    let before = seen(&catalog);
    catalog.close().unwrap();
    let (again, report) = open(&disk);
    assert_eq!(seen(&again), before);
    assert_eq!(again.next_id(), catalog.next_id());
    assert_eq!(report.series, before.series.len());
    assert!(report.torn.is_empty() && report.damaged.is_empty());
    assert_eq!(again.removed_since(0), []);
}

#[test]
fn snapshot_and_the_log_behind_it_hold_the_same_as_the_log_alone() {
    let disk = SimulatedDisk::default();
    let (catalog, _) = open(&disk);
    some_changes(&catalog);
    catalog.snapshot().unwrap();
    create(&catalog, "later", 5).unwrap();
    catalog.remove(&[SeriesId(0)]).unwrap();
    let before = seen(&catalog);
    let (again, report) = open(&disk);
    assert_eq!(seen(&again), before);
    assert_eq!(report.snapshot, Some(2));
    again.snapshot().unwrap();
    again.snapshot().unwrap();
    assert_eq!(seen(&open(&disk).0), before);
    let names = [
        "log-00000003",
        "log-00000004",
        "snapshot-00000003",
        "snapshot-00000004",
    ];
    assert_eq!(disk.names(), names);
}

#[test]
fn damaged_snapshot_is_set_aside_and_the_one_before_is_taken() {
    let disk = SimulatedDisk::default();
    let (catalog, _) = open(&disk);
    some_changes(&catalog);
    catalog.snapshot().unwrap();
    create(&catalog, "between", 5).unwrap();
    catalog.snapshot().unwrap();
    create(&catalog, "behind", 5).unwrap();
    let before = seen(&catalog);
    disk.change(Path::new("catalog/snapshot-00000003"), |bytes| {
        bytes[100] ^= 1
    });
    let (again, report) = open(&disk);
    assert_eq!(seen(&again), before);
    assert_eq!(report.snapshot, Some(2));
    assert_eq!(report.damaged.len(), 1);
    assert!(
        disk.names()
            .contains(&"snapshot-00000003.damaged".to_owned())
    );
}

#[test]
fn what_cannot_be_made_good_is_refused_and_left_alone() {
    let disk = SimulatedDisk::default();
    let (catalog, _) = open(&disk);
    some_changes(&catalog);
    for _ in 0..3 {
        catalog.snapshot().unwrap();
    }
    for number in [3, 4] {
        let path = format!("catalog/snapshot-{number:08}");
        disk.change(Path::new(&path), |bytes| bytes.truncate(200));
    }
    let names = disk.names();
    let error = Catalog::open_on(Arc::new(disk.clone()), Path::new(FOLDER))
        .err()
        .unwrap();
    assert!(matches!(error, CatalogError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("snapshot-00000004"), "{error}");
    assert_eq!(disk.names(), names);
}

#[test]
fn log_of_a_newer_version_is_refused() {
    let disk = SimulatedDisk::default();
    drop(open(&disk));
    disk.change(Path::new("catalog/log-00000001"), |bytes| bytes[8] = 9);
    let error = Catalog::open_on(Arc::new(disk), Path::new(FOLDER))
        .err()
        .unwrap();
    assert!(
        error.to_string().contains("version 9 is unknown"),
        "{error}"
    );
}

#[test]
fn log_cut_at_any_byte_opens_with_the_records_before_it() {
    let whole = SimulatedDisk::default();
    let (catalog, _) = open(&whole);
    for number in 0..6 {
        create(&catalog, &format!("a.b{number}"), number % 2).unwrap();
    }
    let log = whole_log(&whole);
    let mut last = 0;
    for length in 0..=log.len() {
        let disk = SimulatedDisk::default();
        drop(open(&disk));
        let path = Path::new("catalog/log-00000001");
        disk.change(path, |bytes| *bytes = log[..length].to_vec());
        let (cut, report) = open(&disk);
        assert!(report.damaged.is_empty());
        assert!(cut.len() >= last && cut.len() <= 6);
        last = cut.len();
        create(&cut, "new.one", 0).unwrap();
        let before = seen(&cut);
        let (again, report) = open(&disk);
        assert_eq!(seen(&again), before, "cut at {length}");
        assert!(report.torn.is_empty(), "cut at {length}");
    }
    assert_eq!(last, 6);
}

fn whole_log(disk: &SimulatedDisk) -> Vec<u8> {
    disk.read(Path::new("catalog/log-00000001")).unwrap()
}

#[test]
fn damage_in_the_middle_costs_only_what_it_hit() {
    let disk = SimulatedDisk::default();
    let (catalog, _) = open(&disk);
    for number in 0..20 {
        create(&catalog, &format!("a.series{number}"), 0).unwrap();
    }
    let path = Path::new("catalog/log-00000001");
    disk.change(path, |bytes| {
        let at = bytes
            .windows(8)
            .position(|bytes| bytes == b".series7")
            .unwrap();
        bytes[at] ^= 1;
    });
    let (again, report) = open(&disk);
    assert_eq!(again.len(), 19);
    assert_eq!(again.id("a.series7"), None);
    assert_eq!(again.id("a.series8"), catalog.id("a.series8"));
    assert_eq!(report.damaged.len(), 1);
    assert!(again.maintain().unwrap());
    let (once_more, report) = open(&disk);
    assert!(report.damaged.is_empty());
    assert_eq!(seen(&once_more), seen(&again));
}

#[test]
fn full_disk_refuses_series_and_heals() {
    let disk = SimulatedDisk::default();
    let (catalog, _) = open(&disk);
    create(&catalog, "a", 0).unwrap();
    let full = Failure {
        from: 0,
        until: u64::MAX,
        kind: ErrorKind::StorageFull,
        only_growth: true,
    };
    disk.set_failure(Some(full));
    for _ in 0..3 {
        let error = create(&catalog, "b", 1).unwrap_err();
        assert!(matches!(&error, CatalogError::Io { path, .. } if path.ends_with("log-00000001")));
        assert_eq!(catalog.id("b"), None);
    }
    assert!(catalog.snapshot().is_err());
    assert!(catalog.tag_series("m;a=b").is_err());
    catalog.sync().unwrap();
    disk.set_failure(None);
    create(&catalog, "b", 1).unwrap();
    create(&catalog, "c", 2).unwrap();
    let before = seen(&catalog);
    let (again, report) = open(&disk);
    assert_eq!(seen(&again), before);
    assert!(report.torn.is_empty() && report.damaged.is_empty());
}

#[test]
fn failed_sync_ends_all_changes() {
    let disk = SimulatedDisk::default();
    let (catalog, _) = open(&disk);
    create(&catalog, "a", 0).unwrap();
    disk.set_failure(Some(Failure {
        from: 0,
        until: u64::MAX,
        kind: ErrorKind::Other,
        only_growth: false,
    }));
    assert!(catalog.sync().is_err());
    disk.set_failure(None);
    let error = create(&catalog, "b", 0).unwrap_err();
    assert!(matches!(error, CatalogError::Poisoned(_)), "{error}");
    assert!(matches!(catalog.sync(), Err(CatalogError::Poisoned(_))));
    assert_eq!(catalog.len(), 1);
}

#[test]
fn sync_without_changes_does_nothing() {
    let disk = SimulatedDisk::default();
    let (catalog, _) = open(&disk);
    create(&catalog, "a", 0).unwrap();
    catalog.sync().unwrap();
    let operations = disk.operations();
    catalog.sync().unwrap();
    assert!(!catalog.maintain().unwrap());
    assert_eq!(disk.operations(), operations);
}

/// Changes drawn from a seed, with every state that the catalog went through.
struct Schedule {
    seed: u64,
    state: Seen,
    /// All states, the oldest that a crash may go back to first.
    history: Vec<Seen>,
    ids: BTreeSet<u32>,
}

impl Schedule {
    fn random(&mut self, bound: u64) -> u64 {
        self.seed = self
            .seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.seed >> 33) % bound
    }

    /// One change; false once the disk has failed.
    fn step(&mut self, catalog: &Catalog) -> bool {
        let number = self.random(12);
        let name = match self.random(3) {
            0 => format!("m{};t={number}", number % 3),
            _ => format!("a{}.b{number}", number % 3),
        };
        match self.random(14) {
            0..6 => self.create(catalog, &name),
            6 => self.remove(catalog, &name),
            7 => self.redefine(catalog, &name),
            8 => self.tag(catalog, &name),
            9 => {
                let synced = catalog.sync().is_ok();
                if synced {
                    self.history.clear();
                    self.history.push(self.state.clone());
                }
                synced
            }
            10 => catalog.snapshot().is_ok(),
            11 | 12 => self.rebind(catalog, &name),
            _ => catalog.close().is_ok(),
        }
    }

    fn create(&mut self, catalog: &Catalog, name: &str) -> bool {
        let is_new = !self.state.series.contains_key(name);
        let definition = self.random(4) as u32;
        let next_id = catalog.next_id().0;
        if is_new {
            self.state
                .series
                .insert(name.to_owned(), (next_id, definition));
            if name.contains(';') {
                self.state.tagged.insert(name.to_owned());
            }
            self.history.push(self.state.clone());
        }
        match create(catalog, name, definition) {
            Ok(id) if is_new => {
                assert_eq!(id.0, next_id);
                assert!(self.ids.insert(id.0), "id {} was given twice", id.0);
                true
            }
            result => result.is_ok(),
        }
    }

    fn remove(&mut self, catalog: &Catalog, name: &str) -> bool {
        let Some((id, _)) = self.state.series.remove(name) else {
            return true;
        };
        self.state.tagged.remove(name);
        self.history.push(self.state.clone());
        catalog.remove(&[SeriesId(id)]).is_ok()
    }

    fn rebind(&mut self, catalog: &Catalog, name: &str) -> bool {
        let definition = self.random(4) as u32;
        let Some(&(from, _)) = self.state.series.get(name) else {
            return true;
        };
        let Ok(reserved) = catalog.reserve(2) else {
            return false;
        };
        for id in &reserved {
            assert!(self.ids.insert(id.0), "id {} was given twice", id.0);
        }
        let to = reserved[1];
        let series = (to.0, definition);
        self.state.series.insert(name.to_owned(), series);
        if name.contains(';') && !self.state.tagged.contains(name) {
            // Should the power fail between the two records, the name is back in the tag index.
            let mut halfway = self.state.clone();
            halfway.tagged.insert(name.to_owned());
            self.history.push(halfway);
        }
        self.history.push(self.state.clone());
        let moved = MovedSeries {
            from: SeriesId(from),
            to,
        };
        catalog
            .rebind(&[moved], &retention(definition), Rollup::default())
            .is_ok()
    }

    fn redefine(&mut self, catalog: &Catalog, name: &str) -> bool {
        let definition = self.random(4) as u32;
        let Some(series) = self.state.series.get_mut(name) else {
            return true;
        };
        series.1 = definition;
        let id = SeriesId(series.0);
        self.history.push(self.state.clone());
        catalog
            .redefine(&[id], &retention(definition), Rollup::default())
            .is_ok()
    }

    fn tag(&mut self, catalog: &Catalog, name: &str) -> bool {
        let result = if self.state.tagged.remove(name) {
            catalog.untag_series(name).map(|_| ())
        } else {
            self.state.tagged.insert(name.to_owned());
            catalog.tag_series(name)
        };
        self.history.push(self.state.clone());
        result.is_ok()
    }

    /// Opens what a crash left and checks that it is a state the catalog was in.
    fn recover(&mut self, disk: &SimulatedDisk) -> Catalog {
        let (catalog, report) = open(disk);
        let found = seen(&catalog);
        assert!(report.damaged.is_empty(), "{report:?}");
        assert!(
            self.history.contains(&found),
            "{found:#?} is none of {:#?}",
            self.history
        );
        self.state = found;
        self.history = vec![self.state.clone()];
        catalog
    }
}

fn new_schedule(seed: u64) -> Schedule {
    Schedule {
        seed,
        state: Seen::default(),
        history: vec![Seen::default()],
        ids: BTreeSet::new(),
    }
}

#[test]
fn crash_at_any_step_keeps_what_was_synced_and_gives_no_id_twice() {
    for seed in 0..400 {
        let disk = SimulatedDisk::default();
        let mut schedule = new_schedule(seed);
        let mut catalog = open(&disk).0;
        for round in 0..4 {
            println!("seed {seed}, round {round}");
            let steps = schedule.random(60);
            disk.set_failure(Some(Failure {
                from: disk.operations() + steps,
                until: u64::MAX,
                kind: ErrorKind::Other,
                only_growth: false,
            }));
            for _ in 0..40 {
                if !schedule.step(&catalog) {
                    break;
                }
            }
            disk.crash(seed * 7 + round);
            catalog = schedule.recover(&disk);
        }
    }
}

#[test]
fn changes_that_a_full_disk_refused_were_not_made() {
    for seed in 0..25 {
        let disk = SimulatedDisk::default();
        let mut schedule = new_schedule(seed);
        let mut catalog = open(&disk).0;
        for round in 0..3 {
            println!("seed {seed}, round {round}");
            let from = disk.operations() + schedule.random(10);
            let full = Failure {
                from,
                until: from + schedule.random(20),
                kind: ErrorKind::StorageFull,
                only_growth: true,
            };
            disk.set_failure(Some(full));
            for _ in 0..40 {
                let before = schedule.state.clone();
                if !schedule.step(&catalog) {
                    schedule.state = before;
                    assert_eq!(seen(&catalog).series, schedule.state.series);
                }
            }
            assert_eq!(seen(&catalog), schedule.state);
            disk.crash(seed * 5 + round);
            catalog = schedule.recover(&disk);
        }
    }
}

#[test]
fn snapshot_taken_amid_changes_is_whole() {
    let disk = SimulatedDisk::default();
    let (catalog, _) = open(&disk);
    std::thread::scope(|scope| {
        let catalog = &catalog;
        let writer = scope.spawn(move || {
            for number in 0..1_000u32 {
                let id =
                    create(catalog, &format!("a{}.b{number}", number % 9), number % 5).unwrap();
                if number % 3 == 0 {
                    catalog.remove(&[id]).unwrap();
                    create(catalog, &format!("a{}.b{number}", number % 9), 6).unwrap();
                }
                if number % 5 == 0 {
                    catalog.tag_series(&format!("hand;n={number}")).unwrap();
                }
            }
        });
        while !writer.is_finished() {
            catalog.snapshot().unwrap();
        }
    });
    let before = seen(&catalog);
    let (again, report) = open(&disk);
    assert_eq!(seen(&again), before);
    assert!(report.snapshot.is_some());
    assert!(report.damaged.is_empty(), "{report:?}");
}
