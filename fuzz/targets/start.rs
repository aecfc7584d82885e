//! See `pattern_fuzz::start`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| pattern_fuzz::start(input));
