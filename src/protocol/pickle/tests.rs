use super::*;
use crate::metric::Refusal;

const NOW: i64 = 1_700_000_777;
const TABLE: &str = include_str!("../../../tests/data/pickle/messages.txt");

/// Keeps outcomes as text; full after `room` points until emptied.
struct Outcomes {
    seen: Vec<String>,
    room: usize,
}

impl Sink for Outcomes {
    fn point(&mut self, name: &[u8], timestamp: i64, value: f64) {
        let name = String::from_utf8(name.to_vec()).unwrap();
        self.seen.push(format!("{name} {value:?} {timestamp}"));
        self.room = self.room.saturating_sub(1);
    }

    fn refuse(&mut self, reason: Refusal, _line: &[u8]) {
        self.seen.push(format!("!{reason}"));
    }

    fn is_full(&self) -> bool {
        self.room == 0
    }
}

fn frame(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u32).to_be_bytes(), message].concat()
}

/// Feeds a stream in pieces, emptying the sink whenever it is full.
fn feed(stream: &[u8], size: usize, room: usize) -> Vec<String> {
    let mut decoder = Pickle::new(Limits::default());
    let mut outcomes = Outcomes {
        seen: Vec::new(),
        room,
    };
    for piece in stream.chunks(size) {
        let mut at = 0;
        loop {
            let decoded = decoder.decode(&piece[at..], NOW, &mut outcomes).unwrap();
            at += decoded.consumed;
            if !decoded.has_more {
                break;
            }
            outcomes.room = room;
        }
        assert_eq!(at, piece.len());
    }
    decoder.finish(&mut outcomes);
    outcomes.seen
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

/// An outcome with its value as a double prints.
fn normal(outcome: &str) -> String {
    match outcome.rsplitn(3, ' ').collect::<Vec<_>>()[..] {
        [timestamp, value, name] => {
            let value: f64 = value.parse().unwrap();
            format!("{name} {value:?} {timestamp}")
        }
        _ => outcome.to_owned(),
    }
}

fn cases() -> Vec<(String, Vec<u8>, Vec<String>)> {
    let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
    let cases: Vec<_> = lines
        .filter_map(|line| {
            let [title, hex, outcomes] = line.split(" | ").collect::<Vec<_>>()[..] else {
                return line.strip_suffix(" | ").map(|line| {
                    let (title, hex) = line.split_once(" | ").unwrap();
                    (title.to_owned(), unhex(hex), Vec::new())
                });
            };
            let outcomes = outcomes.split(" & ").filter(|outcome| !outcome.is_empty());
            Some((title.to_owned(), unhex(hex), outcomes.map(normal).collect()))
        })
        .collect();
    assert!(cases.len() > 150);
    cases
}

#[test]
fn messages_of_every_protocol_have_their_outcomes() {
    for (title, message, outcomes) in cases() {
        assert_eq!(
            feed(&frame(&message), usize::MAX, usize::MAX),
            outcomes,
            "{title}"
        );
    }
}

#[test]
fn stream_of_all_messages_reads_alike_however_it_is_cut() {
    let cases = cases();
    let stream: Vec<u8> = cases
        .iter()
        .flat_map(|(_, message, _)| frame(message))
        .collect();
    let wanted: Vec<_> = cases
        .into_iter()
        .flat_map(|(_, _, outcomes)| outcomes)
        .collect();
    for (size, room) in [(1, 1), (3, 7), (1000, 2), (usize::MAX, 1)] {
        assert_eq!(
            feed(&stream, size, room),
            wanted,
            "pieces of {size}, room {room}"
        );
    }
}

#[test]
fn truncated_message_is_one_bad_line_and_the_next_frame_is_read() {
    let (_, good, outcomes) = cases().swap_remove(3);
    for length in 0..good.len() {
        let stream = [frame(&good[..length]), frame(&good)].concat();
        let seen = feed(&stream, usize::MAX, usize::MAX);
        assert_eq!(seen[0], "!bad_line", "{length} bytes");
        assert_eq!(seen[1..], outcomes);
    }
}

#[test]
fn stream_that_ends_inside_a_frame_is_refused() {
    let (_, good, _) = cases().swap_remove(3);
    let stream = frame(&good);
    assert_eq!(feed(&stream[..stream.len() - 1], 5, 1), ["!bad_line"]);
    assert_eq!(feed(&stream[..2], 5, 1), ["!bad_line"]);
}

#[test]
fn list_that_holds_itself_is_no_trouble() {
    // l = []; l.append(l)
    assert_eq!(
        feed(&frame(b"\x80\x02]q\x00h\x00a."), 100, 1),
        ["!bad_line"]
    );
}

#[test]
fn tuples_do_not_reach_below_a_mark() {
    for message in [
        b"K\x01(\x85.".as_slice(),
        b"(.",
        b"K\x01(0.",
        b"e.",
        b"a.",
        b"t.",
    ] {
        assert_eq!(feed(&frame(message), 100, 1), ["!bad_line"], "{message:?}");
    }
}

proptest::proptest! {
    #[test]
    fn any_message_leaves_it_standing(mut index in 0_usize..150, at: usize, byte: u8, noise: Vec<u8>) {
        feed(&frame(&noise), 10, 3);
        let cases = cases();
        index %= cases.len();
        let mut message = cases[index].1.clone();
        let at = at % message.len();
        message[at] = byte;
        feed(&frame(&message), 10, 3);
    }
}
