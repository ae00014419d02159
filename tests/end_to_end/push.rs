//! Points in over TCP and UDP, and back out over HTTP.

use std::io::Write;

use crate::daemon::{Home, last_minute, now, wait_for};

/// Ten seconds a point for everything.
pub(crate) const TEN_SECONDS: &str = "schema=[{name='all', pattern='', retentions='10s:6h,1m:7d'}]";

#[test]
fn point_over_tcp_is_rendered() {
    let home = Home::new();
    let daemon = home.start(&[]);
    let minute = last_minute();
    daemon.send_tcp(&format!("push.tcp 42.5 {minute}\n"));
    daemon.wait_for_points("push.tcp", 3600, &[(minute, 42.5)]);
    daemon.stop();
}

#[test]
fn points_of_one_datagram_are_rendered() {
    let home = Home::new();
    let daemon = home.start(&[]);
    let minute = last_minute();
    daemon.send_udp(&format!("push.a 1 {minute}\r\npush.b 2e3\t{minute}"));
    daemon.wait_for_points("push.a", 3600, &[(minute, 1.0)]);
    daemon.wait_for_points("push.b", 3600, &[(minute, 2000.0)]);
    daemon.stop();
}

#[test]
fn line_in_pieces_and_without_an_end_arrives_whole() {
    let home = Home::new();
    let daemon = home.start(&[]);
    let minute = last_minute();
    let mut stream = daemon.connect();
    stream.set_nodelay(true).unwrap();
    for piece in [
        "pus",
        "h.piec",
        "es 1",
        "7 ",
        &minute.to_string()[..4],
        &minute.to_string()[4..],
    ] {
        stream.write_all(piece.as_bytes()).unwrap();
    }
    drop(stream);
    daemon.wait_for_points("push.pieces", 3600, &[(minute, 17.0)]);
    daemon.stop();
}

#[test]
fn last_value_of_a_slot_wins_and_timestamps_fall_on_the_grid() {
    let home = Home::new();
    let daemon = home.start(&[TEN_SECONDS]);
    let minute = last_minute() - 60;
    let lines = format!(
        "grid 1 {}\ngrid 2 {}\ngrid 3 {}\n",
        minute + 1,
        minute + 9,
        minute + 10
    );
    daemon.send_tcp(&lines);
    daemon.wait_for_points("grid", 3600, &[(minute, 2.0), (minute + 10, 3.0)]);
    daemon.stop();
}

#[test]
fn many_connections_at_once_lose_nothing() {
    let home = Home::new();
    let daemon = home.start(&[TEN_SECONDS]);
    let minute = last_minute() - 600;
    let (connections, series, steps) = (50, 20, 30);
    std::thread::scope(|scope| {
        for connection in 0..connections {
            let daemon = &daemon;
            scope.spawn(move || {
                let mut text = String::new();
                for step in 0..steps {
                    for number in 0..series {
                        let value = connection * 1000 + number * 10;
                        let timestamp = minute + step * 10;
                        text += &format!(
                            "many.c{connection}.s{number} {value}.{step:02} {timestamp}\n"
                        );
                    }
                }
                daemon.send_tcp(&text);
            });
        }
    });
    let expected = f64::from(connections) * series as f64 * steps as f64;
    wait_for("all points to be stored", || {
        (daemon.metric("plumbago_shard_points_total", "") >= expected).then_some(())
    });
    let query = format!(
        "/render?format=json&target=many.*.*&from={}&until={}",
        minute - 1,
        minute + 299
    );
    let answer = daemon.get_json(&query);
    let all = answer.as_array().unwrap();
    assert_eq!(all.len(), 50 * 20);
    for series in all {
        let points = series["datapoints"].as_array().unwrap();
        assert_eq!(points.len(), 30, "{series}");
        assert!(
            points.iter().all(|point| point[0].is_number()),
            "a hole in {series}"
        );
    }
    daemon.stop();
}

#[test]
fn new_series_is_found_as_soon_as_its_point_is_shown() {
    let home = Home::new();
    let daemon = home.start(&[]);
    let minute = last_minute();
    daemon.send_tcp(&format!("find.me.here 1 {minute}\n"));
    daemon.wait_for_points("find.me.here", 3600, &[(minute, 1.0)]);
    let found = daemon.get_json("/metrics/find?query=find.me.h*");
    assert_eq!(found[0]["id"], "find.me.here");
    let expanded = daemon.get_json("/metrics/expand?query=find.*");
    assert_eq!(expanded["results"][0], "find.me");
    daemon.stop();
}

#[test]
fn own_metrics_are_stored_under_carbons_names() {
    let home = Home::new();
    let daemon = home.start(&[
        "telemetry.interval=1s",
        "telemetry.host=box",
        "schema=[{name='own', pattern='^carbon', retentions='1s:1h'}]",
    ]);
    daemon.send_tcp(&format!("own.point 1 {}\n", now()));
    wait_for("the point to be counted", || {
        let shown = daemon.points("carbon.agents.box.tcp.metricsReceived", 60);
        shown.iter().any(|(_, value)| *value == 1.0).then_some(())
    });
    for name in [
        "cpuUsage",
        "memUsage",
        "committedPoints",
        "activeConnections",
        "cache.size",
    ] {
        let target = format!("carbon.agents.box.{name}");
        wait_for(&target, || {
            let shown = daemon.points(&target, 60);
            (!shown.is_empty()).then_some(())
        });
    }
    daemon.stop();
}

#[test]
fn clock_can_be_started_in_the_past() {
    let home = Home::new();
    let daemon = home.start_with(&[], &["--at", "1750000000"]);
    daemon.send_tcp("past 5 1749999960\npast.now 6 -1\n");
    let shown = wait_for("the past", || {
        let shown = daemon.points_between("past", 1_749_999_900, 1_750_000_000);
        (!shown.is_empty()).then_some(shown)
    });
    assert_eq!(shown, [(1_749_999_960, 5.0)]);
    let answer = daemon.get_json("/render?format=json&target=past.now&from=-5min");
    assert_eq!(crate::daemon::known_points(&answer)[0].1, 6.0);
    daemon.stop();
}
