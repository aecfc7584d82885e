//! See `pattern_fuzz::superblock`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| pattern_fuzz::superblock(input));
