//! Find, expand, index, tags, functions.

use axum::http::StatusCode;
use serde_json::json;

use super::House;

#[tokio::test]
async fn tree_has_branches_before_leaves_and_each_name_once() {
    let house = House::new();
    let answer = house.get("/metrics/find?query=servers.web02.*").await;
    let expected = json!([
        {"text": "cpu", "id": "servers.web02.cpu", "allowChildren": 1, "expandable": 1, "leaf": 0},
    ]);
    assert_eq!(answer.json(), expected);
    let answer = house
        .get("/metrics/find/?query=servers.*&wildcards=1")
        .await;
    let expected = json!([
        {"text": "*", "id": "servers.*", "allowChildren": 1, "expandable": 1, "leaf": 0},
        {"text": "web01", "id": "servers.web01", "allowChildren": 1, "expandable": 1, "leaf": 0},
        {"text": "web02", "id": "servers.web02", "allowChildren": 1, "expandable": 1, "leaf": 0},
        {"text": "name plus", "id": "servers.name+plus", "allowChildren": 0, "expandable": 0, "leaf": 1},
    ]);
    assert_eq!(answer.json(), expected);
    assert_eq!(answer.header("cache-control"), "no-cache");
}

#[tokio::test]
async fn find_is_asked_by_form_as_well_and_under_its_other_name() {
    let house = House::new();
    let expected = house.get("/metrics/find?query=servers.{web01,web02}").await;
    assert_eq!(expected.json().as_array().unwrap().len(), 2);
    for (uri, form) in [
        ("/metrics/find", "query=servers.{web01,web02}"),
        (
            "/metrics/find?from=1&until=2",
            "query=servers.%7Bweb01%2Cweb02%7D",
        ),
        ("/metrics", "query=servers.{web01,web02}"),
        ("/metrics/find?query=nosuch", "query=servers.{web01,web02}"),
    ] {
        let answer = house.post(uri, form).await;
        assert_eq!(answer.json(), expected.json(), "{uri}");
    }
}

#[tokio::test]
async fn completer_adds_what_is_not_typed_yet() {
    let house = House::new();
    let answer = house
        .get("/metrics/find?query=servers.web0&format=completer&wildcards=1")
        .await;
    let expected = json!({"metrics": [
        {"path": "servers.web01.", "name": "web01", "is_leaf": "0"},
        {"path": "servers.web02.", "name": "web02", "is_leaf": "0"},
        {"name": "*"},
    ]});
    assert_eq!(answer.json(), expected);
    let uri = "/metrics/find?query=servers.web01,web02.c&format=completer&automatic_variants=1";
    let found = house.get(uri).await.json();
    let paths = found["metrics"].as_array().unwrap().iter();
    let paths: Vec<_> = paths.map(|one| one["path"].as_str().unwrap()).collect();
    assert_eq!(
        paths,
        [
            "servers.web02.cpu.",
            "servers.web01.cpu",
            "servers.web02.cpu"
        ]
    );
}

#[tokio::test]
async fn programs_learn_leaves_and_the_time_they_reach_back() {
    let house = House::new();
    let answer = house.get("/metrics/find?query=uptime&format=json").await;
    let expected = json!([{
        "path": "uptime",
        "is_leaf": true,
        "intervals": [{"start": 1_749_913_600.0, "end": 1_750_000_000.0}],
    }]);
    assert_eq!(answer.json(), expected);
    let answer = house
        .get("/metrics/find?local=1&format=pickle&query=uptime&from=1&until=2")
        .await;
    assert_eq!(answer.header("content-type"), "application/pickle");
    assert!(
        answer
            .body
            .starts_with(b"\x80\x02](}(X\x04\0\0\0pathX\x06\0\0\0uptimeX\x07\0\0\0is_leaf\x88")
    );
    let answer = house.get("/metrics/find?query=uptime&format=msgpack").await;
    assert!(
        answer
            .body
            .starts_with(b"\x91\x83\xa4path\xa6uptime\xa7is_leaf\xc3\xa9intervals")
    );
}

#[tokio::test]
async fn node_list_has_the_nodes_of_a_position() {
    let house = House::new();
    let nodes = async |position: &str| {
        let uri = format!("/metrics/find?query=servers.*.*&format=nodelist&position={position}");
        house.get(&uri).await.json()["nodes"].clone()
    };
    assert_eq!(nodes("1").await, json!(["web01", "web02"]));
    assert_eq!(nodes("-1").await, json!(["cpu"]));
    assert_eq!(nodes("9").await, json!([]));
}

#[tokio::test]
async fn wrong_questions_are_answered_with_a_sentence() {
    let house = House::new();
    for uri in [
        "/metrics/find",
        "/metrics/find?query=",
        "/metrics/find?query=*&format=bogus",
        "/metrics/find?query=*&from=bogus",
        "/metrics/find?query=*&until=bogus",
        "/metrics/find?query=*&from=-1h&until=-2h",
        "/metrics/find?query=*&local=yes",
        "/metrics/find?query=*&wildcards=x",
        "/metrics/find?query=*&jsonp=alert(1)//",
        "/metrics/expand?query=*&leavesOnly=x",
    ] {
        let answer = house.get(uri).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{uri}");
        assert!(answer.header("content-type").starts_with("text/plain"));
        assert!(!answer.body.is_empty() && answer.body.len() < 200, "{uri}");
    }
}

#[tokio::test]
async fn find_beyond_its_limit_says_so() {
    let limits = super::Limits {
        nodes_max: 2,
        ..super::Limits::default()
    };
    let answer = House::with_limits(limits)
        .get("/metrics/find?query=servers.*")
        .await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text().contains("more than 2"), "{}", answer.text());
}

#[tokio::test]
async fn expand_lists_paths() {
    let house = House::new();
    let answer = house
        .get("/metrics/expand?query=servers.web02.*&query=up*")
        .await;
    let expected = json!({"results": ["servers.web02.cpu", "uptime"]});
    assert_eq!(answer.json(), expected);
    let answer = house
        .get("/metrics/expand/?query=servers.*&query=nosuch&groupByExpr=1&leavesOnly=1")
        .await;
    let expected = json!({"results": {"servers.*": ["servers.name+plus"], "nosuch": []}});
    assert_eq!(answer.json(), expected);
    let answer = house.get("/metrics/expand?query=up*&jsonp=cb").await;
    assert_eq!(answer.text(), r#"cb({"results":["uptime"]})"#);
    assert_eq!(answer.header("content-type"), "text/javascript");
}

#[tokio::test]
async fn index_lists_all_names_without_tags() {
    let answer = House::new().get("/metrics/index.json").await;
    let expected = json!([
        "servers.name+plus",
        "servers.web01.cpu",
        "servers.web02.cpu",
        "servers.web02.cpu.idle",
        "uptime"
    ]);
    assert_eq!(answer.json(), expected);
}

#[tokio::test]
async fn tags_are_listed_and_looked_into() {
    let house = House::new();
    let tags = house.get("/tags?filter=h").await.json();
    assert_eq!(tags.as_array().unwrap().len(), 1);
    assert_eq!(tags[0]["tag"], "host");
    let tag = house.get("/tags/dc?limit=1").await.json();
    assert_eq!(tag["tag"], "dc");
    assert_eq!(tag["values"][0]["value"], "east");
    assert_eq!(tag["values"][0]["count"], 1);
    assert_eq!(tag["values"].as_array().unwrap().len(), 1);
    assert_eq!(house.get("/tags/nosuch").await.json(), json!(null));
    let found = house
        .get("/tags/findSeries?expr[]=name=requests&expr[]=dc=~w")
        .await;
    assert_eq!(found.json(), json!(["requests;dc=west;host=web02"]));
}

#[tokio::test]
async fn completion_of_tags_follows_what_is_chosen() {
    let house = House::new();
    let complete = async |uri: &str| house.get(uri).await.json();
    let uri = "/tags/autoComplete/tags?expr=dc=east&tagPrefix=h";
    assert_eq!(complete(uri).await, json!(["host"]));
    let uri = "/tags/autoComplete/values?tag=host&expr=dc=east&limit=10000";
    assert_eq!(complete(uri).await, json!(["web01"]));
    let uri = "/tags/autoComplete/values?tag=nosuch";
    assert_eq!(complete(uri).await, json!([]));
    let posted = house.post("/tags/autoComplete/tags", "expr=dc=east").await;
    assert_eq!(posted.json(), json!(["host", "name"]));
}

#[tokio::test]
async fn errors_of_the_tags_family_are_json() {
    let house = House::new();
    for uri in [
        "/tags/findSeries",
        "/tags/findSeries?expr=garbage",
        "/tags/findSeries?expr=name!=x",
        "/tags?limit=abc",
        "/tags/autoComplete/tags?limit=abc",
        "/tags/autoComplete/values",
    ] {
        let answer = house.get(uri).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{uri}");
        assert!(answer.json()["error"].is_string(), "{uri}");
    }
    let wrong_method = house.get("/tags/tagSeries?path=a;b=c").await;
    assert_eq!(wrong_method.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn names_are_registered_and_removed() {
    let house = House::new();
    let answer = house.post("/tags/tagSeries", "path=x;b=2;a=1").await;
    assert_eq!(answer.json(), json!("x;a=1;b=2"));
    let body = "path=x;a=1;b=3&path=x%7Ba%3D%221%22%2Cb%3D%224%22%7D";
    let answer = house.post("/tags/tagMultiSeries", body).await;
    assert_eq!(answer.json(), json!(["x;a=1;b=3", "x;a=1;b=4"]));
    let find = async || house.get("/tags/findSeries?expr=name=x").await.json();
    assert_eq!(find().await, json!(["x;a=1;b=2", "x;a=1;b=3", "x;a=1;b=4"]));
    let answer = house
        .post("/tags/delSeries", "path=x;a=1;b=3&path=unknown;a=1")
        .await;
    assert_eq!(answer.json(), json!(true));
    assert_eq!(find().await, json!(["x;a=1;b=2", "x;a=1;b=4"]));
    for wrong in ["path=bad;novalue", "path=bad;t=~x", "path=;t=x", "path="] {
        let answer = house.post("/tags/tagSeries", wrong).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{wrong}");
    }
}

#[tokio::test]
async fn functions_are_listed_with_their_aliases() {
    let house = House::new();
    let all = house.get("/functions").await.json();
    assert_eq!(all["sumSeries"]["group"], "Combine");
    assert_eq!(all["sum"]["name"], "sum");
    assert!(all["sum"]["function"].as_str().unwrap().starts_with("sum("));
    let one = house.get("/functions/scale").await.json();
    let expected = json!([
        {"name": "seriesList", "type": "seriesList", "required": true},
        {"name": "factor", "type": "float", "required": true},
    ]);
    assert_eq!(one["params"], expected);
    let grouped = house
        .get("/functions?grouped=true&group=Combine")
        .await
        .json();
    assert_eq!(grouped.as_object().unwrap().len(), 1);
    assert!(grouped["Combine"]["sumSeries"].is_object());
    assert_eq!(house.get("/functions?group=Nope").await.json(), json!({}));
    let unknown = house.get("/functions/nosuchfunction").await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    assert!(unknown.json()["error"].is_string());
    let pie = house.get("/functions?type=pie").await.json();
    let names: Vec<_> = pie.as_object().unwrap().keys().collect();
    assert_eq!(names, ["average", "maximum", "minimum"]);
    let average = house.get("/functions/average?type=pie").await.json();
    assert_eq!(average["function"], "average(series)");
    let posted = house.post("/functions", "").await;
    assert_eq!(posted.status, StatusCode::METHOD_NOT_ALLOWED);
}
