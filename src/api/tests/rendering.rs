//! `/render` in its formats and with its parameters.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{House, Limits};

const WINDOW: &str = "from=1749999950&until=1750000000&now=1750000000";

async fn rendered(house: &House, query: &str) -> Value {
    let answer = house.get(&format!("/render?{query}&{WINDOW}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json()
}

#[tokio::test]
async fn json_has_targets_tags_and_points() {
    let house = House::new();
    let answer = rendered(&house, "target=servers.web01.cpu&format=json").await;
    let expected = json!([{
        "target": "servers.web01.cpu",
        "tags": {"name": "servers.web01.cpu"},
        "datapoints": [
            [2.0, 1_749_999_960], [3.0, 1_749_999_970], [null, 1_749_999_980],
            [5.0, 1_749_999_990], [6.0, 1_750_000_000],
        ],
    }]);
    assert_eq!(answer, expected);
    let tagged = rendered(&house, "target=seriesByTag('dc=west')&format=json").await;
    let tags = json!({"name": "requests", "dc": "west", "host": "web02"});
    assert_eq!(tagged[0]["tags"], tags);
}

#[tokio::test]
async fn query_string_and_form_are_one_request() {
    let house = House::new();
    let uri = "/render?target=uptime&format=csv&from=1";
    let form = format!("target=servers.web01.cpu&format=json&{WINDOW}");
    let answer = house.post(uri, form).await.json();
    let targets: Vec<_> = answer
        .as_array()
        .unwrap()
        .iter()
        .map(|each| &each["target"])
        .collect();
    assert_eq!(targets, ["uptime", "servers.web01.cpu"]);
    assert_eq!(answer[1]["datapoints"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn null_points_go_when_asked() {
    let house = House::new();
    let query = "target=servers.web01.cpu&format=json&noNullPoints=true";
    let answer = rendered(&house, query).await;
    assert_eq!(answer[0]["datapoints"].as_array().unwrap().len(), 4);
}

#[tokio::test]
async fn points_are_consolidated_for_json_alone() {
    let house = House::new();
    let query = "target=servers.web02.cpu&maxDataPoints=2";
    let points = rendered(&house, &format!("{query}&format=json")).await[0]["datapoints"].clone();
    assert!(points.as_array().unwrap().len() <= 2, "{points}");
    let raw = house
        .get(&format!("/render?{query}&format=raw&{WINDOW}"))
        .await;
    assert_eq!(
        raw.text(),
        "servers.web02.cpu,1749999960,1750000010,10|20.0,30.0,40.0,50.0,60.0\n"
    );
    let ignored = rendered(&house, "target=uptime&format=json&maxDataPoints=1.5").await;
    assert_eq!(ignored[0]["datapoints"].as_array().unwrap().len(), 5);
}

#[tokio::test]
async fn alert_safe_answers_end_before_what_still_changes() {
    let house = House::new();
    let query = "target=servers.web02.cpu&format=json&alertSafe=1";
    let points = rendered(&house, query).await[0]["datapoints"].clone();
    assert_eq!(points.as_array().unwrap().len(), 4, "{points}");
    assert_eq!(points[3], json!([50.0, 1_749_999_990]));
    let answer = house.get(&format!("/render?{query}x&{WINDOW}")).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn formats_have_their_media_types() {
    let house = House::new();
    for (format, content_type, start) in [
        ("csv", "text/csv", &b"uptime,2025-06-15 15:06:00,\r\n"[..]),
        (
            "raw",
            "text/plain",
            b"uptime,1749999960,1750000010,10|None,",
        ),
        ("pickle", "application/pickle", b"\x80\x02](}("),
        (
            "msgpack",
            "application/x-msgpack",
            b"\x91\x89\xa4name\xa6uptime",
        ),
        (
            "dygraph",
            "application/json",
            b"{\"labels\":[\"Time\",\"uptime\"],\"data\":[",
        ),
        (
            "rickshaw",
            "application/json",
            b"[{\"target\":\"uptime\",\"datapoints\":[{\"x\":",
        ),
        ("carbonapi_v2_pb", "application/x-protobuf", b"\x0a"),
        ("carbonapi_v3_pb", "application/x-carbonapi-v3-pb", b"\x0a"),
    ] {
        let uri = format!("/render?target=uptime&format={format}&{WINDOW}");
        let answer = house.get(&uri).await;
        assert_eq!(answer.header("content-type"), content_type, "{format}");
        assert!(
            answer.body.starts_with(start),
            "{format}: {:?}",
            answer.body
        );
    }
    let uri = format!("/render?target=uptime&rawData=true&{WINDOW}");
    assert_eq!(house.get(&uri).await.header("content-type"), "text/plain");
}

#[tokio::test]
async fn csv_is_in_the_zone_that_is_asked_for() {
    let house = House::new();
    let uri = format!("/render?target=uptime&format=csv&tz=Asia/Tokyo&{WINDOW}");
    let answer = house.get(&uri).await;
    assert!(answer.text().starts_with("uptime,2025-06-16 00:06:00,"));
    let uri = format!("/render?target=uptime&format=csv&tz=Nowhere&{WINDOW}");
    let answer = house.get(&uri).await;
    assert!(answer.text().starts_with("uptime,2025-06-15 15:06:00,"));
}

#[tokio::test]
async fn callback_wraps_json_only_and_must_be_a_name() {
    let house = House::new();
    let uri = |rest: &str| format!("/render?target=uptime&{rest}&{WINDOW}");
    let answer = house.get(&uri("format=json&jsonp=a.b_c$1")).await;
    assert!(answer.text().starts_with("a.b_c$1([{") && answer.text().ends_with("}])"));
    assert_eq!(answer.header("content-type"), "text/javascript");
    let answer = house.get(&uri("format=raw&jsonp=cb")).await;
    assert!(answer.text().starts_with("uptime,"));
    let answer = house.get(&uri("format=json&jsonp=alert(1);x")).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn template_variables_come_from_the_request() {
    let house = House::new();
    let query = "target=template(servers.$host.cpu)&template[host]=web02&format=json";
    let answer = rendered(&house, query).await;
    assert_eq!(answer[0]["target"], "servers.web02.cpu");
}

#[tokio::test]
async fn reversed_window_is_turned_and_default_is_a_day() {
    let house = House::new();
    let uri = "/render?target=servers.web02.cpu&format=json&from=1750000000&until=1749999950";
    let answer = house.get(uri).await.json();
    assert_eq!(answer[0]["datapoints"].as_array().unwrap().len(), 5);
    let answer = house.get("/render?target=uptime&format=json").await.json();
    assert_eq!(answer[0]["datapoints"].as_array().unwrap().len(), 1440);
}

#[tokio::test]
async fn wrong_requests_are_answered_with_a_sentence() {
    let house = House::new();
    for query in [
        "target=uptime",
        "target=uptime&format=png",
        "target=uptime&format=bogus",
        "target=uptime&format=json&from=bogus",
        "target=uptime&format=json&from=5&until=5",
        "target=uptime&format=json&maxDataPoints=0",
        "target=uptime&format=json&xFilesFactor=",
        "target=uptime&format=json&cacheTimeout=abc",
        "target=uptime&format=json&graphType=cube",
        "target=nosuch(uptime)&format=json",
        "target=scale(uptime)&format=json",
        "target=sumSeries(uptime&format=json&target=)(",
    ] {
        let answer = house.get(&format!("/render?{query}")).await;
        assert_eq!(
            answer.status,
            StatusCode::BAD_REQUEST,
            "{query}: {}",
            answer.text()
        );
        assert!(answer.header("content-type").starts_with("text/plain"));
        assert!(!answer.text().contains('\n') && answer.body.len() < 300);
    }
}

#[tokio::test]
async fn nothing_asked_or_found_is_an_empty_list() {
    let house = House::new();
    assert_eq!(rendered(&house, "format=json").await, json!([]));
    assert_eq!(
        rendered(&house, "target=no.such&format=json").await,
        json!([])
    );
}

#[tokio::test]
async fn too_many_targets_and_series_are_refused() {
    let mut limits = Limits {
        targets_max: 1,
        ..Limits::default()
    };
    let house = House::with_limits(limits);
    let answer = house.get("/render?target=a&target=b&format=json").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    limits.render.reads.series_max = 1;
    let house = House::with_limits(limits);
    let answer = house.get("/render?target=servers.*.cpu&format=json").await;
    assert_eq!(
        answer.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "{}",
        answer.text()
    );
}

#[tokio::test]
async fn meta_has_metrictank_s_shape() {
    let house = House::new();
    let uri = format!("/render?meta=true&{WINDOW}");
    let form = "target=alias(sumSeries(servers.*.cpu),'x y')&format=json&maxDataPoints=2";
    let answer = house.post(&uri, form).await.json();
    let series = &answer["series"][0];
    assert_eq!(series["target"], "x y");
    let lineage = json!([{
        "schema-name": "10s:1h,1min:1d",
        "schema-retentions": "10s:1h,1min:1d",
        "archive-read": 0,
        "archive-interval": 10,
        "aggnum-norm": 1,
        "aggnum-rc": 3,
        "consolidator-normfetch": "AverageConsolidator",
        "consolidator-rc": "AverageConsolidator",
        "count": 2,
    }]);
    assert_eq!(series["meta"], lineage);
    assert_eq!(series["interval"], 30);
    assert!(series["datapoints"].as_array().unwrap().len() <= 2);
    let stats = &answer["meta"]["stats"];
    assert_eq!(stats["executeplan.series-fetch.count"], 2);
    assert_eq!(stats["executeplan.points-fetch.count"], 10);
    assert_eq!(answer["version"], "v0.1");
}

#[tokio::test]
async fn explain_tells_the_reads_in_place_of_points() {
    let house = House::new();
    let answer = rendered(
        &house,
        "target=sumSeries(servers.*.cpu)&format=json&explain=1",
    )
    .await;
    assert_eq!(answer["reads"][0]["pathExpression"], "servers.*.cpu");
    assert_eq!(
        answer["reads"][0]["archives"],
        json!([{"archive": 0, "step": 10}])
    );
    assert_eq!(answer["seriesRead"], 2);
    assert_eq!(answer["pointsRead"], 10);
    assert_eq!(answer["result"], json!({"series": 1, "points": 5}));
}

#[tokio::test]
async fn events_are_a_series() {
    let house = House::new();
    let body = r#"{"what": "x", "tags": "deploy", "when": 1749999990}"#;
    house.post("/events", body).await;
    let answer = rendered(&house, "target=events('deploy')&format=json&noNullPoints=1").await;
    assert_eq!(answer[0]["datapoints"], json!([[1.0, 1_749_999_990]]));
}
