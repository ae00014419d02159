//! The native engine.
mod disk;
mod map;
mod panel;
