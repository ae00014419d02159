//! The ring format: see `ring.md`.
