//! Conversations in pieces of every size.

use std::collections::VecDeque;

use tokio::io::AsyncReadExt;

use super::*;

/// A stream that gives its pieces, one a read.
struct Pieces(VecDeque<Vec<u8>>);

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        if let Some(mut piece) = self.0.pop_front() {
            let rest = piece.split_off(piece.len().min(buffer.remaining()));
            buffer.put_slice(&piece);
            if !rest.is_empty() {
                self.0.push_front(rest);
            }
        }
        Poll::Ready(Ok(()))
    }
}

async fn read(pieces: impl IntoIterator<Item = &[u8]>) -> String {
    let pieces = pieces.into_iter().map(<[u8]>::to_vec).collect();
    let mut read = Vec::new();
    let mut incoming = Incoming::new(Pieces(pieces));
    incoming.read_to_end(&mut read).await.unwrap();
    String::from_utf8(read).unwrap()
}

/// The same bytes read whole, cut in two at each place, and byte by byte.
async fn assert_reads(sent: &str, expected: &str) {
    let sent = sent.as_bytes();
    for cut in 0..=sent.len() {
        let pieces = [&sent[..cut], &sent[cut..]];
        let pieces = pieces.into_iter().filter(|piece| !piece.is_empty());
        assert_eq!(read(pieces).await, expected, "cut at {cut}");
    }
    assert_eq!(read(sent.chunks(1)).await, expected);
    assert_eq!(read(sent.chunks(7)).await, expected);
}

const QUOTED: &str = "GET /render?target=alias(a,\"é\") HTTP/1.1\r\nX-Quoted: \"GET /\"\r\n\r\n";
const MENDED: &str =
    "GET /render?target=alias(a,%22%C3%A9%22) HTTP/1.1\r\nX-Quoted: \"GET /\"\r\n\r\n";

#[tokio::test]
async fn request_lines_are_mended_and_headers_are_not() {
    assert_reads(QUOTED, MENDED).await;
    let pipelined = format!("{QUOTED}\r\n{QUOTED}GET / HTTP/1.1\n\n{QUOTED}");
    let expected = format!("{MENDED}\r\n{MENDED}GET / HTTP/1.1\n\n{MENDED}");
    assert_reads(&pipelined, &expected).await;
}

#[tokio::test]
async fn body_that_looks_like_a_request_is_left_alone() {
    let body = "GET /\" HTTP/1.1\r\n\r\nGET /\" HTTP/1.1\n\n";
    let length = body.len();
    for header in ["Content-Length: ", "content-length:", "CONTENT-LENGTH:\t "] {
        let head = format!("{header}{length}\r\nExpect: 100-continue\r\n\r\n");
        assert_reads(
            &format!("POST /?a=\" HTTP/1.1\r\n{head}{body}{QUOTED}"),
            &format!("POST /?a=%22 HTTP/1.1\r\n{head}{body}{MENDED}"),
        )
        .await;
    }
}

#[tokio::test]
async fn nothing_is_looked_at_any_more_when_the_length_of_a_body_is_not_plain() {
    for header in [
        "Transfer-Encoding: chunked",
        "Content-Length: 3\r\nTransfer-Encoding: gzip, chunked",
        "Content-Length: 3\r\nContent-Length: 4",
        "Content-Length: +3",
        "Content-Length:",
        "Content-Length: 99999999999999999999999",
        "Content-Length : 3",
        "X: y\r\n Content-Length: 3",
        "no header",
        "Upgrade: h2c",
    ] {
        let rest = format!("{header}\r\n\r\nabc{QUOTED}{QUOTED}");
        assert_reads(
            &format!("POST /?a=\" HTTP/1.1\r\n{rest}"),
            &format!("POST /?a=%22 HTTP/1.1\r\n{rest}"),
        )
        .await;
    }
}

#[tokio::test]
async fn refused_line_becomes_a_request_for_its_reason_in_its_turn() {
    let page = String::from_utf8(BadLine::Blank.request()).unwrap();
    assert_reads(
        &format!("{QUOTED}GET /?target=a, b HTTP/1.1\r\n\r\n{QUOTED}"),
        &format!("{MENDED}{page}"),
    )
    .await;
}

#[tokio::test]
async fn line_without_end_is_refused_and_its_rest_is_dropped() {
    let sent = format!("GET /?{}", "x".repeat(2 * LINE_BYTES_MAX));
    let page = String::from_utf8(BadLine::TooLong.request()).unwrap();
    for size in [1_000, 70_000, 1 << 20] {
        assert_eq!(read(sent.as_bytes().chunks(size)).await, page);
    }
    let head = format!(
        "GET / HTTP/1.1\r\nX: {}\r\n\r\n",
        "x".repeat(2 * LINE_BYTES_MAX)
    );
    assert_eq!(read(head.as_bytes().chunks(1_000)).await, head);
}
