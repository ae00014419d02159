//! See `plumbago_fuzz::glob`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plumbago_fuzz::glob::run(data));
