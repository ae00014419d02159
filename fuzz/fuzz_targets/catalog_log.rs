//! See `plumbago_fuzz::catalog_log`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| plumbago_fuzz::catalog_log::run(data));
