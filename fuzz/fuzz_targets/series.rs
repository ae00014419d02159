//! See `plumbago_fuzz::series`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plumbago_fuzz::series::run(data));
