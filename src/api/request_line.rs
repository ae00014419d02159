//! The first line of a request, `METHOD TARGET HTTP/1.1`, as people type it.
//!
//! `curl 'http://host/render?target=alias(a.b,"x")'` sends the quotes as they stand. RFC 3986 wants
//! them percent-encoded, and the HTTP library refuses the request without a word; graphite-web takes
//! it. So do we: [`check`] encodes what may not stand in a target. Where a line cannot be understood,
//! the client is told why ([`BadLine`]).

use std::borrow::Cow;

use axum::extract::Path;
use axum::http::{StatusCode, Uri};

use super::error::ApiError;

/// Longest target that the library reads, encoded.
const TARGET_BYTES_MAX: usize = u16::MAX as usize - 1;

/// Longest line that is looked at: a target, its method and its version.
pub(super) const LINE_BYTES_MAX: usize = TARGET_BYTES_MAX + 64;

/// Where the sentences are: a line that is refused is given on as a request for this page, so that
/// the answer comes in its turn.
pub(super) const PAGE: &str = "/bad-request-line/{reason}";

/// Why a line is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BadLine {
    /// A blank inside of the target, where one could guess only.
    Blank,
    /// Control characters.
    Control,
    /// Not three fields, or a target that is no path.
    Malformed,
    /// Longer than the library reads.
    TooLong,
    /// Another version of HTTP.
    Version,
}

/// Each reason with its word in the page's path and its sentence.
const REASONS: [(BadLine, &str, &str); 5] = [
    (
        BadLine::Blank,
        "blank",
        "a blank in the URL must be written as %20 or, behind the question mark, as +",
    ),
    (
        BadLine::Control,
        "control",
        "control characters in the URL must be percent-encoded, a line break as %0A",
    ),
    (
        BadLine::Malformed,
        "malformed",
        "the request does not begin with a line like: GET /render?target=a.b&format=json HTTP/1.1",
    ),
    (
        BadLine::TooLong,
        "too-long",
        "the URL is longer than 65534 bytes; send the parameters as the body of a POST",
    ),
    (
        BadLine::Version,
        "version",
        "HTTP/1.1 and HTTP/1.0 are spoken here",
    ),
];

impl BadLine {
    /// A request for the page that says so, after which the connection ends.
    pub(super) fn request(self) -> Vec<u8> {
        let reason = REASONS.iter().find(|(known, ..)| *known == self);
        let word = reason.map_or("", |(_, word, _)| word);
        let path = PAGE.replace("{reason}", word);
        format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").into_bytes()
    }
}

/// The page: always an error.
pub(super) async fn page(Path(word): Path<String>) -> ApiError {
    match REASONS.iter().find(|(_, known, _)| *known == word) {
        Some((BadLine::TooLong, _, sentence)) => ApiError::new(StatusCode::URI_TOO_LONG, *sentence),
        Some((_, _, sentence)) => ApiError::bad_request(*sentence),
        None => ApiError::not_found("there is no such reason"),
    }
}

/// A line with its line feed, as the library can read it.
///
/// # Errors
/// When no encoding of the target would make it a request.
pub(super) fn check(line: &[u8]) -> Result<Cow<'_, [u8]>, BadLine> {
    let text = line.strip_suffix(b"\n").unwrap_or(line);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    let first = memchr::memchr(b' ', text).ok_or(BadLine::Malformed)?;
    let last = memchr::memrchr(b' ', text).ok_or(BadLine::Malformed)?;
    let version = &text[last + 1..];
    if !version.starts_with(b"HTTP/") || last <= first + 1 {
        return Err(BadLine::Malformed);
    }
    if version != b"HTTP/1.1" && version != b"HTTP/1.0" {
        return Err(BadLine::Version);
    }
    if !text[..first].iter().all(u8::is_ascii_alphabetic) || first == 0 {
        return Err(BadLine::Malformed);
    }
    let target = &text[first + 1..last];
    let encoded = encode(target)?;
    if encoded.len() > TARGET_BYTES_MAX {
        return Err(BadLine::TooLong);
    }
    if encoded[0] != b'/' && Uri::try_from(&*encoded).is_err() {
        return Err(BadLine::Malformed);
    }
    Ok(match encoded {
        Cow::Borrowed(_) => Cow::Borrowed(line),
        Cow::Owned(encoded) => Cow::Owned([&line[..=first], &encoded[..], &line[last..]].concat()),
    })
}

/// The target with everything encoded that may not stand in one.
fn encode(target: &[u8]) -> Result<Cow<'_, [u8]>, BadLine> {
    if target.contains(&b' ') {
        return Err(BadLine::Blank);
    }
    if target.iter().any(u8::is_ascii_control) {
        return Err(BadLine::Control);
    }
    let query = memchr::memchr(b'?', target).unwrap_or(target.len());
    // A fragment is no part of a request. Behind a path it is cut off by the library; behind a question
    // mark it is a colour that somebody did not encode, and cutting it off would change the question.
    let must_encode = |at: usize, byte: u8| match byte {
        b'"' | b'<' | b'>' | b'`' | 0x80.. => true,
        b'#' => at > query,
        _ => false,
    };
    let places = || target.iter().copied().enumerate();
    if !places().any(|(at, byte)| must_encode(at, byte)) {
        return Ok(Cow::Borrowed(target));
    }
    let mut encoded = Vec::with_capacity(target.len() + 32);
    for (at, byte) in places() {
        if must_encode(at, byte) {
            encoded.push(b'%');
            for digit in [byte >> 4, byte & 15] {
                encoded.push(b"0123456789ABCDEF"[usize::from(digit)]);
            }
        } else {
            encoded.push(byte);
        }
    }
    Ok(Cow::Owned(encoded))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(line: &str) -> Result<String, BadLine> {
        let checked = check(line.as_bytes())?;
        Ok(String::from_utf8(checked.into_owned()).unwrap())
    }

    #[test]
    fn well_formed_line_is_given_on_without_a_copy() {
        let line = b"GET /render?target=a.{b,c}&x=[1]|^\\'%22+%zz HTTP/1.1\r\n";
        assert!(matches!(check(line), Ok(Cow::Borrowed(same)) if same == line));
        let absolute = b"OPTIONS http://host:1/a?b HTTP/1.0\n";
        assert!(matches!(check(absolute), Ok(Cow::Borrowed(_))));
        assert!(matches!(
            check(b"OPTIONS * HTTP/1.1\r\n"),
            Ok(Cow::Borrowed(_))
        ));
    }

    #[test]
    fn what_curl_sends_as_it_was_typed_is_encoded() {
        assert_eq!(
            checked("GET /render?target=alias(a<b>`,\"é#f\") HTTP/1.1\r\n").unwrap(),
            "GET /render?target=alias(a%3Cb%3E%60,%22%C3%A9%23f%22) HTTP/1.1\r\n"
        );
        assert_eq!(
            checked("GET /tags/\"é#top HTTP/1.1\n").unwrap(),
            "GET /tags/%22%C3%A9#top HTTP/1.1\n"
        );
    }

    #[test]
    fn every_byte_is_either_refused_or_read_by_the_library() {
        for byte in 0..=255 {
            for line in [
                [b"GET /a".as_slice(), &[byte], b" HTTP/1.1\r\n"].concat(),
                { [b"GET /a?b=".as_slice(), &[byte, b'c'], b" HTTP/1.1\r\n"].concat() },
            ] {
                let Ok(checked) = check(&line) else {
                    assert!(byte <= b' ' || byte == 0x7f, "{byte:#x} is refused");
                    continue;
                };
                let target = checked.split(|byte| *byte == b' ').nth(1).unwrap();
                let uri =
                    Uri::try_from(target).unwrap_or_else(|error| panic!("{byte:#x}: {error}"));
                let query = uri
                    .query()
                    .map(|query| super::super::Parameters::parse(query, b""));
                let Some(value) = query.as_ref().and_then(|query| query.last("b")) else {
                    continue;
                };
                let expected = match byte {
                    b'+' => " c".to_owned(),
                    b'&' => String::new(),
                    _ => String::from_utf8_lossy(&[byte, b'c']).into_owned(),
                };
                assert_eq!(value, expected, "{byte:#x}");
            }
        }
    }

    #[test]
    fn lines_that_are_no_request_have_a_reason_and_a_page() {
        for (line, reason) in [
            ("GET /render?target=a, b HTTP/1.1\r\n", BadLine::Blank),
            ("GET  / HTTP/1.1\r\n", BadLine::Blank),
            ("GET /a\tb HTTP/1.1\r\n", BadLine::Control),
            ("GET /a\0 HTTP/1.1\r\n", BadLine::Control),
            ("GET /\r\n", BadLine::Malformed),
            ("servers.cpu 1 1750000000\r\n", BadLine::Malformed),
            (" / HTTP/1.1\r\n", BadLine::Malformed),
            ("GET HTTP/1.1\r\n", BadLine::Malformed),
            ("GET a/b?\" HTTP/1.1\r\n", BadLine::Malformed),
            ("\x16\x03\x01\x02\n", BadLine::Malformed),
            ("PRI * HTTP/2.0\r\n", BadLine::Version),
            ("GET / HTTP/1.1 \r\n", BadLine::Malformed),
        ] {
            assert_eq!(checked(line), Err(reason), "{line:?}");
            let page = reason.request();
            assert!(matches!(
                check(&page[..=page.iter().position(|byte| *byte == b'\n').unwrap()]),
                Ok(Cow::Borrowed(_))
            ));
        }
        let long = format!("GET /?{} HTTP/1.1\r\n", "\"".repeat(30_000));
        assert_eq!(checked(&long), Err(BadLine::TooLong));
    }
}
