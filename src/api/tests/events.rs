//! Posting and listing events.

use axum::http::StatusCode;
use serde_json::json;

use super::{House, NOW};

async fn filled() -> House {
    let house = House::new();
    for body in [
        r#"{"what": "one", "tags": ["a", "b"], "when": 1749996700, "data": "d"}"#,
        r#"{"what": "two", "tags": "b c", "when": 1749996710.7}"#,
        r#"{"what": "three"}"#,
    ] {
        // Curl names every body a form; the events are JSON all the same.
        let answer = house.post("/events/", body).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        assert!(answer.body.is_empty());
    }
    house
}

#[tokio::test]
async fn events_are_listed_by_time() {
    let house = filled().await;
    let expected = json!([
        {"when": 1_749_996_700, "what": "one", "data": "d", "tags": ["a", "b"], "id": 1},
        {"when": 1_749_996_710, "what": "two", "data": "", "tags": ["b", "c"], "id": 2},
        {"when": NOW, "what": "three", "data": "", "tags": [], "id": 3},
    ]);
    assert_eq!(house.get("/events/get_data").await.json(), expected);
    assert_eq!(house.get("/events").await.json(), expected);
    let answer = house.get("/events/get_data?from=-1min&jsonp=cb").await;
    assert!(answer.text().starts_with("cb([{\"when\":1750000000,"));
}

#[tokio::test]
async fn tags_choose_events() {
    let house = filled().await;
    let names = async |query: &str| {
        let uri = format!("/events/get_data?{query}");
        let list = house.get(&uri).await.json();
        let names = list.as_array().unwrap().iter();
        names
            .map(|event| event["what"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names("tags=b").await, ["one", "two"]);
    assert_eq!(names("tags=a+c&set=union").await, ["one", "two"]);
    assert_eq!(names("tags=b%20c&set=intersection").await, ["two"]);
    assert_eq!(names("tags=b+nosuch").await, ["one", "two"]);
    assert!(names("tags=nosuch").await.is_empty());
    assert_eq!(names("until=1749996700").await, ["one"]);
}

#[tokio::test]
async fn event_is_shown_by_its_number() {
    let house = filled().await;
    let expected = json!({
        "id": 2, "when": "2025-06-15T14:11:50Z", "what": "two", "data": "", "tags": ["b", "c"],
    });
    assert_eq!(house.get("/events/2/").await.json(), expected);
    for uri in ["/events/99", "/events/x"] {
        let answer = house.get(uri).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        assert!(answer.json()["error"].is_string());
    }
}

#[tokio::test]
async fn events_that_make_no_sense_are_refused() {
    let house = House::new();
    for body in [
        "",
        "[]",
        "{",
        r#"{"tags": "a"}"#,
        r#"{"what": "x", "tags": 5}"#,
        r#"{"what": "x", "tags": [5]}"#,
        r#"{"what": "x", "when": "noon"}"#,
        r#"{"what": "x", "when": 1e300}"#,
    ] {
        let answer = house.post("/events", body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        assert!(answer.json()["error"].is_string(), "{body}");
    }
    assert_eq!(house.get("/events/get_data").await.json(), json!([]));
}

#[tokio::test]
async fn event_beyond_its_limit_is_refused() {
    let house = House::new();
    let body = json!({"what": "x", "data": "y".repeat(crate::events::EVENT_BYTES_MAX)});
    let answer = house.post("/events", body.to_string()).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(house.events.get(1).is_none());
}
