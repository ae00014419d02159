//! See `plumbago_fuzz::at_time`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plumbago_fuzz::at_time::run(data));
