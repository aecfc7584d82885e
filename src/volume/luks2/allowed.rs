//! The ciphers, hashes and rounds that a header may name.

use std::ops::RangeInclusive;

/// Those of honest tools, in the mode of all of them. A list of the bad ones would never be complete.
pub(super) const CIPHERS: &[&str] =
    &["aes-xts-plain64", "camellia-xts-plain64", "serpent-xts-plain64", "twofish-xts-plain64"];
/// Those of libcryptsetup. A digest under a weak one could be met by another key.
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
/// A keyed hash a round, a few minutes at most; cryptsetup's default of two seconds needs a fiftieth of it.
pub(super) const ROUNDS: RangeInclusive<u64> = 1..=1 << 30;
