//! See `plumbago_fuzz::codec_round_trip`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plumbago_fuzz::codec_round_trip::run(data));
