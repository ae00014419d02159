//! Configuration: raw as typed, then checked.
