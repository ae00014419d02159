//! See `plumbago_fuzz::target`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plumbago_fuzz::target::run(data));
