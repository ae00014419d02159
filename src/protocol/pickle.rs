//! The pickle protocol: frames of a pickled list of `(name, (timestamp, value))`.
//!
//! List or tuple at either level; several points may follow one name; numbers may be texts, as statsd
//! and graphitesend send them. A message that is no data at all is refused as one `bad_line`, a bad
//! point in a good message by itself. Nothing is ever executed: see [`machine`].

mod machine;

use super::frames::{Framed, Frames};
use super::number;
use super::{Limits, Sink};
use crate::metric::Refusal;
use crate::metric::name::{NameRules, NameScratch};
use machine::{Machine, Node, NodeId};

/// The pickle decoder of one connection.
#[derive(Debug)]
pub struct Pickle {
    names: NameRules,
    scratch: NameScratch,
    frames: Frames,
    machine: Machine,
    /// The list of the current frame, once it was run, and the next item of it.
    current: Option<(NodeId, usize)>,
}

impl Pickle {
    /// A decoder at the start of a frame.
    pub fn new(limits: Limits) -> Self {
        Self {
            names: limits.names,
            scratch: NameScratch::default(),
            frames: Frames::new(limits.frame_bytes_max),
            machine: Machine::default(),
            current: None,
        }
    }
}

impl Framed for Pickle {
    fn frames(&mut self) -> &mut Frames {
        &mut self.frames
    }

    fn work_off_frame<S: Sink>(&mut self, now: i64, sink: &mut S) -> bool {
        let body = self.frames.whole().unwrap_or_default();
        let (list, mut next) = match self.current {
            Some(current) => current,
            None => match self.machine.run(body) {
                Ok(list) if self.machine.items(list).is_some() => (list, 0),
                _ => {
                    sink.refuse(Refusal::BadLine, body);
                    self.end_frame();
                    return true;
                }
            },
        };
        let items = self.machine.items(list).unwrap_or_default();
        while let Some(&item) = items.get(next) {
            if sink.is_full() {
                self.current = Some((list, next));
                return false;
            }
            let reader = Reader {
                machine: &self.machine,
                message: body,
                names: &self.names,
                now,
            };
            reader.read_metric(item, &mut self.scratch, sink);
            next += 1;
        }
        self.end_frame();
        true
    }

    fn end_frame(&mut self) {
        self.current = None;
        self.machine.clear();
        self.frames.advance();
    }
}

/// Reads the items of one message.
struct Reader<'a> {
    machine: &'a Machine,
    message: &'a [u8],
    names: &'a NameRules,
    now: i64,
}

impl Reader<'_> {
    /// One item of the list: a name and what follows it.
    fn read_metric<S: Sink>(&self, item: NodeId, scratch: &mut NameScratch, sink: &mut S) {
        let parts = self.machine.items(item).unwrap_or_default();
        let Some((&name, rest)) = parts.split_first().filter(|(_, rest)| !rest.is_empty()) else {
            return sink.refuse(
                Refusal::BadLine,
                b"an item that is not (name, (timestamp, value))",
            );
        };
        let Some(raw_name) = self.machine.bytes(name, self.message) else {
            return sink.refuse(Refusal::BadName, b"a name that is not text");
        };
        let name = match self.names.canonical(raw_name, scratch) {
            Ok(name) => name,
            Err(reason) => return sink.refuse(reason, raw_name),
        };
        for &part in rest {
            self.read_points(part, name, sink);
        }
    }

    /// A pair of timestamp and value, or a list of such pairs.
    fn read_points<S: Sink>(&self, part: NodeId, name: &[u8], sink: &mut S) {
        let items = self.machine.items(part).unwrap_or_default();
        let is_list_of_pairs = items
            .first()
            .is_some_and(|&first| self.machine.items(first).is_some());
        if !is_list_of_pairs {
            return self.read_pair(items, name, sink);
        }
        for &pair in items {
            self.read_pair(self.machine.items(pair).unwrap_or_default(), name, sink);
        }
    }

    fn read_pair<S: Sink>(&self, pair: &[NodeId], name: &[u8], sink: &mut S) {
        let read = || match *pair {
            [timestamp, value] => Ok((self.timestamp(timestamp)?, self.value(value)?)),
            _ => Err(Refusal::BadLine),
        };
        match read() {
            Ok((timestamp, value)) => sink.point(name, timestamp, value),
            Err(reason) => sink.refuse(reason, name),
        }
    }

    fn value(&self, node: NodeId) -> Result<f64, Refusal> {
        match *self.machine.node(node) {
            Node::Int(number) => Ok(number as f64),
            Node::Float(number) if number.is_nan() => Err(Refusal::Nan),
            Node::Float(number) => Ok(number),
            _ => {
                let text = self.machine.bytes(node, self.message);
                number::value(text.ok_or(Refusal::BadValue)?.trim_ascii())
            }
        }
    }

    fn timestamp(&self, node: NodeId) -> Result<i64, Refusal> {
        match *self.machine.node(node) {
            Node::Int(seconds) => number::timestamp_of(seconds as f64, self.now),
            Node::Float(seconds) => number::timestamp_of(seconds, self.now),
            _ => {
                let text = self.machine.bytes(node, self.message);
                number::timestamp(text.ok_or(Refusal::BadTimestamp)?.trim_ascii(), self.now)
            }
        }
    }
}

#[cfg(test)]
mod tests;
