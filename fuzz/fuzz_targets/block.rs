//! See `plumbago_fuzz::block`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plumbago_fuzz::block::run(data));
