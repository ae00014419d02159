//! See `plumbago_fuzz::pickle`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plumbago_fuzz::pickle::run(data));
