//! The classic engine: a tree of .wsp files.
