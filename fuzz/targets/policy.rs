//! See `pattern_fuzz::policy`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| pattern_fuzz::policy(input));
