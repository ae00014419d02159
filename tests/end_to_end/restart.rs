//! What an orderly stop keeps, and what signals do.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::daemon::{Home, last_minute, wait_for};
use crate::push::TEN_SECONDS;

#[test]
fn everything_is_there_after_sigterm_and_a_new_start() {
    let home = Home::new();
    let minute = last_minute() - 300;
    let series: Vec<_> = (0..200).map(|number| format!("keep.s{number}")).collect();
    let points: Vec<_> = (0..10)
        .map(|step| (minute + step * 10, step as f64 + 0.25))
        .collect();
    let daemon = home.start(&[TEN_SECONDS]);
    let mut text = String::new();
    for (timestamp, value) in &points {
        for name in &series {
            text += &format!("{name} {value} {timestamp}\n");
        }
    }
    daemon.send_tcp(&text);
    // No wait: a stop drains what the connection has sent.
    wait_for("the connection to be accepted", || {
        (daemon.metric("plumbago_receiver_connections_total", "") >= 1.0).then_some(())
    });
    daemon.stop();
    for _ in 0..2 {
        let daemon = home.start(&[TEN_SECONDS]);
        for name in &series {
            assert_eq!(daemon.points(name, 3600), points, "{name}");
        }
        daemon.stop();
    }
}

#[test]
fn sigint_stops_as_sigterm_does() {
    let daemon = Home::new().start(&[]);
    daemon.signal("INT");
    assert!(daemon.wait().success());
}

#[test]
fn hang_up_reads_the_schemas_again_and_keeps_the_old_ones_when_they_are_bad() {
    let home = Home::new();
    let schemas = home.write("schemas.conf", "[a]\npattern = .*\nretentions = 10s:1h\n");
    let daemon = home.start(&[&format!("storage.schemas_file={schemas}")]);
    let step_of = |name: &str| {
        daemon.send_tcp(&format!("{name} 1 {}\n", last_minute()));
        wait_for("the series to be shown", || {
            let answer = daemon.get_json(&format!("/render?format=json&target={name}&from=-10min"));
            let points = answer.get(0)?["datapoints"].as_array().unwrap().clone();
            Some(points[1][1].as_i64().unwrap() - points[0][1].as_i64().unwrap())
        })
    };
    let reloads = |word: &str| daemon.log().matches(word).count();
    assert_eq!(step_of("before"), 10);

    home.write("schemas.conf", "[a]\npattern = (\nretentions = 10s:1h\n");
    daemon.signal("HUP");
    wait_for("the bad file to be refused", || {
        (reloads("old rules stay") == 1).then_some(())
    });
    assert!(daemon.log().contains("[a] pattern"), "{}", daemon.log());
    assert_eq!(step_of("between"), 10);

    home.write("schemas.conf", "[a]\npattern = .*\nretentions = 30s:1h\n");
    daemon.signal("HUP");
    wait_for("the good file to be read", || {
        (reloads("rules read again") == 1).then_some(())
    });
    assert_eq!(step_of("after"), 30);
    assert_eq!(
        step_of("before"),
        10,
        "a series keeps the archives it was created with"
    );
    daemon.stop();
}

#[test]
fn changed_rule_file_is_noticed_without_a_signal() {
    let home = Home::new();
    let schemas = home.write("schemas.conf", "[a]\npattern = .*\nretentions = 10s:1h\n");
    let daemon = home.start(&[
        &format!("storage.schemas_file={schemas}"),
        "storage.rules_interval=20ms",
    ]);
    let said = |text: &str| daemon.log().matches(text).count();
    home.write(
        "schemas.conf",
        "[a]\npattern = .*\nretentions = 10s:wrong\n",
    );
    wait_for("the bad file to be refused", || {
        (said("old rules stay") >= 1).then_some(())
    });
    home.write(
        "schemas.conf",
        "[a]\npattern = .*\nretentions = 30s:1h, 5m:1d\n",
    );
    wait_for("the good file to be read", || {
        (said("rules read again") >= 1).then_some(())
    });
    daemon.stop();
}

#[test]
fn stop_under_load_is_punctual_and_keeps_what_was_shown() {
    let home = Home::new();
    let daemon = home.start(&[TEN_SECONDS]);
    let minute = last_minute() - 300;
    let stop = AtomicBool::new(false);
    let mut shown = Vec::new();
    std::thread::scope(|scope| {
        for connection in 0..4 {
            let (mut stream, stop) = (daemon.connect(), &stop);
            scope.spawn(move || {
                for step in 0.. {
                    let timestamp = minute + step % 30 * 10;
                    let line = format!("load.s{connection} {} {timestamp}\n", step % 30);
                    // The daemon closes the connection when it stops.
                    let sent = stream.write_all(line.repeat(50).as_bytes());
                    if sent.is_err() || stop.load(Ordering::Relaxed) {
                        return;
                    }
                }
            });
        }
        shown = wait_for("the load to be shown", || {
            let shown = daemon.points("load.s0", 3600);
            (shown.len() == 30).then_some(shown)
        });
        daemon.stop();
        stop.store(true, Ordering::Relaxed);
    });
    let daemon = home.start(&[TEN_SECONDS]);
    assert_eq!(daemon.points("load.s0", 3600), shown);
    daemon.stop();
}
