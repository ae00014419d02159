//! What each generation of Grafana sends, replayed against the router in process.
//!
//! The exchanges are text files in `tests/data/grafana/`; their form is told in `exchange.rs`. A file
//! is one panel, variable or health check as a version of Grafana asks it, written down from its
//! sources; answers are held against the shapes that its code reads.

// The whole file is a test; its helpers are no test functions, which is what clippy looks at.
#![allow(clippy::unwrap_used)]

#[path = "grafana/exchange.rs"]
mod exchange;
#[path = "grafana/house.rs"]
mod house;

use std::path::Path;

use exchange::Exchange;

const FOLDER: &str = "tests/data/grafana";

async fn replay(file: &str) {
    let path = Path::new(FOLDER).join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    let exchanges = Exchange::parse_all(&text);
    assert!(!exchanges.is_empty(), "{file} has no exchange");
    let house = house::build();
    for exchange in exchanges {
        let answer = house::send(&house, &exchange).await;
        if let Err(difference) = exchange.check(&answer) {
            panic!("{file}: {}: {difference}", exchange.name);
        }
    }
}

#[tokio::test]
async fn panels_and_variables_up_to_11_5() {
    replay("until_11_5.txt").await;
}

#[tokio::test]
async fn panels_of_11_6_and_12_wrap_each_target() {
    replay("from_11_6.txt").await;
}

#[tokio::test]
async fn backend_mode_splits_a_request_over_url_and_body() {
    replay("backend.txt").await;
}

#[tokio::test]
async fn metrictank_type_asks_where_points_came_from() {
    replay("metrictank.txt").await;
}

#[test]
fn every_file_is_replayed() {
    let listed = [
        "until_11_5.txt",
        "from_11_6.txt",
        "backend.txt",
        "metrictank.txt",
    ];
    let mut found: Vec<_> = std::fs::read_dir(FOLDER)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    let mut listed = listed.map(str::to_owned).to_vec();
    listed.sort();
    assert_eq!(found, listed);
}
