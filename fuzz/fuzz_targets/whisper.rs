//! See `plumbago_fuzz::whisper`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plumbago_fuzz::whisper::run(data));
