//! Bodies of all kinds that clients send their parameters in.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use super::{Answer, House};

async fn post(house: &House, uri: &str, content_type: &str, body: impl Into<Body>) -> Answer {
    let request = Request::post(uri).header("content-type", content_type);
    house.send(request.body(body.into()).unwrap()).await
}

/// The legends of a render.
async fn legends(house: &House, content_type: &str, body: &[u8]) -> Value {
    let uri = "/render?format=json&from=-1min&now=1750000000";
    let answer = post(house, uri, content_type, body.to_vec()).await;
    let series = answer.json();
    let series = series.as_array().unwrap().iter();
    series.map(|one| one["target"].clone()).collect()
}

const FORM: &str = "application/x-www-form-urlencoded";

#[tokio::test]
async fn form_is_read_whatever_its_header_adds() {
    let house = House::new();
    let body = b"target=alias(uptime,%22\xc3\xa9%22)";
    for content_type in [
        FORM,
        "application/x-www-form-urlencoded; charset=UTF-8",
        "application/x-www-form-urlencoded;charset=\"utf-8\"",
        "Application/X-WWW-Form-Urlencoded",
        "application/x-www-form-urlencoded; charset=nosuch",
    ] {
        assert_eq!(
            legends(&house, content_type, body).await,
            json!(["é"]),
            "{content_type}"
        );
    }
    let latin = "application/x-www-form-urlencoded; charset=ISO-8859-1";
    for body in [
        &b"target=alias(uptime,%22%E9%22)"[..],
        b"target=alias(uptime,\"\xe9\")",
    ] {
        assert_eq!(legends(&house, latin, body).await, json!(["é"]));
    }
}

#[tokio::test]
async fn other_bodies_hold_no_parameters() {
    let house = House::new();
    for content_type in [
        "application/json",
        "text/plain",
        "application/x-www-form-urlencoded-not",
    ] {
        let found = legends(&house, content_type, b"target=uptime").await;
        assert_eq!(found, json!([]), "{content_type}");
    }
}

#[tokio::test]
async fn form_of_several_parts_is_read_as_curl_sends_it() {
    let house = House::new();
    let body = "--XyZ\r\nContent-Disposition: form-data; name=\"target\"\r\n\r\nalias(uptime,\"a+%62\")\
                \r\n--XyZ\r\nContent-Disposition: form-data; name=\"target\"\r\n\r\nuptime\r\n--XyZ--\r\n";
    let content_type = "multipart/form-data; boundary=XyZ";
    let found = legends(&house, content_type, body.as_bytes()).await;
    assert_eq!(found, json!(["a+%62", "uptime"]));
    let cut = &body.as_bytes()[..90];
    let answer = post(&house, "/render?format=json", content_type, cut.to_vec()).await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("multipart/form-data"));
}

#[tokio::test]
async fn pattern_that_nobody_encoded_is_read_as_the_reference_does() {
    let house = House::new();
    let find = async |body: &str| -> Vec<String> {
        let answer = post(&house, "/metrics/find?format=json", FORM, body.to_owned()).await;
        let found = answer.json();
        let paths = found.as_array().unwrap().iter().map(|node| &node["path"]);
        paths
            .map(|path| path.as_str().unwrap().to_owned())
            .collect()
    };
    let both = ["servers.web01", "servers.web02"];
    assert_eq!(find("query=servers.web0[12]&from=1&until=2").await, both);
    assert_eq!(find("query=servers.{web01,web02}&from=1").await, both);
    assert_eq!(find("from=1&query=servers.web0?").await, both);
    // A plus is a blank, and a percent sign before anything but two digits is one.
    assert_eq!(find("query=servers.name+plus").await, [""; 0]);
    assert_eq!(
        find("query=servers.name%2Bplus").await,
        ["servers.name+plus"]
    );
    assert_eq!(find("query=servers.{100%,web01}&from=1").await, both[..1]);
    // No separator of pairs, but a part of a tagged name.
    let tagged = ["requests;dc=east;host=web01"];
    assert_eq!(
        find("query=requests;dc=east;host=web01&from=1").await,
        tagged
    );
}

#[tokio::test]
async fn brackets_are_a_second_spelling_everywhere() {
    let house = House::new();
    assert_eq!(
        legends(&house, FORM, b"target[]=uptime&target%5B%5D=uptime").await,
        json!(["uptime", "uptime"])
    );
    for uri in [
        "/tags/autoComplete/tags?expr[]=dc=east&expr[]=name=requests",
        "/tags/autoComplete/tags?expr%5B%5D=dc%3Deast&expr%5B%5D=name%3Drequests",
    ] {
        assert_eq!(house.get(uri).await.json(), json!(["host"]), "{uri}");
    }
    let answer = post(&house, "/tags/findSeries", FORM, "expr[]=dc=west").await;
    assert_eq!(answer.json(), json!(["requests;dc=west;host=web02"]));
    let answer = post(
        &house,
        "/tags/autoComplete/values",
        FORM,
        "expr[]=dc=west&tag=host",
    )
    .await;
    assert_eq!(answer.json(), json!(["web02"]));
}
