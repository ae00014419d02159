//! Render targets and times as users type them, turned into values.
//!
//! On the read road this is the step between `api` and `plan`: text goes in, a syntax tree
//! ([`Expression`]) or a second since the epoch comes out. Everything here is pure and
//! synchronous, holds no state and knows neither series nor functions: whether `scale` exists
//! and what it takes is decided downstream.
//!
//! - [`parse`] reads a target; [`Expression::expand`] then removes `template()` from it.
//! - [`time`] reads `from`, `until` and intervals.
//! - `Display` of an [`Expression`] prints text that parses to the same tree again.
//!
//! Every input has a bound ([`TARGET_LENGTH_MAX`], [`TARGET_DEPTH_MAX`]) and is read in time
//! linear in its length, so that hostile text costs no more than honest text.

mod cursor;
mod parser;
mod print;
mod syntax;
mod template;
pub mod time;

pub use parser::{ParseError, ParseErrorKind, Prefix, TARGET_DEPTH_MAX, TARGET_LENGTH_MAX};
pub use parser::{parse, parse_prefix};
pub use syntax::{Call, Expression, TagQuery, Template};
pub use template::{Value, Variables};
pub use time::{TimeError, parse_at_time, parse_offset, parse_shift, time_zone};
