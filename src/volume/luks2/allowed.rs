//! The ciphers, hashes and rounds that a header may name.

use std::ops::RangeInclusive;

/// The ciphers of honest tools, which all use this mode. A list of forbidden ciphers would never be
/// complete.
pub(super) const CIPHERS: &[&str] =
    &["aes-xts-plain64", "camellia-xts-plain64", "serpent-xts-plain64", "twofish-xts-plain64"];
/// The hashes of libcryptsetup. With a weak hash, another key could have the same digest.
pub(super) const HASHES: &[&str] = &[
    "sha256",
    "sha512",
    "sha1",
    "sha224",
    "sha384",
    "sha3-224",
    "sha3-256",
    "sha3-384",
    "sha3-512",
    "blake2b-512",
    "blake2s-256",
    "ripemd160",
    "sm3",
    "stribog256",
    "stribog512",
    "whirlpool",
];
/// Rounds of a keyed hash. The most take a few minutes, and cryptsetup's default of two seconds
/// needs a fiftieth of that.
pub(super) const ROUNDS: RangeInclusive<u64> = 1..=1 << 30;
