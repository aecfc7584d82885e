//! See `pattern_fuzz::cmdline`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| pattern_fuzz::cmdline(input));
