//! The command line's tools for Whisper files and trees, through the real binary, beside the Python
//! package's own scripts where there is one (`tests/install.sh` installs them).
//!
//! Times are the system's: points are old enough, and steps coarse enough, that a second more or
//! less between two runs changes no answer.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod answers;
mod files;
mod harness;
mod interrupted;
mod live;
mod refused;
mod trees;
