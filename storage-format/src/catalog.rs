//! The catalog format: see `catalog.md`.
