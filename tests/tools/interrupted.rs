//! Ctrl-C in the middle of a tree.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{Answer, Home, hours_ago};

const FILES: usize = 600;

#[test]
fn every_file_is_whole_after_an_interrupt() {
    let home = Home::new();
    let points = [(hours_ago(2), 1.0)];
    for number in 0..FILES {
        home.write(&format!("tree/{number:04}.wsp"), &[(60, 10_080)], &points);
    }
    fs::write(
        home.path("schemas.conf"),
        "[all]\npattern = .*\nretentions = 1m:14d\n",
    )
    .unwrap();
    let mut command = home.command("auto-resize --threads 2 --schemas schemas.conf tree");
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while !home.path("tree/0000.wsp.bak").exists() {
        assert!(Instant::now() < deadline, "no file is resized");
        std::thread::yield_now();
    }
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
    let answer = Answer::of(child.wait_with_output().unwrap());
    assert_eq!(answer.code, Some(130), "{answer:?}");
    assert!(answer.stderr.contains("interrupted: "), "{answer:?}");

    let names = home.names("tree");
    let resized = names.iter().filter(|name| name.ends_with(".bak")).count();
    assert!((1..FILES).contains(&resized), "{resized} resized");
    assert_eq!(names.len(), FILES + resized, "no temporary file is left");
    for number in 0..FILES {
        assert_eq!(home.points(&format!("tree/{number:04}.wsp"), 0), points);
    }
    // A second run does the rest.
    home.run("auto-resize --nobackup --schemas schemas.conf tree")
        .expect(0);
    let again = home
        .run("auto-resize --schemas schemas.conf tree")
        .expect(0);
    assert!(
        again.contains(&format!("0 of {FILES} files changed")),
        "{again}"
    );
}
