//! Replaces a sealed key so that the TPM refuses the old one, whatever copy of the header has it.
//!
//! By option a sealed key is valid at one count of a TPM counter of the volume ([`Counted`]). A new
//! key is sealed for a future count, and written to the header. Then the TPM counts. Then the old
//! key slots are removed. After each step the next boot opens the volume without a person, and
//! starts over:
//!
//! | header | TPM | it opens by | the next boot |
//! | --- | --- | --- | --- |
//! | n | n | n | has nothing to do |
//! | n and n + 1 | n | n | seals for n + 2, counts twice, removes both |
//! | n and n + 1 | n + 1 | n + 1 | the same, one further |
//!
//! In the second case a copy of the header may have the key for n + 1, too. So that key is no
//! longer used, except to open the volume while the TPM counts past it.

use crate::token::{Counted, Tpm2Token};

/// The TPM counts past at most this many pending keys, whatever a header says. Each pending key
/// comes from a cut right before the count.
const PENDING: u64 = 8;

/// Returns the count to seal for, if the TPM has counted to `now` and the header has keys for these
/// counts.
#[must_use]
pub fn next(now: u64, header: impl Iterator<Item = u64>) -> u64 {
    let limit = now.saturating_add(PENDING);
    header.filter(|count| *count <= limit).fold(now, u64::max).saturating_add(1)
}

/// Returns the counts that the tokens of a header name for this counter.
pub fn counts(tokens: &[Tpm2Token], handle: u32) -> impl Iterator<Item = u64> {
    let counted = tokens.iter().filter_map(|token| token.counted);
    counted.filter(move |counted| counted.handle == handle).map(|counted| counted.count)
}

/// Returns whether a replacement was cut short, if a key at this count opened the volume.
#[must_use]
pub fn is_cut(tokens: &[Tpm2Token], used: Option<Counted>) -> bool {
    used.is_some_and(|used| counts(tokens, used.handle).any(|count| count != used.count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_key_is_for_a_count_that_no_key_was_sealed_for() {
        for (now, header, expected) in
            [(5, vec![], 6), (5, vec![5], 6), (5, vec![4, 5], 6), (5, vec![5, 6], 7), (6, vec![5, 6], 7)]
        {
            assert_eq!(next(now, header.into_iter()), expected);
        }
    }

    /// A forged header must not make the TPM count for years.
    #[test]
    fn a_count_far_away_is_nobodys() {
        assert_eq!(next(5, [13].into_iter()), 14);
        assert_eq!(next(5, [14, u64::MAX].into_iter()), 6);
        assert_eq!(next(u64::MAX, [u64::MAX].into_iter()), u64::MAX);
    }
}
