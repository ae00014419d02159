//! The part of Python's pickle machine that makes data: protocols 0 to 5.
//!
//! Numbers, texts, bytes, lists, tuples and dicts are made; everything that would name a class or call
//! something is refused, so a message can do nothing but describe values. Format: Python's
//! `pickletools`, which documents every opcode.
//!
//! Bounded by the message: each byte makes at most one node, containers hold numbers of nodes and
//! never copies, so shared and self-referring structures cost nothing more.

use std::collections::HashMap;
use std::ops::Range;

/// A value, by its place in [`Machine::nodes`].
pub(super) type NodeId = u32;

/// What a message can describe.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    /// `None`, a dict, or an integer beyond 64 bits: valid, and of no use as a point.
    Other,
    Int(i64),
    Float(f64),
    /// Bytes of the message.
    Text(Range<usize>),
    /// Bytes that had to be unescaped.
    Unescaped(Range<usize>),
    /// A list, by its place in `lists`.
    List(usize),
    /// A tuple, by its place in `children`.
    Tuple(Range<usize>),
}

/// The message is damaged, or wants more than data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotData;

/// The machine and what the last message described; its memory is used again.
#[derive(Debug, Default)]
pub(super) struct Machine {
    nodes: Vec<Node>,
    lists: Vec<Vec<NodeId>>,
    children: Vec<NodeId>,
    unescaped: Vec<u8>,
    memo: HashMap<u32, NodeId>,
    stack: Vec<NodeId>,
    marks: Vec<usize>,
}

/// A message that is read from front to back.
struct Message<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Machine {
    /// Runs a whole message; answers the value that it describes.
    pub(super) fn run(&mut self, bytes: &[u8]) -> Result<NodeId, NotData> {
        self.clear();
        let mut message = Message { bytes, at: 0 };
        loop {
            let opcode = message.byte()?;
            if opcode == b'.' {
                return self.pop();
            }
            let known = self.number(opcode, &mut message)?
                || self.text(opcode, &mut message)?
                || self.container(opcode)?
                || self.bookkeeping(opcode, &mut message)?;
            if !known {
                return Err(NotData);
            }
        }
    }

    /// The node with this number.
    pub(super) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }

    /// The items of a list or a tuple.
    pub(super) fn items(&self, id: NodeId) -> Option<&[NodeId]> {
        match self.node(id) {
            Node::List(list) => Some(&self.lists[*list]),
            Node::Tuple(range) => Some(&self.children[range.clone()]),
            _ => None,
        }
    }

    /// The bytes of a text. `message` is what was run.
    pub(super) fn bytes<'a>(&'a self, id: NodeId, message: &'a [u8]) -> Option<&'a [u8]> {
        match self.node(id) {
            Node::Text(range) => Some(&message[range.clone()]),
            Node::Unescaped(range) => Some(&self.unescaped[range.clone()]),
            _ => None,
        }
    }

    /// Forgets everything and, after a large message, its memory.
    pub(super) fn clear(&mut self) {
        const NODES_KEPT: usize = 64 * 1024;
        if self.nodes.capacity() > NODES_KEPT {
            *self = Self::default();
        }
        self.nodes.clear();
        self.lists.clear();
        self.children.clear();
        self.unescaped.clear();
        self.memo.clear();
        self.stack.clear();
        self.marks.clear();
    }

    fn number(&mut self, opcode: u8, message: &mut Message<'_>) -> Result<bool, NotData> {
        let node = match opcode {
            b'I' => match message.line()? {
                b"00" => Node::Int(0),
                b"01" => Node::Int(1),
                digits => integer(digits),
            },
            b'L' => {
                let line = message.line()?;
                integer(line.strip_suffix(b"L").unwrap_or(line))
            }
            b'F' => Node::Float(float(message.line()?)?),
            b'J' => Node::Int(i32::from_le_bytes(message.array()?).into()),
            b'K' => Node::Int(message.byte()?.into()),
            b'M' => Node::Int(u16::from_le_bytes(message.array()?).into()),
            0x8a => {
                let length = usize::from(message.byte()?);
                little_endian(message.take(length)?)
            }
            0x8b => {
                let length = u32::from_le_bytes(message.array()?) as usize;
                little_endian(message.take(length)?)
            }
            b'G' => Node::Float(f64::from_be_bytes(message.array()?)),
            0x88 => Node::Int(1),
            0x89 => Node::Int(0),
            b'N' => Node::Other,
            _ => return Ok(false),
        };
        self.push(node);
        Ok(true)
    }

    fn text(&mut self, opcode: u8, message: &mut Message<'_>) -> Result<bool, NotData> {
        let length = match opcode {
            b'S' => {
                let line = message.line()?;
                self.push_quoted(line)?;
                return Ok(true);
            }
            b'V' => {
                let line = message.line()?;
                self.push_raw_unicode(line);
                return Ok(true);
            }
            b'U' | b'C' | 0x8c => u64::from(message.byte()?),
            b'T' | b'X' | b'B' => u32::from_le_bytes(message.array()?).into(),
            0x8d | 0x8e | 0x96 => u64::from_le_bytes(message.array()?),
            _ => return Ok(false),
        };
        let start = message.at;
        message.take(usize::try_from(length).map_err(|_| NotData)?)?;
        self.push(Node::Text(start..message.at));
        Ok(true)
    }

    fn container(&mut self, opcode: u8) -> Result<bool, NotData> {
        match opcode {
            b']' => self.push_list(Vec::new()),
            b'l' => {
                let items = self.pop_to_mark()?;
                self.push_list(items);
            }
            b'a' => {
                let item = self.pop()?;
                self.top_list()?.push(item);
            }
            b'e' => {
                let items = self.pop_to_mark()?;
                self.top_list()?.extend(items);
            }
            b')' => self.push_tuple(self.stack.len()),
            0x85..=0x87 => {
                let length = usize::from(opcode - 0x84);
                let start = self.stack.len().checked_sub(length).ok_or(NotData)?;
                if self.marks.last().is_some_and(|&mark| start < mark) {
                    return Err(NotData);
                }
                self.push_tuple(start);
            }
            b't' => {
                let mark = self.marks.pop().ok_or(NotData)?;
                self.push_tuple(mark);
            }
            b'}' => self.push(Node::Other),
            b'd' => {
                self.pop_to_mark()?;
                self.push(Node::Other);
            }
            b's' => {
                self.pop()?;
                self.pop()?;
            }
            b'u' => drop(self.pop_to_mark()?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn bookkeeping(&mut self, opcode: u8, message: &mut Message<'_>) -> Result<bool, NotData> {
        match opcode {
            0x80 => drop(message.byte()?),
            0x95 => drop(message.take(8)?),
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.pop_to_mark()?),
            b'2' => {
                let top = *self.stack.last().ok_or(NotData)?;
                self.stack.push(top);
            }
            b'p' | b'q' | b'r' | 0x94 => {
                let key = match opcode {
                    0x94 => self.memo.len() as u32,
                    _ => message.memo_key(opcode, b'p', b'q')?,
                };
                let top = *self.stack.last().ok_or(NotData)?;
                self.memo.insert(key, top);
            }
            b'g' | b'h' | b'j' => {
                let key = message.memo_key(opcode, b'g', b'h')?;
                let known = *self.memo.get(&key).ok_or(NotData)?;
                self.stack.push(known);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn push(&mut self, node: Node) {
        self.stack.push(self.nodes.len() as NodeId);
        self.nodes.push(node);
    }

    fn push_list(&mut self, items: Vec<NodeId>) {
        self.push(Node::List(self.lists.len()));
        self.lists.push(items);
    }

    /// Makes a tuple of the stack from `start` on.
    fn push_tuple(&mut self, start: usize) {
        let first = self.children.len();
        self.children.extend(self.stack.drain(start..));
        self.push(Node::Tuple(first..self.children.len()));
    }

    fn pop(&mut self) -> Result<NodeId, NotData> {
        let floor = self.marks.last().copied().unwrap_or(0);
        if self.stack.len() <= floor {
            return Err(NotData);
        }
        self.stack.pop().ok_or(NotData)
    }

    fn pop_to_mark(&mut self) -> Result<Vec<NodeId>, NotData> {
        let mark = self.marks.pop().ok_or(NotData)?;
        Ok(self.stack.split_off(mark))
    }

    fn top_list(&mut self) -> Result<&mut Vec<NodeId>, NotData> {
        let top = *self.stack.last().ok_or(NotData)?;
        match self.node(top) {
            Node::List(list) => {
                let list = *list;
                Ok(&mut self.lists[list])
            }
            _ => Err(NotData),
        }
    }

    /// A `repr` of a Python 2 string: quotes around, escapes of single bytes inside.
    fn push_quoted(&mut self, line: &[u8]) -> Result<(), NotData> {
        let mut rest = match line {
            [b'\'', body @ .., b'\''] | [b'"', body @ .., b'"'] => body,
            _ => return Err(NotData),
        };
        let start = self.unescaped.len();
        while let [first, tail @ ..] = rest {
            let (byte, length) = match first {
                b'\\' => byte_escape(tail),
                plain => (*plain, 1),
            };
            self.unescaped.push(byte);
            rest = &rest[length..];
        }
        self.push(Node::Unescaped(start..self.unescaped.len()));
        Ok(())
    }

    /// Python's raw-unicode-escape: Latin-1 bytes, and `\uHHHH` and `\UHHHHHHHH` for all others.
    fn push_raw_unicode(&mut self, text: &[u8]) {
        let start = self.unescaped.len();
        let mut rest = text;
        while let [first, tail @ ..] = rest {
            let escaped = match (first, tail.first()) {
                (b'\\', Some(b'u')) => hex(tail, 4).and_then(char::from_u32).zip(Some(6)),
                (b'\\', Some(b'U')) => hex(tail, 8).and_then(char::from_u32).zip(Some(10)),
                _ => None,
            };
            let (character, length) = escaped.unwrap_or((char::from(*first), 1));
            let mut utf8 = [0; 4];
            let utf8 = character.encode_utf8(&mut utf8).as_bytes();
            self.unescaped.extend_from_slice(utf8);
            rest = &rest[length..];
        }
        self.push(Node::Unescaped(start..self.unescaped.len()));
    }
}

/// The byte of an escape whose backslash stands before `tail`, and the length of all of it. An unknown
/// one is a backslash.
fn byte_escape(tail: &[u8]) -> (u8, usize) {
    match tail.first() {
        Some(&quoted @ (b'\\' | b'\'' | b'"')) => (quoted, 2),
        Some(b'n') => (b'\n', 2),
        Some(b'r') => (b'\r', 2),
        Some(b't') => (b'\t', 2),
        Some(b'x') => match hex(tail, 2) {
            Some(code) => (code as u8, 4),
            None => (b'\\', 1),
        },
        _ => (b'\\', 1),
    }
}

/// The number of so many hexadecimal digits behind the first byte.
fn hex(tail: &[u8], digits: usize) -> Option<u32> {
    let text = std::str::from_utf8(tail.get(1..=digits)?).ok()?;
    u32::from_str_radix(text, 16).ok()
}

fn integer(digits: &[u8]) -> Node {
    let text = std::str::from_utf8(digits).unwrap_or_default();
    text.trim().parse().map_or(Node::Other, Node::Int)
}

fn float(digits: &[u8]) -> Result<f64, NotData> {
    let text = std::str::from_utf8(digits).map_err(|_| NotData)?;
    text.trim().parse().map_err(|_| NotData)
}

/// Two's complement, as short as it goes; zero bytes are zero.
fn little_endian(bytes: &[u8]) -> Node {
    let Some(last) = bytes.last() else {
        return Node::Int(0);
    };
    if bytes.len() > 8 {
        return Node::Other;
    }
    let fill = if last & 0x80 == 0 { 0 } else { 0xff };
    let mut word = [fill; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    Node::Int(i64::from_le_bytes(word))
}

impl<'a> Message<'a> {
    fn byte(&mut self) -> Result<u8, NotData> {
        let byte = *self.bytes.get(self.at).ok_or(NotData)?;
        self.at += 1;
        Ok(byte)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], NotData> {
        let end = self.at.checked_add(length).ok_or(NotData)?;
        let taken = self.bytes.get(self.at..end).ok_or(NotData)?;
        self.at = end;
        Ok(taken)
    }

    fn array<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], NotData> {
        let taken = self.take(LENGTH)?;
        Ok(taken.try_into().expect("exactly LENGTH bytes were taken"))
    }

    /// The bytes up to the next line feed.
    fn line(&mut self) -> Result<&'a [u8], NotData> {
        let rest = &self.bytes[self.at..];
        let end = memchr::memchr(b'\n', rest).ok_or(NotData)?;
        self.at += end + 1;
        Ok(rest[..end].trim_ascii_end())
    }

    /// The key of a memo opcode: a line of digits, a byte, or four bytes.
    fn memo_key(&mut self, opcode: u8, by_line: u8, by_byte: u8) -> Result<u32, NotData> {
        if opcode == by_line {
            let text = std::str::from_utf8(self.line()?).map_err(|_| NotData)?;
            return text.parse().map_err(|_| NotData);
        }
        if opcode == by_byte {
            return Ok(self.byte()?.into());
        }
        Ok(u32::from_le_bytes(self.array()?))
    }
}
