//! What goes wrong before a daemon runs: one clear line, and an exit code that is not zero.

use std::net::{TcpListener, UdpSocket};
use std::process::Command;

use crate::daemon::{BINARY, Home, run};

fn plumbago(arguments: &[&str]) -> (bool, String, String) {
    let mut command = Command::new(BINARY);
    command.args(arguments).env_remove("RUST_LOG");
    let (status, stdout, stderr) = run(command);
    (status.success(), stdout, stderr)
}

/// `serve` must fail with one line that has all of these in it.
fn assert_refused(home: &Home, sets: &[&str], expected: &[&str]) {
    let (status, _, stderr) = run(home.command(sets));
    assert_eq!(status.code(), Some(1), "{sets:?}: {stderr}");
    let last = stderr.lines().next_back().unwrap_or_default();
    assert!(last.starts_with("plumbago: "), "{stderr}");
    for text in expected {
        assert!(last.contains(text), "{text} is not in: {last}");
    }
}

#[test]
fn wrong_settings_are_refused() {
    let home = Home::new();
    for (set, expected) in [
        (
            "storage.pth=x",
            &["--set storage.pth=x", "unknown field"][..],
        ),
        (
            "storage.engine=paper",
            &["storage.engine", "\"paper\"", "\"strata\""],
        ),
        (
            "storage.sync_interval=fast",
            &["storage.sync_interval", "\"fast\"", "\"10s\""],
        ),
        (
            "receiver.tcp.listen=nowhere",
            &["receiver.tcp.listen", "\"nowhere\"", "HOST:PORT"],
        ),
        ("log.level=loud", &["log.level", "\"loud\"", "debug"]),
        (
            "storage.schemas_file=no/such.conf",
            &["no/such.conf", "cannot be read"],
        ),
        ("nonsense", &["nonsense", "KEY=VALUE"]),
    ] {
        assert_refused(&home, &[set], expected);
    }
    assert!(
        !home.path("data").exists(),
        "a refused start leaves nothing behind"
    );
}

#[test]
fn wrong_rule_file_names_file_line_section_and_key() {
    let home = Home::new();
    let path = home.write("schemas.conf", "[web]\npattern = .*\nretentions = 10x:1d\n");
    let set = format!("storage.schemas_file={path}");
    assert_refused(
        &home,
        &[&set],
        &[&format!("{path}:3"), "[web] retentions", "10x:1d"],
    );
}

#[test]
fn busy_ports_are_refused() {
    let home = Home::new();
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = tcp.local_addr().unwrap().to_string();
    for key in ["api.listen", "receiver.tcp.listen"] {
        assert_refused(&home, &[&format!("{key}={address}")], &[&address, "in use"]);
    }
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = udp.local_addr().unwrap().to_string();
    assert_refused(
        &home,
        &[&format!("receiver.udp.listen={address}")],
        &[&address, "in use"],
    );
}

#[test]
fn locked_folder_is_refused_and_its_holder_named() {
    let home = Home::new();
    let daemon = home.start(&[]);
    let data = home.path("data").display().to_string();
    assert_refused(&home, &[], &[&data, "in use", &daemon.pid().to_string()]);
    daemon.stop();
    home.start(&[]).stop();
}

#[test]
fn folder_that_cannot_be_made_is_refused() {
    let home = Home::new();
    let file = home.write("file", "");
    // A path below a plain file cannot be made by anyone, root included.
    let path = format!("{file}/data");
    assert_refused(
        &home,
        &[&format!("storage.path={path}")],
        &[&path, "cannot be made"],
    );
}

#[test]
fn config_check_and_print_agree() {
    let home = Home::new();
    let (ok, printed, stderr) = plumbago(&["config", "print", "--set", "api.listen=127.0.0.1:1"]);
    assert!(ok, "{stderr}");
    assert!(printed.contains("listen = \"127.0.0.1:1\""), "{printed}");
    let path = home.write("printed.toml", &printed);
    let (ok, stdout, stderr) = plumbago(&["config", "check", "--config", &path]);
    assert!(ok, "{stderr}");
    assert!(stdout.contains("valid"), "{stdout}");
    let (ok, again, _) = plumbago(&["config", "print", "--config", &path]);
    assert!(ok);
    assert_eq!(again, printed);
    let path = home.write("wrong.toml", "[storage]\npath = 5\n");
    let (ok, _, stderr) = plumbago(&["config", "check", "--config", &path]);
    assert!(!ok);
    assert!(
        stderr.contains(&format!("{path}:2: storage.path")),
        "{stderr}"
    );
}

#[test]
fn time_of_the_clock_is_written_as_from_and_until() {
    let home = Home::new();
    for at in ["20250615", "-1d", "14:00_20250615", "2025-06-15T15:06:40Z"] {
        home.start_with(&[], &["--at", at]).stop();
    }
    let mut command = home.command(&[]);
    command.args(["--at", "someday"]);
    let (status, _, stderr) = run(command);
    assert!(!status.success());
    assert!(
        stderr.contains("--at") && stderr.contains("someday"),
        "{stderr}"
    );
}

#[test]
fn version_help_and_completions_are_printed() {
    let (ok, version, _) = plumbago(&["--version"]);
    assert!(ok);
    assert_eq!(
        version.trim(),
        format!("plumbago {}", env!("CARGO_PKG_VERSION"))
    );
    let (ok, help, _) = plumbago(&["serve", "--help"]);
    assert!(
        ok && help.contains("--set <KEY=VALUE>") && help.contains("--at <TIME>"),
        "{help}"
    );
    for shell in ["bash", "zsh", "fish"] {
        let (ok, script, _) = plumbago(&["completions", shell]);
        assert!(ok && script.contains("serve"), "{shell}");
    }
    let (ok, _, stderr) = plumbago(&["fly"]);
    assert!(!ok && stderr.contains("fly"), "{stderr}");
}
