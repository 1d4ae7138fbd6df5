#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| polystore::fuzz::names(bytes));
