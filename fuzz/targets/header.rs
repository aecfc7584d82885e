//! See `pattern_fuzz::header`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| pattern_fuzz::header(input));
