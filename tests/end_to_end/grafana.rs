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
