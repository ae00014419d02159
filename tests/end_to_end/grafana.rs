//! The requests that Grafana's Graphite data source makes, from saving it to drawing a panel.

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
