//! How a sealed key is replaced so that the TPM refuses the one before, whatever copy of the header holds it.
//!
//! By option a sealed key is good at one count of a TPM counter of the volume ([`Counted`]). A new one is sealed for a count
//! that is yet to come, and written to the header; then the TPM counts; then the old key slots go. After each step the next
//! boot opens the volume by itself, and begins anew:
//!
//! | header | TPM | it opens by | the next boot |
//! | --- | --- | --- | --- |
//! | n | n | n | has nothing to do |
//! | n and n + 1 | n | n | seals for n + 2, counts twice, removes both |
//! | n and n + 1 | n + 1 | n + 1 | the same, one further |
//!
//! In the second case a copy of the header may hold the key for n + 1 too, so that is not used any more, but as a way in while
//! the TPM counts past it.

use crate::token::{Counted, Tpm2Token};

/// No more pending keys than this are counted past, whatever a header says: each takes a cut right before the count.
const PENDING: u64 = 8;

/// The count to seal for, when the TPM has counted to `now` and the header has keys for these counts.
#[must_use]
pub fn next(now: u64, header: impl Iterator<Item = u64>) -> u64 {
    let limit = now.saturating_add(PENDING);
    header.filter(|count| *count <= limit).fold(now, u64::max).saturating_add(1)
}

/// The counts that the tokens of a header name for this counter.
pub fn counts(tokens: &[Tpm2Token], handle: u32) -> impl Iterator<Item = u64> {
    let counted = tokens.iter().filter_map(|token| token.counted);
    counted.filter(move |counted| counted.handle == handle).map(|counted| counted.count)
}

/// Whether replacing a key was cut short, when one at this count opened the volume.
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

    /// Whoever writes the header does not have the TPM count for years.
    #[test]
    fn a_count_far_away_is_nobodys() {
        assert_eq!(next(5, [13].into_iter()), 14);
        assert_eq!(next(5, [14, u64::MAX].into_iter()), 6);
        assert_eq!(next(u64::MAX, [u64::MAX].into_iter()), u64::MAX);
    }
}
