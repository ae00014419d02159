//! Render requests evaluated: targets parsed, planned, read in one batch, run, consolidated.
//!
//! `api` builds a [`RenderRequest`] and calls [`Engine::render`] on a thread of its own pool; evaluation
//! is synchronous. Below are `plan` (what will be read), `fetch` (reading it) and `functions`.
//!
//! What a refresh needs anew is computed, the rest is kept from the request before ([`incremental`]).
//!
//! Targets of one request run side by side on the pool of `rayon`, unless a function among them hands
//! state to later ones, or they are small: a panel must not wait while a heavy query has all threads.

mod engine;
mod evaluation;
mod frame;
mod incremental;
mod request;
mod threads;

pub use engine::{Engine, consolidate};
pub use threads::{GIVEN_BACK_FROM_BYTES, Threads, give_memory_back, give_way, start_pool};

pub use request::{CacheUse, ErrorKind, Limits, RenderError, RenderRequest, Rendered, Statistics};

pub use crate::fetch::{ReadReport, Source};
pub use crate::functions::Cancellation;

#[cfg(test)]
mod tests;
