//! See `pattern_fuzz::delta`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| pattern_fuzz::delta(input));
