//! As a backend of carbonapi.

use axum::body::Body;
use axum::http::{Request, StatusCode};

use super::House;
use crate::format::protobuf::{
    FieldValue, Fields, write_bytes_field, write_integer_field, write_text_field,
};

/// carbonapi sends its messages in the bodies of GET requests.
async fn ask(house: &House, uri: &str, message: Vec<u8>) -> super::Answer {
    let request = Request::get(uri)
        .header("accept", "application/x-carbonapi-v3-pb")
        .body(Body::from(message));
    house.send(request.unwrap()).await
}

fn submessages(bytes: &[u8]) -> Vec<&[u8]> {
    let fields = Fields::new(bytes).map(Option::unwrap);
    let bytes = fields.map(|field| match field.value {
        FieldValue::Bytes(bytes) => bytes,
        other => panic!("{other:?}"),
    });
    bytes.collect()
}

fn text(message: &[u8], number: u32) -> Option<&str> {
    let mut fields = Fields::new(message).map(Option::unwrap);
    fields.find(|field| field.number == number)?.value.as_text()
}

fn fetch(name: &str, from: i64, until: i64) -> Vec<u8> {
    let mut one = Vec::new();
    write_text_field(&mut one, 1, name);
    write_integer_field(&mut one, 2, from);
    write_integer_field(&mut one, 3, until);
    write_text_field(&mut one, 5, name);
    let mut message = Vec::new();
    write_bytes_field(&mut message, 1, &one);
    message
}

#[tokio::test]
async fn find_answers_each_pattern() {
    let house = House::new();
    let mut message = Vec::new();
    write_text_field(&mut message, 1, "servers.web02.*");
    write_text_field(&mut message, 1, "up*");
    let uri = "/metrics/find/?format=carbonapi_v3_pb";
    let answer = ask(&house, uri, message).await;
    assert_eq!(
        answer.header("content-type"),
        "application/x-carbonapi-v3-pb"
    );
    let groups = submessages(&answer.body);
    assert_eq!(text(groups[0], 1), Some("servers.web02.*"));
    let paths: Vec<_> = submessages(groups[0])[1..]
        .iter()
        .map(|found| text(found, 1).unwrap())
        .collect();
    assert_eq!(paths, ["servers.web02.cpu", "servers.web02.cpu"]);
    assert_eq!(text(submessages(groups[1])[1], 1), Some("uptime"));
    let mut message = Vec::new();
    write_text_field(&mut message, 1, "nosuch.*");
    assert_eq!(
        ask(&house, uri, message).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        ask(&house, uri, vec![0xff]).await.status,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn render_answers_each_window() {
    let house = House::new();
    let mut message = fetch("servers.*.cpu", 1_749_999_950, 1_750_000_000);
    message.extend(fetch("uptime", 1_749_999_980, 1_750_000_000));
    let uri = "/render/?format=carbonapi_v3_pb";
    let answer = ask(&house, uri, message).await;
    assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
    let series = submessages(&answer.body);
    let names: Vec<_> = series.iter().map(|one| text(one, 1).unwrap()).collect();
    assert_eq!(names, ["servers.web01.cpu", "servers.web02.cpu", "uptime"]);
    assert_eq!(text(series[0], 2), Some("servers.*.cpu"));
    let nothing = fetch("no.such", 1_749_999_950, 1_750_000_000);
    assert_eq!(
        ask(&house, uri, nothing).await.status,
        StatusCode::NOT_FOUND
    );
    let empty = fetch("uptime", 7, 7);
    assert_eq!(
        ask(&house, uri, empty).await.status,
        StatusCode::BAD_REQUEST
    );
}

/// `{name = 1, aggregationMethod = 2, maxRetention = 3, xFilesFactor = 4, retentions = 5}`, where a
/// retention is `{secondsPerPoint = 1, numberOfPoints = 2}`.
fn assert_information(message: &[u8]) {
    assert_eq!(text(message, 1), Some("uptime"));
    assert_eq!(text(message, 2), Some("average"));
    let fields: Vec<_> = Fields::new(message).map(Option::unwrap).collect();
    let numbers: Vec<_> = fields.iter().map(|field| field.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 5]);
    assert_eq!(fields[2].value.as_integer(), Some(86_400));
    let archives = fields[4..].iter().map(|field| match field.value {
        FieldValue::Bytes(archive) => {
            let numbers = Fields::new(archive).map(|field| field.unwrap().value.as_integer());
            numbers.map(Option::unwrap).collect::<Vec<_>>()
        }
        ref other => panic!("{other:?}"),
    });
    assert_eq!(archives.collect::<Vec<_>>(), [[10, 360], [60, 1_440]]);
}

#[tokio::test]
async fn capabilities_and_information_are_told() {
    let house = House::new();
    let answer = house.get("/_internal/capabilities/").await;
    assert_eq!(text(&answer.body, 1), Some("carbonapi_v3_pb"));
    let mut message = Vec::new();
    write_text_field(&mut message, 1, "uptime");
    write_text_field(&mut message, 1, "nosuch");
    let answer = ask(&house, "/info/?format=carbonapi_v3_pb", message).await;
    assert_eq!(
        answer.header("content-type"),
        "application/x-carbonapi-v3-pb"
    );
    let metrics = submessages(&answer.body);
    assert_eq!(metrics.len(), 1);
    assert_information(metrics[0]);
    for format in ["carbonapi_v2_pb", "protobuf"] {
        let uri = format!("/info?target=uptime&format={format}");
        let answer = house.get(&uri).await;
        assert_eq!(answer.header("content-type"), "application/x-protobuf");
        assert_information(&answer.body);
    }
    for (uri, status) in [
        ("/info?format=carbonapi_v2_pb", StatusCode::BAD_REQUEST),
        (
            "/info?format=carbonapi_v2_pb&target=x",
            StatusCode::NOT_FOUND,
        ),
        ("/info?format=nosuch&target=uptime", StatusCode::BAD_REQUEST),
    ] {
        assert_eq!(house.get(uri).await.status, status, "{uri}");
    }
    let broken = ask(&house, "/info?format=carbonapi_v3_pb", vec![0x0a, 9]).await;
    assert_eq!(broken.status, StatusCode::BAD_REQUEST);
    let unknown = ask(&house, "/info?format=carbonapi_v3_pb", vec![]).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    let answer = house.get("/info?target=uptime&format=json").await.json();
    assert_eq!(answer["retentions"][1]["secondsPerPoint"], 60);
    assert_eq!(answer["maxRetention"], 86_400);
    let unknown = house.get("/info?target=nosuch").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}
