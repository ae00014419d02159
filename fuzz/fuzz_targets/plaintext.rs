//! See `plumbago_fuzz::plaintext`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plumbago_fuzz::plaintext::run(data));
