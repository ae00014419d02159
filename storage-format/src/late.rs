//! The late format: see `late.md`.
