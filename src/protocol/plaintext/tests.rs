use super::*;
use crate::metric::name::NamePolicy;

const NOW: i64 = 1_700_000_777;

#[derive(Clone, Debug, PartialEq)]
enum Event {
    Point(String, i64, u64),
    Refused(Refusal, Vec<u8>),
}

/// Keeps what it is given and is full after `room` points until emptied.
#[derive(Default)]
struct Kept {
    events: Vec<Event>,
    room: Option<usize>,
    since_emptied: usize,
}

impl Sink for Kept {
    fn point(&mut self, name: &[u8], timestamp: i64, value: f64) {
        let name = String::from_utf8(name.to_vec()).unwrap();
        self.events
            .push(Event::Point(name, timestamp, value.to_bits()));
        self.since_emptied += 1;
    }

    fn refuse(&mut self, reason: Refusal, line: &[u8]) {
        self.events.push(Event::Refused(reason, line.to_vec()));
    }

    fn is_full(&self) -> bool {
        self.room.is_some_and(|room| self.since_emptied >= room)
    }
}

/// Feeds `stream` in pieces of the given sizes (cycled), as a connection would.
fn feed(stream: &[u8], sizes: &[usize], limits: Limits, room: Option<usize>) -> Vec<Event> {
    let mut decoder = Plaintext::new(limits);
    let mut kept = Kept {
        room,
        ..Kept::default()
    };
    let (mut held, mut offered) = (0, 0);
    let mut sizes = sizes.iter().cycle();
    while offered < stream.len() {
        offered = (offered + sizes.next().unwrap()).min(stream.len());
        loop {
            let decoded = decoder.decode(&stream[held..offered], NOW, &mut kept);
            held += decoded.consumed;
            if !decoded.has_more {
                break;
            }
            kept.since_emptied = 0;
        }
    }
    decoder.finish(&stream[held..], NOW, &mut kept);
    kept.events
}

fn decode(stream: &str) -> Vec<Event> {
    feed(
        stream.as_bytes(),
        &[usize::MAX >> 1],
        Limits::default(),
        None,
    )
}

fn point(name: &str, timestamp: i64, value: f64) -> Event {
    Event::Point(name.to_owned(), timestamp, value.to_bits())
}

#[test]
fn last_line_without_newline_counts_at_the_end() {
    assert_eq!(
        decode("a 1 100\nb 2 200"),
        [point("a", 100, 1.0), point("b", 200, 2.0)]
    );
}

#[test]
fn blank_lines_hold_no_point_and_are_no_error() {
    assert_eq!(decode("\n\r\n \t \na 1 100\n\n"), [point("a", 100, 1.0)]);
}

#[test]
fn full_sink_stops_the_decoder_between_points() {
    let stream = "a 1 1\nb 2 2\nc 3 3\n";
    let mut decoder = Plaintext::new(Limits::default());
    let mut kept = Kept {
        room: Some(2),
        ..Kept::default()
    };
    let decoded = decoder.decode(stream.as_bytes(), NOW, &mut kept);
    let expected = Decoded {
        consumed: 12,
        has_more: true,
    };
    assert_eq!((decoded, kept.events.len()), (expected, 2));
}

#[test]
fn line_that_never_ends_is_refused_once_and_skipped() {
    let limits = Limits {
        line_bytes_max: 20,
        ..Limits::default()
    };
    let stream = format!("a 1 1\n{} 1 1\nb 2 2\n", "x".repeat(100));
    for size in [1, 7, 30, 1000] {
        let events = feed(stream.as_bytes(), &[size], limits, None);
        assert_eq!(events.len(), 3, "pieces of {size}: {events:?}");
        assert_eq!(events[0], point("a", 1, 1.0));
        assert!(matches!(events[1], Event::Refused(Refusal::LineTooLong, _)));
        assert_eq!(events[2], point("b", 2, 2.0));
    }
}

#[test]
fn longest_line_is_taken_and_one_byte_more_is_not() {
    let limits = Limits {
        line_bytes_max: 10,
        ..Limits::default()
    };
    let fits = feed(b"name 1 100\n", &[3], limits, None);
    assert_eq!(fits, [point("name", 100, 1.0)]);
    let too_long = feed(b"names 1 100\n", &[3], limits, None);
    assert!(matches!(
        too_long[..],
        [Event::Refused(Refusal::LineTooLong, _)]
    ));
}

#[test]
fn replace_policy_lets_control_bytes_pass_as_underscores() {
    let limits = Limits {
        names: NameRules {
            policy: NamePolicy::Replace,
            ..NameRules::default()
        },
        ..Limits::default()
    };
    let events = feed(b"a\x01b/c 1 100\n", &[100], limits, None);
    assert_eq!(events, [point("a_b_c", 100, 1.0)]);
}

/// Lines made of awkward parts, most of them good.
fn awkward_lines() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    let name = prop_oneof![
        4 => "[a-z]{1,12}(\\.[a-z0-9_-]{1,9}){0,3}",
        1 => "[a-c./;={}\"\\x00\u{e4} ]{0,10}",
    ];
    let blank = prop_oneof![5 => Just(" "), 1 => Just("\t"), 1 => Just("  "), 1 => Just("")];
    let value = prop_oneof![
        4 => "-?[0-9]{1,9}(\\.[0-9]{1,6})?",
        1 => "(nan|inf|-inf|1e5|x|1_0|[0-9]{30})",
    ];
    let time = prop_oneof![
        4 => "1[0-9]{9}",
        1 => "(-1|N|1[0-9]{9}\\.5|[0-9]{11}|)",
    ];
    let end = prop_oneof![3 => Just("\n"), 1 => Just("\r\n"), 1 => Just(" \n")];
    (name, blank.clone(), value, blank, time, end).prop_map(
        |(name, gap, value, gap2, time, end)| format!("{name}{gap}{value}{gap2}{time}{end}"),
    )
}

proptest::proptest! {
    #[test]
    fn fast_pass_and_careful_road_agree(line in awkward_lines()) {
        let fast = decode(&line);
        let mut careful = Kept::default();
        let text = line.strip_suffix('\n').unwrap();
        Plaintext::new(Limits::default()).decode_carefully(text.as_bytes(), NOW, &mut careful);
        proptest::prop_assert_eq!(fast, careful.events);
    }

    #[test]
    fn pieces_and_room_do_not_change_what_is_read(
        lines in proptest::collection::vec(awkward_lines(), 0..20),
        sizes in proptest::collection::vec(1_usize..40, 1..10),
        room in 1_usize..5,
    ) {
        let stream = lines.concat();
        let whole = decode(&stream);
        let pieces = feed(stream.as_bytes(), &sizes, Limits::default(), Some(room));
        proptest::prop_assert_eq!(whole, pieces);
    }

    #[test]
    fn any_bytes_leave_it_standing(bytes: Vec<u8>, size in 1_usize..20) {
        feed(&bytes, &[size], Limits::default(), None);
    }
}
