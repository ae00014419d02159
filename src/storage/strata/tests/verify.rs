//! Checking a store's files: what is whole is called whole, and every kind of damage is found.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use super::look::{content, left_behind};
use super::{Bench, START, config, fill, value};
use crate::storage::Store;
use crate::storage::damage::Findings;
use crate::storage::strata::Strata;
use crate::storage::strata::inspect::{Watch, verify};
use crate::storage::strata::simulation::Random;

const GROUP: &str = "strata/shard-0/family-0";

#[derive(Default)]
struct Everyone {
    bytes: AtomicU64,
    /// The only series whose name belongs to another shard.
    stranger: Option<u32>,
}

impl Watch for Everyone {
    fn shard(&self, series: u32) -> Option<usize> {
        Some(usize::from(self.stranger == Some(series)))
    }

    fn advance(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Relaxed);
    }

    fn is_cancelled(&self) -> bool {
        false
    }
}

fn check(path: &Path) -> Findings {
    verify(path, &Everyone::default()).unwrap()
}

fn problems(found: &Findings) -> Vec<String> {
    let damage = found.damage.iter();
    damage
        .map(|damage| format!("{}: {}", damage.path.display(), damage.problem))
        .collect()
}

/// The file of the group with this ending, and its bytes.
fn file(path: &Path, ending: &str) -> (PathBuf, Vec<u8>) {
    let mut files = content(&path.join(GROUP)).into_iter();
    let found = files.find(|(path, _)| path.to_string_lossy().ends_with(ending));
    found.unwrap()
}

#[test]
fn whole_store_is_read_to_the_last_byte_and_has_no_damage() {
    let folder = tempfile::tempdir().unwrap();
    left_behind(folder.path());
    let before = content(folder.path());
    let watch = Everyone::default();
    let found = verify(folder.path(), &watch).unwrap();
    assert_eq!(problems(&found), Vec::<String>::new());
    assert_eq!(found.remarks, []);
    let length: usize = before.iter().map(|(_, bytes)| bytes.len()).sum();
    assert_eq!(found.bytes, length as u64);
    assert_eq!(found.files, before.len() as u64);
    assert!(content(folder.path()) == before);
}

#[test]
fn flipped_bit_anywhere_but_in_the_rings_cells_is_found_where_it_is() {
    let seed = std::env::var("PLUMBAGO_SEED").map_or(1, |seed| seed.parse().unwrap());
    println!("PLUMBAGO_SEED={seed}");
    let mut random = Random(seed);
    let folder = tempfile::tempdir().unwrap();
    left_behind(folder.path());
    for (path, whole) in content(folder.path()) {
        let is_ring = path.extension().is_some_and(|end| end == "ring");
        let reach = match is_ring {
            // The header and the columns that have an owner.
            true => 4096 + 3 * 8,
            false => whole.len(),
        };
        for _ in 0..40 {
            let at = random.below(reach as i64) as usize;
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << random.below(8);
            fs::write(&path, &damaged).unwrap();
            let found = check(folder.path());
            let is_told = found.damage.iter().any(|damage| damage.path == path);
            assert!(is_told, "byte {at} of {}: {found:?}", path.display());
        }
        fs::write(&path, &whole).unwrap();
    }
    assert_eq!(problems(&check(folder.path())), Vec::<String>::new());
}

#[test]
fn cut_and_emptied_files_are_found() {
    let folder = tempfile::tempdir().unwrap();
    left_behind(folder.path());
    for (path, whole) in content(folder.path()) {
        for length in [0, 7, whole.len() / 2, whole.len() - 1] {
            fs::write(&path, &whole[..length]).unwrap();
            let found = check(folder.path());
            let is_told = found.damage.iter().any(|damage| damage.path == path);
            // Free room at the end of a late segment is not missed.
            let is_late = path.to_string_lossy().contains("late-");
            let is_free = is_late && length >= whole.len() / 2;
            assert!(is_told || is_free, "{length} of {}", path.display());
        }
        fs::write(&path, &whole).unwrap();
    }
}

#[test]
fn table_of_a_first_release_without_checksum_is_read() {
    let folder = tempfile::tempdir().unwrap();
    left_behind(folder.path());
    let meta = folder.path().join("strata/meta");
    fs::write(&meta, "plumbago strata 1\nshards 1\n").unwrap();
    assert_eq!(check(folder.path()).damage, []);
}

#[test]
fn missing_block_costs_its_span_and_a_block_too_many_costs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    left_behind(folder.path());
    let (path, bytes) = file(folder.path(), ".block");
    fs::rename(&path, path.with_file_name("1-00000099.block")).unwrap();
    let found = check(folder.path());
    assert_eq!(found.damage.len(), 1);
    assert_eq!(found.damage[0].path, path);
    assert_eq!(found.damage[0].problem, "the file is missing");
    let span = found.damage[0].span.clone().unwrap();
    assert!(span.contains(&START), "{span:?}");
    assert_eq!(found.remarks.len(), 1);
    fs::write(&path, bytes).unwrap();
    assert_eq!(check(folder.path()).damage, []);
}

#[test]
fn missing_manifest_is_damage_and_the_next_start_takes_the_blocks_for_valid() {
    let folder = tempfile::tempdir().unwrap();
    let last = left_behind(folder.path());
    let (path, _) = file(folder.path(), "manifest");
    fs::remove_file(&path).unwrap();
    assert_eq!(
        problems(&check(folder.path())),
        [format!("{}: the file is missing", path.display())]
    );
    let bench = Bench::open(folder.path(), "10s:1h,1m:1d", 3);
    // An hour ago is in blocks.
    let time = last - 3000;
    assert_eq!(bench.values(0, time - 10, time, last), [value(0, time)]);
}

#[test]
fn damage_in_a_payload_names_the_series_that_it_costs() {
    let folder = tempfile::tempdir().unwrap();
    left_behind(folder.path());
    let (path, mut bytes) = file(folder.path(), ".block");
    bytes[90] ^= 1;
    fs::write(&path, bytes).unwrap();
    let found = check(folder.path());
    assert_eq!(found.damage.len(), 1);
    assert_eq!(found.damage[0].offset, Some(84));
    assert_eq!(found.damage[0].series, [0, 1, 2]);
}

#[test]
fn series_in_the_wrong_shard_is_found_in_block_and_ring() {
    let folder = tempfile::tempdir().unwrap();
    left_behind(folder.path());
    let watch = Everyone {
        stranger: Some(1),
        ..Everyone::default()
    };
    let found = verify(folder.path(), &watch).unwrap();
    for ending in [".block", ".ring", ".log"] {
        let is_told = found
            .damage
            .iter()
            .any(|damage| damage.path.to_string_lossy().ends_with(ending) && damage.series == [1]);
        assert!(is_told, "{ending}: {:?}", problems(&found));
    }
}

#[test]
fn file_set_aside_before_stays_told_and_a_leftover_is_remarked() {
    let folder = tempfile::tempdir().unwrap();
    left_behind(folder.path());
    let group = folder.path().join(GROUP);
    fs::write(group.join("archive-0/7-00000001.block.damaged"), b"x").unwrap();
    fs::write(group.join("manifest.tmp"), b"x").unwrap();
    fs::create_dir(folder.path().join("strata/shard-7")).unwrap();
    let found = check(folder.path());
    assert_eq!(found.damage.len(), 1);
    assert!(found.damage[0].problem.contains("set it aside"));
    assert_eq!(found.remarks.len(), 2);
}

#[test]
fn store_at_work_has_no_damage_whatever_it_merges_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(folder.path(), "10s:1h,1m:1d", 3);
    fill(&mut bench, 3, 300);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let checks = scope.spawn(|| {
            let mut checks = 0;
            while !done.load(Relaxed) || checks == 0 {
                assert_eq!(problems(&check(folder.path())), Vec::<String>::new());
                checks += 1;
            }
        });
        for step in 300..1_500 {
            let now = START + step * 10;
            for id in 0..3 {
                bench.store(id, now, value(id, now)).unwrap();
            }
            // Late points make patches, which are merged.
            let late = bench
                .writer
                .store(crate::metric::SeriesId(1), now - 2000, 0.5, now);
            late.unwrap();
            bench.maintain(now);
        }
        done.store(true, Relaxed);
        checks.join().unwrap();
    });
}

#[test]
fn empty_store_has_no_damage_and_one_without_its_table_has() {
    let folder = tempfile::tempdir().unwrap();
    drop(Strata::open(&config(folder.path())).unwrap());
    assert_eq!(check(folder.path()).damage, []);
    let strata = Arc::new(Strata::open(&config(folder.path())).unwrap());
    drop(strata.writer(0));
    fs::remove_file(folder.path().join("strata/meta")).unwrap();
    let found = check(folder.path());
    assert_eq!(found.damage.len(), 1);
    assert!(found.damage[0].consequence.contains("does not start"));
}
