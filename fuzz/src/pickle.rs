//! Any bytes as a message of the framed protocols: what comes out is well formed, and a stream reads the
//! same however it is cut.

use plumbago::metric::Refusal;
use plumbago::protocol::{Limits, Protocol, Sink};

const NOW: i64 = 1_700_000_777;

/// What came out, in order.
#[derive(Debug, Default, PartialEq)]
struct Outcomes {
    points: Vec<(Vec<u8>, i64, u64)>,
    refusals: Vec<Refusal>,
    /// Points that fit before it wants to be emptied.
    room: usize,
}

impl Sink for Outcomes {
    fn point(&mut self, name: &[u8], timestamp: i64, value: f64) {
        assert!(!value.is_nan());
        assert!((0..=i64::from(u32::MAX)).contains(&timestamp));
        assert!(std::str::from_utf8(name).is_ok());
        self.points
            .push((name.to_vec(), timestamp, value.to_bits()));
        self.room = self.room.saturating_sub(1);
    }

    fn refuse(&mut self, reason: Refusal, _line: &[u8]) {
        self.refusals.push(reason);
    }

    fn is_full(&self) -> bool {
        self.room == 0
    }
}

/// Reads the bytes as one message, whole and in pieces, as a pickle and as a protocol buffer.
pub fn run(data: &[u8]) {
    let Some((&choice, message)) = data.split_first() else {
        return;
    };
    let length = message.len() as u32;
    let stream = [&length.to_be_bytes(), message].concat();
    for protocol in [Protocol::Pickle, Protocol::Protobuf] {
        let whole = read(protocol, &stream, stream.len(), usize::MAX);
        let piece = usize::from(choice) + 1;
        assert_eq!(
            whole,
            read(protocol, &stream, piece, 1),
            "pieces of {piece}"
        );
    }
}

fn read(protocol: Protocol, stream: &[u8], piece: usize, room: usize) -> Outcomes {
    let mut outcomes = Outcomes {
        room,
        ..Outcomes::default()
    };
    let mut decoder = protocol.decoder(Limits::default());
    for piece in stream.chunks(piece) {
        let mut at = 0;
        // A frame that is too long ends a connection.
        while let Ok(decoded) = decoder.decode(&piece[at..], NOW, &mut outcomes) {
            at += decoded.consumed;
            if !decoded.has_more {
                break;
            }
            outcomes.room = room;
        }
    }
    decoder.finish(&[], NOW, &mut outcomes);
    outcomes.room = 0;
    outcomes
}

/// The messages of the table, behind a byte that says how to cut them.
pub fn seeds() -> Vec<Vec<u8>> {
    include_str!("../../tests/data/pickle/messages.txt")
        .lines()
        .filter_map(|line| line.split(" | ").nth(1))
        .map(|hex| {
            let digits = hex.as_bytes().chunks_exact(2);
            let bytes = digits.filter_map(|pair| {
                let text = std::str::from_utf8(pair).ok()?;
                u8::from_str_radix(text, 16).ok()
            });
            [6].into_iter().chain(bytes).collect()
        })
        .collect()
}
