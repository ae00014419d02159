//! URLs as people type them, over real sockets.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use super::{Limits, fill, services};
use crate::catalog::Catalog;
use crate::storage::memory::MemoryStore;

/// A server over the series of [`super::SERIES`], until the runtime of the test ends.
async fn server() -> SocketAddr {
    let catalog = Arc::new(Catalog::in_memory());
    let store = Arc::new(MemoryStore::new(1));
    fill(&catalog, store.as_ref());
    let (state, ..) = services(catalog, store, Limits::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(super::serve(listener, state, CancellationToken::new()));
    address
}

/// All that comes back until the server closes.
async fn answers(address: SocketAddr, sent: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(sent).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

/// One answer's head, or a body of known length.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = Vec::new();
    while !text.ends_with(end.as_bytes()) {
        text.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(text).unwrap()
}

fn render(legend: &str) -> String {
    format!("/render?target=alias(uptime,{legend})&format=raw&from=-20s&now=1750000000")
}

const POINTS: &str = ",1749999990,1750000010,10|2.0,1e+17\n";

#[tokio::test]
async fn url_is_read_as_it_was_typed() {
    let address = server().await;
    for (legend, name) in [
        ("\"x\"", "x"),
        ("\"<b>`|^\\{}[]\"", "<b>`|^\\{}[]"),
        ("'#ff0000'", "#ff0000"),
        ("\"Größe\"", "Größe"),
        ("%22x%22", "x"),
    ] {
        let url = render(legend);
        let request = format!("GET {url} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = answers(address, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains(&format!("\r\n{name}{POINTS}")), "{answer}");
    }
}

#[tokio::test]
async fn body_behind_a_continue_is_left_alone_and_the_next_url_is_not() {
    let address = server().await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let body = "GET /=\" HTTP/1.1\r\n\r\nGET /\"&target=alias(uptime,\"<x>\")";
    let length = body.len();
    let window = "format=raw&from=-20s&now=1750000000";
    let type_ = "application/x-www-form-urlencoded";
    let head = format!(
        "POST /render?a=\"&{window} HTTP/1.1\r\nHost: x\r\nContent-Type: {type_}\r\n\
         Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let go_on = read_until(&mut stream, "\r\n\r\n").await;
    assert!(go_on.starts_with("HTTP/1.1 100"), "{go_on}");
    for piece in body.as_bytes().chunks(16) {
        stream.write_all(piece).await.unwrap();
    }
    let answer = read_until(&mut stream, POINTS).await;
    assert!(answer.contains(&format!("<x>{POINTS}")), "{answer}");
    let url = render("\"next\"");
    let request = format!("GET {url} HTTP/1.1\r\nHost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let answer = read_until(&mut stream, POINTS).await;
    assert!(answer.contains(&format!("next{POINTS}")), "{answer}");
}

#[tokio::test]
async fn bad_request_line_is_answered_with_a_sentence_after_the_requests_before_it() {
    let address = server().await;
    let long = "x".repeat(70_000);
    for (line, status, sentence) in [
        ("GET /render?target=a, b HTTP/1.1", 400, "written as %20"),
        ("GET /render?target=a\tb HTTP/1.1", 400, "percent-encoded"),
        ("servers.web01.cpu 5 1750000000", 400, "GET /render?"),
        ("GET / HTTP/3.0", 400, "HTTP/1.1 and HTTP/1.0"),
        (&format!("GET /?{long} HTTP/1.1"), 414, "body of a POST"),
    ] {
        let good = "GET /version HTTP/1.1\r\nHost: x\r\n\r\n";
        let sent = format!("{good}{line}\r\nHost: x\r\n\r\n{good}");
        let text = answers(address, sent.as_bytes()).await;
        let (first, second) = text.split_once("1.1.10").unwrap();
        assert!(first.starts_with("HTTP/1.1 200"), "{text}");
        let status = format!("HTTP/1.1 {status}");
        assert!(
            second.trim_start().starts_with(&status),
            "{line:.40}: {text}"
        );
        assert!(second.contains(sentence), "{line:.40}: {text}");
        assert_eq!(text.matches("HTTP/1.1 200").count(), 1, "{text}");
    }
}
