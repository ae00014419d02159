//! The bodies of the fuzz targets: what must hold for any bytes whatever.
//!
//! A body panics if a promise is broken, and returns otherwise. `fuzz_targets/` hands them to
//! libFuzzer; `tests/fuzz_smoke.rs` includes this file by its path and runs them on stable.

pub mod at_time;
pub mod block;
pub mod catalog_log;
pub mod codec_round_trip;
pub mod glob;
pub mod pickle;
pub mod plaintext;
pub mod ring;
pub mod series;
pub mod target;
pub mod whisper;

/// One target.
pub struct Target {
    /// Its name, which is also that of its file in `fuzz_targets/`.
    pub name: &'static str,
    /// Its body.
    pub run: fn(&[u8]),
    /// Well-formed inputs, for mutation to start from.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target {
        name: "at_time",
        run: at_time::run,
        seeds: at_time::seeds,
    },
    Target {
        name: "block",
        run: block::run,
        seeds: block::seeds,
    },
    Target {
        name: "catalog_log",
        run: catalog_log::run,
        seeds: catalog_log::seeds,
    },
    Target {
        name: "codec_round_trip",
        run: codec_round_trip::run,
        seeds: codec_round_trip::seeds,
    },
    Target {
        name: "glob",
        run: glob::run,
        seeds: glob::seeds,
    },
    Target {
        name: "pickle",
        run: pickle::run,
        seeds: pickle::seeds,
    },
    Target {
        name: "plaintext",
        run: plaintext::run,
        seeds: plaintext::seeds,
    },
    Target {
        name: "ring",
        run: ring::run,
        seeds: ring::seeds,
    },
    Target {
        name: "series",
        run: series::run,
        seeds: series::seeds,
    },
    Target {
        name: "target",
        run: target::run,
        seeds: target::seeds,
    },
    Target {
        name: "whisper",
        run: whisper::run,
        seeds: whisper::seeds,
    },
];
