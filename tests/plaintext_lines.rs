//! The line grammar as data: `tests/data/plaintext/lines.txt` says what becomes of each line.

#![allow(clippy::unwrap_used)]

use plumbago::metric::Refusal;
use plumbago::protocol::{Limits, Protocol, Sink};

const TABLE: &str = include_str!("data/plaintext/lines.txt");
const NOW: i64 = 1_700_000_777;

#[derive(Default)]
struct Outcomes(Vec<String>);

impl Sink for Outcomes {
    fn point(&mut self, name: &[u8], timestamp: i64, value: f64) {
        let name = std::str::from_utf8(name).unwrap().replace(' ', "\\s");
        self.0.push(format!("{name} {value:?} {timestamp}"));
    }

    fn refuse(&mut self, reason: Refusal, _line: &[u8]) {
        self.0.push(format!("!{reason}"));
    }

    fn is_full(&self) -> bool {
        false
    }
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = text.bytes();
    let mut out = Vec::new();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        out.push(match bytes.next() {
            Some(b't') => b'\t',
            Some(b'r') => b'\r',
            Some(b'x') => {
                let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            Some(other) => other,
            None => panic!("a backslash ends the input {text}"),
        });
    }
    out
}

/// The expected outcome with its value spelled as a double prints.
fn expected(text: &str) -> String {
    let [name, value, timestamp] = text.split(' ').collect::<Vec<_>>()[..] else {
        return text.to_owned();
    };
    let value: f64 = value.parse().unwrap();
    format!("{name} {value:?} {timestamp}")
}

fn cases() -> Vec<(Vec<u8>, String)> {
    let cases: Vec<_> = TABLE
        .lines()
        .filter_map(|line| line.rsplit_once(" => "))
        .map(|(input, outcome)| (unescape(input), expected(outcome)))
        .collect();
    assert!(
        cases.len() > 100,
        "the table has only {} cases",
        cases.len()
    );
    cases
}

fn outcomes(pieces: &[&[u8]]) -> Vec<String> {
    let mut decoder = Protocol::Plaintext.decoder(Limits::default());
    let mut sink = Outcomes::default();
    let mut held = Vec::new();
    for piece in pieces {
        held.extend_from_slice(piece);
        let decoded = decoder.decode(&held, NOW, &mut sink).unwrap();
        held.drain(..decoded.consumed);
    }
    decoder.finish(&held, NOW, &mut sink);
    sink.0
}

#[test]
fn each_line_alone_has_its_outcome_with_and_without_a_newline() {
    for (line, outcome) in cases() {
        let shown = String::from_utf8_lossy(&line).into_owned();
        let with_newline = [line.as_slice(), b"\n"].concat();
        assert_eq!(outcomes(&[&with_newline]), [outcome.as_str()], "{shown:?}");
        assert_eq!(outcomes(&[&line]), [outcome.as_str()], "{shown:?}, no LF");
    }
}

#[test]
fn all_lines_in_one_stream_have_their_outcomes_however_it_is_cut() {
    let cases = cases();
    let stream: Vec<u8> = cases
        .iter()
        .flat_map(|(line, _)| [line.as_slice(), b"\n"].concat())
        .collect();
    let wanted: Vec<_> = cases.into_iter().map(|(_, outcome)| outcome).collect();
    for size in [1, 2, 3, 5, 17, 64, 1000, stream.len()] {
        let pieces: Vec<_> = stream.chunks(size).collect();
        assert_eq!(outcomes(&pieces), wanted, "pieces of {size}");
    }
}
