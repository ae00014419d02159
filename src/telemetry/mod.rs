//! One type an event: it logs and counts together.
