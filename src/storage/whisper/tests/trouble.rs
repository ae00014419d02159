//! Damage, missing permissions, a disk that is full: each costs only itself.

use super::*;

#[test]
fn damaged_file_is_reported_left_alone_and_costs_only_itself() {
    let folder = new_folder();
    let known = [series(0, "bad", "10s:1h"), series(1, "good", "10s:1h")];
    let mut bench = Bench::with(folder.path(), |_| {}, &known);
    let path = file(folder.path(), "bad.wsp");
    fs::write(&path, "this is no whisper file").unwrap();
    for id in 0..2 {
        bench.store(id, START, 1.0).unwrap();
    }
    bench.write_out(START + 100);
    let health = bench.store.health();
    assert_eq!(health.damaged.len(), 1);
    assert_eq!(health.damaged[0].0, path);
    assert_eq!(health.write_failure, None);
    assert_eq!(bench.store.statistics().files_unusable, 1);
    assert_eq!(fs::read(&path).unwrap(), b"this is no whisper file");
    for id in 0..2 {
        // The point that was accepted is there to be read all the same.
        assert_eq!(bench.values(id, START - 1, START, START), [(START, 1.0)]);
    }
    // Repaired, it is used again.
    fs::remove_file(&path).unwrap();
    bench.write_out(START + 300);
    assert_eq!(bench.store.health().damaged, []);
    assert_eq!(
        (bench.pending(), bench.store.statistics().files_unusable),
        (0, 0)
    );
    assert!(path.exists());
}

#[test]
fn points_of_an_unusable_file_do_not_fill_the_cache() {
    let folder = new_folder();
    let known = [series(0, "bad", "10s:1d"), series(1, "good", "10s:1d")];
    let limit = |config: &mut WhisperConfig| config.cache_bytes_max = 8000;
    let mut bench = Bench::with(folder.path(), limit, &known);
    fs::write(file(folder.path(), "bad.wsp"), "no").unwrap();
    bench.store(0, START, 1.0).unwrap();
    bench.write_out(START + 100);
    let mut refused = None;
    for slot in 1..1000 {
        refused = bench.store(0, START + slot * 10, 1.0).err().or(refused);
        bench.store(1, START + slot * 10, 1.0).unwrap();
        bench.write_out(START + slot * 10);
    }
    assert_eq!(refused, Some(Refusal::FileUnusable));
}

#[test]
fn creation_cut_short_by_a_power_loss_is_finished() {
    let folder = new_folder();
    let known = [series(0, "a", "10s:1h")];
    let mut bench = Bench::with(folder.path(), |_| {}, &known);
    let path = file(folder.path(), "a.wsp");
    fs::write(&path, vec![0; 28 + 360 * 12]).unwrap();
    bench.store(0, START, 1.0).unwrap();
    bench.write_out(START + 100);
    assert_eq!(bench.pending(), 0);
    assert_eq!(bench.values(0, START - 1, START, START), [(START, 1.0)]);
}

#[test]
fn file_that_may_only_be_read_is_read() {
    let folder = new_folder();
    let known = [series(0, "a", "10s:1h")];
    let mut bench = Bench::with(folder.path(), |_| {}, &known);
    bench.store(0, START, 1.0).unwrap();
    bench.write_out(START + 100);
    let path = file(folder.path(), "a.wsp");
    set_mode(&path, 0o444);
    drop(bench);
    let mut bench = Bench::with(folder.path(), |_| {}, &known);
    assert_eq!(bench.values(0, START - 1, START, START), [(START, 1.0)]);
    bench.store(0, START + 10, 2.0).unwrap();
    bench.write_out(START + 100);
    // A superuser may write whatever the mode says.
    if fs::OpenOptions::new().write(true).open(&path).is_err() {
        assert_eq!(bench.store.health().damaged.len(), 1);
        assert_eq!(bench.pending(), 1);
    }
    let values = bench.values(0, START - 1, START + 10, START + 10);
    assert_eq!(values, [(START, 1.0), (START + 10, 2.0)]);
}

#[test]
fn file_that_was_cut_short_is_an_error_and_no_signal() {
    let folder = new_folder();
    let known = [series(0, "a", "10s:1h")];
    let mut bench = Bench::with(folder.path(), |_| {}, &known);
    bench.store(0, START, 1.0).unwrap();
    bench.write_out(START + 100);
    let path = file(folder.path(), "a.wsp");
    let opened = fs::OpenOptions::new().write(true).open(&path).unwrap();
    opened.set_len(100).unwrap();
    assert_eq!(bench.values(0, START - 1, START, START), []);
    bench.store(0, START + 10, 2.0).unwrap();
    bench.write_out(START + 100);
    assert_eq!(bench.store.health().damaged.len(), 1);
    assert_eq!(fs::metadata(&path).unwrap().len(), 100);
}

#[test]
fn folder_in_the_place_of_a_file_and_a_file_in_that_of_a_folder_are_reported() {
    let folder = new_folder();
    let known = [series(0, "a.b", "10s:1h"), series(1, "c", "10s:1h")];
    let mut bench = Bench::with(folder.path(), |_| {}, &known);
    fs::write(file(folder.path(), "a"), "").unwrap();
    fs::create_dir(file(folder.path(), "c.wsp")).unwrap();
    for id in 0..2 {
        bench.store(id, START, 1.0).unwrap();
    }
    bench.write_out(START + 100);
    assert_eq!(bench.store.health().damaged.len(), 2);
    assert_eq!(bench.pending(), 2);
}
