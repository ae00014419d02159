//! Both engines on real file systems that are full to the last byte: a tmpfs of a few megabytes and an ext4
//! in a file. What is stored is lost by neither, a restart on the full disk serves, and with room again
//! all goes on by itself. And on a file system that fails under them.
//!
//! Only who administers the system may mount. Where the test may not, it says so and leaves the file
//! system out; where it may, a mount that fails is a failure. For the native engine the same is injected
//! as well (`storage::strata` on its simulated disk).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod mount;
mod strata;
mod whisper;
