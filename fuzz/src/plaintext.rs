//! Any bytes as a plaintext stream: what comes out is well formed, and the same however it is cut.

use plumbago::metric::Refusal;
use plumbago::metric::name::{NamePolicy, NameRules, NameScratch};
use plumbago::protocol::{Limits, Plaintext, Sink};

const NOW: i64 = 1_700_000_777;
const LINE_BYTES_MAX: usize = 200;

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

/// Reads the stream whole and in pieces, and each name once more.
pub fn run(data: &[u8]) {
    let Some((&choice, stream)) = data.split_first() else {
        return;
    };
    let limits = Limits {
        names: NameRules {
            policy: match choice & 1 {
                0 => NamePolicy::Strict,
                _ => NamePolicy::Replace,
            },
            ..NameRules::default()
        },
        line_bytes_max: LINE_BYTES_MAX,
        ..Limits::default()
    };
    let whole = read(stream, stream.len().max(1), usize::MAX, limits);
    let piece = usize::from(choice >> 1) + 1;
    assert_eq!(whole, read(stream, piece, 1, limits), "pieces of {piece}");
    let mut scratch = NameScratch::default();
    for (name, _, _) in &whole.points {
        let again = limits.names.canonical(name, &mut scratch);
        assert_eq!(
            again,
            Ok(name.as_slice()),
            "{}",
            String::from_utf8_lossy(name)
        );
    }
}

fn read(stream: &[u8], piece: usize, room: usize, limits: Limits) -> Outcomes {
    let mut outcomes = Outcomes {
        room,
        ..Outcomes::default()
    };
    let mut decoder = Plaintext::new(limits);
    let (mut held, mut offered) = (0, 0);
    while offered < stream.len() {
        offered = (offered + piece).min(stream.len());
        loop {
            let decoded = decoder.decode(&stream[held..offered], NOW, &mut outcomes);
            held += decoded.consumed;
            if !decoded.has_more {
                break;
            }
            outcomes.room = room;
        }
    }
    decoder.finish(&stream[held..], NOW, &mut outcomes);
    outcomes.room = 0;
    outcomes
}

/// The lines of the table, and all of them as one stream.
pub fn seeds() -> Vec<Vec<u8>> {
    let lines: Vec<_> = include_str!("../../tests/data/plaintext/lines.txt")
        .lines()
        .filter_map(|line| line.split_once(" => "))
        .map(|(input, _)| input)
        .collect();
    let one = |line: &&str| format!("\u{6}{line}\n").into_bytes();
    let all = format!("\u{9}{}", lines.join("\n")).into_bytes();
    lines.iter().map(one).chain([all]).collect()
}
