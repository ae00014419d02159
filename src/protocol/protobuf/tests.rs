use super::*;

const NOW: i64 = 1_700_000_777;

struct Outcomes {
    seen: Vec<String>,
    room: usize,
}

impl Sink for Outcomes {
    fn point(&mut self, name: &[u8], timestamp: i64, value: f64) {
        let name = String::from_utf8(name.to_vec()).unwrap();
        self.seen.push(format!("{name} {value} {timestamp}"));
        self.room = self.room.saturating_sub(1);
    }

    fn refuse(&mut self, reason: Refusal, _line: &[u8]) {
        self.seen.push(format!("!{reason}"));
    }

    fn is_full(&self) -> bool {
        self.room == 0
    }
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

fn bytes_field(number: u64, bytes: &[u8]) -> Vec<u8> {
    let key = varint(number << 3 | 2);
    [key, varint(bytes.len() as u64), bytes.to_vec()].concat()
}

fn point(timestamp: u64, value: f64) -> Vec<u8> {
    let fields = [
        varint(1 << 3),
        varint(timestamp),
        varint(2 << 3 | 1),
        value.to_le_bytes().to_vec(),
    ];
    bytes_field(2, &fields.concat())
}

fn metric(name: &str, points: &[Vec<u8>]) -> Vec<u8> {
    let fields = [bytes_field(1, name.as_bytes()), points.concat()];
    bytes_field(1, &fields.concat())
}

fn frame(payload: &[u8]) -> Vec<u8> {
    [&(payload.len() as u32).to_be_bytes(), payload].concat()
}

fn feed(stream: &[u8], size: usize, room: usize) -> Vec<String> {
    let mut decoder = Protobuf::new(Limits::default());
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
    }
    decoder.finish(&mut outcomes);
    outcomes.seen
}

#[test]
fn metrics_with_several_points_are_read_however_they_are_cut() {
    let payload = [
        metric(
            "a..b",
            &[point(1_700_000_000, 1.5), point(1_700_000_010, -2.0)],
        ),
        metric("m;b=2;a=1", &[point(1_700_000_000, f64::INFINITY)]),
    ];
    let stream = [
        frame(&payload.concat()),
        frame(&metric("c", &[point(5, 0.0)])),
    ]
    .concat();
    let wanted = [
        "a.b 1.5 1700000000",
        "a.b -2 1700000010",
        "m;a=1;b=2 inf 1700000000",
        "c 0 5",
    ];
    for (size, room) in [(1, 1), (3, 2), (1000, 1), (1000, 100)] {
        assert_eq!(feed(&stream, size, room), wanted, "pieces of {size}");
    }
}

#[test]
fn bad_points_are_refused_by_themselves() {
    let payload = [
        metric(
            "a",
            &[point(1, f64::NAN), point(1 << 40, 1.0), point(7, 1.0)],
        ),
        metric("a b", &[point(7, 1.0)]),
        bytes_field(1, &point(7, 1.0)),
        metric("b", &[point(u64::from(u32::MAX), 1.0)]),
    ];
    let wanted = [
        "!nan",
        "!bad_timestamp",
        "a 1 7",
        "!bad_name",
        "!bad_line",
        "b 1 1700000777",
    ];
    assert_eq!(feed(&frame(&payload.concat()), 1000, 100), wanted);
}

#[test]
fn unknown_fields_are_passed_over_and_left_out_ones_are_zero() {
    let unknown = [varint(9 << 3), varint(5), varint(10 << 3 | 5), vec![0; 4]].concat();
    let body = [
        unknown.clone(),
        bytes_field(2, &[]),
        bytes_field(1, b"late.name"),
        unknown.clone(),
    ];
    let payload = [unknown, bytes_field(1, &body.concat())].concat();
    assert_eq!(feed(&frame(&payload), 1000, 100), ["late.name 0 0"]);
}

#[test]
fn truncated_payload_is_refused_and_the_next_frame_is_read() {
    let good = metric("a", &[point(7, 1.0)]);
    for length in 1..good.len() {
        let stream = [frame(&good[..length]), frame(&good)].concat();
        assert_eq!(
            feed(&stream, 1000, 100),
            ["!bad_line", "a 1 7"],
            "{length} bytes"
        );
    }
}

proptest::proptest! {
    #[test]
    fn any_payload_leaves_it_standing(noise: Vec<u8>, at: usize, byte: u8) {
        feed(&frame(&noise), 10, 3);
        let mut payload = metric("a.b.c", &[point(7, 1.0), point(8, 2.0)]);
        let at = at % payload.len();
        payload[at] = byte;
        feed(&frame(&payload), 10, 3);
    }
}
