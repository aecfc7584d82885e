//! See `pattern_fuzz::table`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| pattern_fuzz::table(input));
