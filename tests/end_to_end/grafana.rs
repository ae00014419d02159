//! The requests that Grafana's Graphite data source makes, from saving it to drawing a panel.

use std::io::Read;

use serde_json::Value;

use crate::daemon::{Daemon, Home, known_points, last_minute};
use crate::push::TEN_SECONDS;

/// POST with a form, as Grafana sends it.
fn post(daemon: &Daemon, path: &str, form: &[(&str, &str)]) -> Value {
    let url = daemon.url(path);
    let form = form.to_vec();
    let mut response = ureq::post(&url)
        .header("Origin", "http://grafana.example")
        .send_form(form)
        .unwrap_or_else(|error| panic!("{url}: {error}"));
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap()
}

fn texts(answer: &Value) -> Vec<&str> {
    let items = answer.as_array().unwrap().iter();
    items.map(|item| item["text"].as_str().unwrap()).collect()
}

#[test]
fn data_source_is_saved_and_a_panel_is_built_and_drawn() {
    let home = Home::new();
    let daemon = home.start(&[TEN_SECONDS]);
    let minute = last_minute();
    for (host, factor) in [("web01", 1), ("web02", 10)] {
        let lines: Vec<_> = (0..12)
            .map(|step| {
                format!(
                    "servers.{host}.load {} {}",
                    step * factor,
                    minute - 120 + step * 10
                )
            })
            .collect();
        daemon.send_tcp(&(lines.join("\n") + "\n"));
        let last = (minute - 10, (11 * factor) as f64);
        crate::daemon::wait_for("the points", || {
            let points = daemon.points(&format!("servers.{host}.load"), 3600);
            (points.last() == Some(&last)).then_some(())
        });
    }

    // Save & test.
    assert!(daemon.get("/version").contains("1.1"));
    // As text: an infinite default is written as 1e9999, which only JavaScript reads.
    let functions = daemon.get("/functions");
    assert!(functions.contains("\"sumSeries\"") && functions.contains("\"params\""));

    // The query builder, node by node.
    let find = |query: &str| {
        let form = [("query", query), ("from", "-1h"), ("until", "now")];
        post(&daemon, "/metrics/find", &form)
    };
    let found = find("*");
    assert!(texts(&found).contains(&"servers"), "{found}");
    assert_eq!(texts(&find("servers.*")), ["web01", "web02"]);
    let leaf = &find("servers.web01.*")[0];
    assert_eq!(
        (&leaf["text"], &leaf["leaf"]),
        (&Value::from("load"), &Value::from(1))
    );

    // The panel.
    let form = [
        ("target", "alias(sumSeries(servers.*.load), 'all')"),
        ("from", "-10min"),
        ("until", "now"),
        ("format", "json"),
        ("maxDataPoints", "1000"),
    ];
    let drawn = post(&daemon, "/render", &form);
    assert_eq!(drawn[0]["target"], "all");
    let expected: Vec<_> = (0..12)
        .map(|step| (minute - 120 + step * 10, (step * 11) as f64))
        .collect();
    assert_eq!(known_points(&drawn), expected);
    daemon.stop();
}

/// A dashboard whose answer was computed before but for its end: as text, compressed, and from nothing.
#[test]
fn refreshed_dashboard_says_the_same_however_it_is_sent() {
    let home = Home::new();
    let daemon = home.start(&[TEN_SECONDS]);
    let end = last_minute();
    let start = end - 19_000;
    let lines = (start / 10..end / 10).flat_map(|slot| {
        (0..5_i64).map(move |host| {
            let value = (slot * 7_919 * (host + 1) % 10_007) as f64 / 13.0;
            format!("servers.web0{host}.load {value} {}\n", slot * 10)
        })
    });
    daemon.send_tcp(&lines.collect::<String>());
    crate::daemon::wait_for("the points", || {
        let points = daemon.points_between("servers.web04.load", end - 60, end);
        (points.last()?.0 == end - 10).then_some(())
    });

    let ask = |until: i64, further: &[(&str, &str)], coding: &str| {
        let (from, until) = ((until - 18_000).to_string(), until.to_string());
        let mut form = vec![
            ("from", &*from),
            ("until", &until),
            ("maxDataPoints", "450"),
            ("format", "json"),
        ];
        for target in ["servers.*.load", "sumSeries(servers.*.load)"] {
            form.extend([("target", target); 6]);
        }
        form.extend_from_slice(further);
        let request = ureq::post(daemon.url("/render")).header("Accept-Encoding", coding);
        let mut response = request.send_form(form).unwrap();
        let is_compressed = response.headers().contains_key("content-encoding");
        assert_eq!(is_compressed, coding == "gzip");
        let mut body = response.body_mut().as_reader();
        let mut bytes = Vec::new();
        if is_compressed {
            flate2::read::GzDecoder::new(body)
                .read_to_end(&mut bytes)
                .unwrap();
        } else {
            body.read_to_end(&mut bytes).unwrap();
        }
        String::from_utf8(bytes).unwrap()
    };
    ask(end - 600, &[], "identity");
    for number in 1..30 {
        let until = end - 600 + number * 10;
        let fresh = ask(until, &[("noCache", "1")], "identity");
        assert!(fresh.len() > 400_000, "{}", fresh.len());
        for coding in ["gzip", "identity"] {
            assert!(ask(until, &[], coding) == fresh, "{coding} at {until}");
        }
    }
    let refreshed = daemon.metric("plumbago_cache_hits_total", "incremental");
    assert!(refreshed > 300.0, "{refreshed}");
    daemon.stop();
}

#[test]
fn health_and_own_pages_answer() {
    let home = Home::new();
    let daemon = home.start(&[]);
    let health = daemon.get("/health");
    assert!(health.contains("ok"), "{health}");
    let metrics = daemon.get("/metrics");
    for name in [
        "plumbago_receiver_points_total{receiver=\"tcp\"} 0",
        "# TYPE process_cpu_seconds_total counter",
        "plumbago_store_writable{engine=\"strata\"} 1",
        "plumbago_catalog_series",
        "plumbago_syncs_total",
    ] {
        assert!(metrics.contains(name), "{name} is not in:\n{metrics}");
    }
    assert!(daemon.get("/").contains("Plumbago"));
    daemon.stop();
}

/// On each engine: what is over an hour old is offered for three hours only, before and after a restart.
#[test]
fn menus_offer_what_had_points_in_the_time_of_the_dashboard() {
    for engine in ["strata", "whisper"] {
        let home = Home::new();
        let tree = format!("storage.whisper.path={}", home.path("tree").display());
        let engine = format!("storage.engine={engine}");
        let filter = "api.find_filters_by_time=true";
        let schema = "schema=[{name='all', pattern='', retentions='10s:1h,1m:1d'}]";
        let sets = [schema, filter, &engine, &tree];
        let sets = if engine.ends_with("strata") {
            &sets[..3]
        } else {
            &sets[..]
        };
        let mut daemon = home.start(sets);
        let (old, new) = (last_minute() - 7_200, last_minute());
        daemon.send_tcp(&format!(
            "gone.web01.load 1 {old}\nhere.web02.load 1 {new}\n"
        ));
        let find = |daemon: &Daemon, from: &str| {
            let form = [("query", "*.*.load"), ("from", from), ("until", "now")];
            let found = post(daemon, "/metrics/find?format=json", &form);
            let paths = found.as_array().unwrap().iter().map(|node| &node["path"]);
            paths
                .map(|path| path.as_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        let branches = |daemon: &Daemon, from: &str| {
            let form = [("query", "*"), ("from", from)];
            let all = post(daemon, "/metrics/find", &form);
            let ours = ["gone", "here"];
            let texts = texts(&all).into_iter().filter(|text| ours.contains(text));
            texts.map(str::to_owned).collect::<Vec<_>>()
        };
        let both = ["gone.web01.load", "here.web02.load"];
        crate::daemon::wait_for("both", || (find(&daemon, "-3h") == both).then_some(()));
        for _ in 0..2 {
            assert_eq!(find(&daemon, "-3h"), both, "{engine}");
            assert_eq!(find(&daemon, "-1h"), both[1..], "{engine}");
            assert_eq!(branches(&daemon, "-3h"), ["gone", "here"], "{engine}");
            assert_eq!(branches(&daemon, "-1h"), ["here"], "{engine}");
            daemon.stop();
            daemon = home.start(sets);
        }
    }
}
