#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| polystore::fuzz::ome_xml(bytes));
