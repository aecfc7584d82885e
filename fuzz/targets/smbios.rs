//! See `pattern_fuzz::smbios`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| pattern_fuzz::smbios(input));
