//! Bytes to points, pure: no sockets, no clock, no threads.
//!
//! `receiver` is above: it feeds a [`Decoder`] whatever a transport delivered and gives it a
//! [`Sink`] for what comes out. Names leave here in canonical form (`metric::name`), values are never
//! NaN, timestamps are seconds that an archive could hold.
//!
//! The seam suits three kinds of protocols: lines (the decoder leaves an unfinished tail to the
//! caller), frames larger than any read buffer (the decoder takes everything and keeps what it
//! needs), and a compressed stream around either (likewise). What one connection may keep is
//! bounded by [`Limits`].

mod frames;
mod number;
pub mod pickle;
pub mod plaintext;
pub mod protobuf;

use crate::metric::Refusal;
use crate::metric::name::NameRules;
use frames::Framed;
pub use pickle::Pickle;
pub use plaintext::Plaintext;
pub use protobuf::Protobuf;

/// Takes what a decoder makes. `receiver` implements it over the queues.
pub trait Sink {
    /// One good point; the name is canonical.
    fn point(&mut self, name: &[u8], timestamp: i64, value: f64);

    /// One point that was not accepted; `line` is what arrived, or the part of it that is wrong.
    fn refuse(&mut self, reason: Refusal, line: &[u8]);

    /// True when it wants to be emptied before more comes. A decoder asks between points and
    /// returns early; one more point does no harm.
    fn is_full(&self) -> bool;
}

/// What every decoder is held to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Length and policy of names.
    pub names: NameRules,
    /// Greatest length of one line in bytes, its end not counted.
    pub line_bytes_max: usize,
    /// Greatest length of one frame of the framed protocols.
    pub frame_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            names: NameRules::default(),
            line_bytes_max: 64 * 1024,
            // As in carbon. A pickle takes some thirty times its length while it is read.
            frame_bytes_max: 1024 * 1024,
        }
    }
}

/// How far a decoder came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Bytes of the input that are done with; the caller presents the others again, longer.
    pub consumed: usize,
    /// True when the sink was full first: empty it and call again, even with nothing new.
    pub has_more: bool,
}

/// Why a stream cannot go on: its framing is lost, so every later byte would be misread.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// A frame announces more bytes than the limit.
    #[error("a frame of {announced} bytes is longer than the limit of {limit} bytes")]
    FrameTooLong {
        /// What its header says.
        announced: usize,
        /// What is allowed.
        limit: usize,
    },
}

/// The protocols by their names in config.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// `name value timestamp` lines.
    Plaintext,
    /// Frames of Python pickles.
    Pickle,
    /// Frames of protocol buffers, as carbon and go-carbon speak them.
    Protobuf,
}

impl Protocol {
    /// Every protocol.
    pub const ALL: [Protocol; 3] = [Protocol::Plaintext, Protocol::Pickle, Protocol::Protobuf];

    /// The name in config.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Pickle => "pickle",
            Self::Protobuf => "protobuf",
        }
    }

    /// The protocol of a name in config; `None` for an unknown one.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|protocol| protocol.as_str() == text)
    }

    /// A decoder for one connection, or for one stream of datagrams.
    pub fn decoder(self, limits: Limits) -> Decoder {
        match self {
            Self::Plaintext => Decoder::Plaintext(Plaintext::new(limits)),
            Self::Pickle => Decoder::Pickle(Box::new(Pickle::new(limits))),
            Self::Protobuf => Decoder::Protobuf(Protobuf::new(limits)),
        }
    }
}

/// The decoding half of one connection. An enum rather than a trait object: the loops over lines
/// are compiled for the sink they write into.
#[derive(Debug)]
pub enum Decoder {
    /// Lines.
    Plaintext(Plaintext),
    /// Frames of pickles.
    Pickle(Box<Pickle>),
    /// Frames of protocol buffers.
    Protobuf(Protobuf),
}

impl Decoder {
    /// Decodes what it can of `input`, which starts where the last call stopped consuming. `now` is
    /// the receive time, for points that carry none.
    ///
    /// # Errors
    /// When nothing that follows on this stream can be read.
    pub fn decode<S: Sink>(
        &mut self,
        input: &[u8],
        now: i64,
        sink: &mut S,
    ) -> Result<Decoded, StreamError> {
        match self {
            Self::Plaintext(plaintext) => Ok(plaintext.decode(input, now, sink)),
            Self::Pickle(pickle) => pickle.decode(input, now, sink),
            Self::Protobuf(protobuf) => protobuf.decode(input, now, sink),
        }
    }

    /// Ends a stream or a datagram: `rest` is what no call consumed. The decoder is as new afterwards.
    pub fn finish<S: Sink>(&mut self, rest: &[u8], now: i64, sink: &mut S) {
        match self {
            Self::Plaintext(plaintext) => plaintext.finish(rest, now, sink),
            // They leave no rest.
            Self::Pickle(pickle) => pickle.finish(sink),
            Self::Protobuf(protobuf) => protobuf.finish(sink),
        }
    }
}
