//! Series to bytes: the last room of the read road, between `evaluate` and the socket.
//!
//! An [`Encode`] makes any piece of its reply by itself, so a reply is never whole in memory, several
//! threads can make it, a slow client holds none of them, and an abandoned reply costs nothing more.
//! `api` asks for the pieces and feeds them to the connection. What a refreshed answer has in common with
//! the one before is in a [`Piece`] as it was: nobody writes it anew or copies it.
//!
//! Everything here is pure and synchronous. Encoders own their series; values stay shared.

pub mod carbonapi;
mod csv;
mod dygraph;
mod encode;
mod json;
pub mod msgpack;
mod number;
pub mod objects;
pub mod pickle;
mod piece;
pub mod protobuf;
mod raw;
mod rickshaw;
mod series;
mod text;

#[cfg(test)]
mod fixture;

pub use csv::Csv;
pub use dygraph::Dygraph;
pub use encode::{Chained, Encode, PIECE_BYTES, Wrapped};
pub use json::{Json, JsonOptions};
pub use number::{write_float, write_integer};
pub use objects::{Objects, SeriesObjects};
pub use piece::{Piece, Segment};
pub use raw::Raw;
pub use rickshaw::Rickshaw;
pub use series::{MakeText, Place, SeriesEncoder, SeriesFormat};
pub use text::{write_integer_member, write_json_string, write_key};

/// The formats that `/render` knows by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `[{"target","tags","datapoints":[[value,time]]}]`.
    Json,
    /// One `name,time,value` row a point.
    Csv,
    /// One `name,start,end,step|values` line a series.
    Raw,
    /// A Python pickle of a list of dictionaries, as graphite-web's cluster leaves answer.
    Pickle,
    /// The same list in MessagePack.
    Msgpack,
    /// The table that the dygraph library draws.
    Dygraph,
    /// The objects that the rickshaw library draws.
    Rickshaw,
    /// go-carbon's second protobuf protocol.
    CarbonapiV2,
    /// go-carbon's third protobuf protocol.
    CarbonapiV3,
    /// A picture in pixels.
    Png,
    /// A picture in lines.
    Svg,
    /// A picture on paper.
    Pdf,
}

impl Format {
    /// Graphite's name of a format. Unknown names are pictures there; the caller decides.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "json" => Self::Json,
            "csv" => Self::Csv,
            "raw" => Self::Raw,
            "pickle" => Self::Pickle,
            "msgpack" => Self::Msgpack,
            "dygraph" => Self::Dygraph,
            "rickshaw" => Self::Rickshaw,
            "carbonapi_v2_pb" | "protobuf" | "protobuf3" => Self::CarbonapiV2,
            "carbonapi_v3_pb" => Self::CarbonapiV3,
            "png" => Self::Png,
            "svg" => Self::Svg,
            "pdf" => Self::Pdf,
            _ => return None,
        })
    }

    /// The media type of its answers.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json | Self::Dygraph | Self::Rickshaw => "application/json",
            Self::Csv => "text/csv",
            Self::Raw => "text/plain",
            Self::Pickle => "application/pickle",
            Self::Msgpack => "application/x-msgpack",
            Self::CarbonapiV2 => "application/x-protobuf",
            Self::CarbonapiV3 => "application/x-carbonapi-v3-pb",
            Self::Png => "image/png",
            Self::Svg => "image/svg+xml",
            Self::Pdf => "application/x-pdf",
        }
    }

    /// True for the formats that a script tag can load through a callback.
    pub const fn takes_callback(self) -> bool {
        matches!(self, Self::Json | Self::Dygraph | Self::Rickshaw)
    }
}
