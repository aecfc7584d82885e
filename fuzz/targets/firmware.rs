//! See `pattern_fuzz::firmware`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| pattern_fuzz::firmware(input));
