//! Finds the entry of `db` by which firmware accepts a program (UEFI Specification, 32.5.3.3 "Authorization Process").

use super::database::{DatabaseError, Entry, entries};
use crate::uki;

/// `EFI_CERT_X509_GUID` and `EFI_CERT_SHA256_GUID`, as in memory.
const CERTIFICATE: &[u8; 16] = b"\xa1\x59\xc0\xa5\xe4\x94\xa7\x4a\x87\xb5\xab\x15\x5c\x2b\xf0\x72";
const SHA256: &[u8; 16] = b"\x26\x16\xc4\xc1\x4c\x50\x92\x40\xac\xa9\x41\xf9\x36\x93\x43\x28";

/// What is known of how firmware takes a program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Acceptance<'a> {
    /// By this entry.
    By(Entry<'a>),
    /// It is not signed, and not in `db`.
    Refused,
    /// It is signed with a certificate that is not itself in `db`: one there may have signed that certificate, or not.
    Unclear,
}

/// Looks for the first certificate that is in the program's signature, and then for the program's digest.
///
/// # Errors
/// When `db` is not a signature database.
pub(crate) fn acceptance<'a>(
    db: &'a [u8],
    program: &[u8],
    digest: &[u8],
) -> Result<Acceptance<'a>, DatabaseError> {
    let signature = uki::signature(program);
    let entries = entries(db)?;
    let signed = |entry: &&Entry<'_>| {
        entry.kind == *CERTIFICATE && signature.is_some_and(|whole| contains(whole, entry.value()))
    };
    let listed = |entry: &&Entry<'_>| entry.kind == *SHA256 && entry.value() == digest;
    let found = entries.iter().find(signed).or_else(|| entries.iter().find(listed));
    Ok(match (found, signature) {
        (Some(entry), _) => Acceptance::By(*entry),
        (None, None) => Acceptance::Refused,
        (None, Some(_)) => Acceptance::Unclear,
    })
}

/// A signature holds its certificates as they are (RFC 5652, "SignedData Type").
fn contains(whole: &[u8], part: &[u8]) -> bool {
    !part.is_empty() && whole.windows(part.len()).any(|window| window == part)
}
