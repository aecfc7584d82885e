//! See `pattern_fuzz::token`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| pattern_fuzz::token(input));
