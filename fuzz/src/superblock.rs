//! The superblock of a hash tree, as whoever writes the disk may leave it.

use pattern::boot::superblock::{BYTES, Superblock, SuperblockError};
use pattern::plain::plain;

/// Takes the first bytes of a hash partition. They are cut or padded with zeros.
///
/// # Panics
/// When a superblock is accepted that our images do not have, or one of theirs is refused; when a text
/// is empty, or commands a terminal.
pub fn superblock(input: &[u8]) {
    let mut bytes = [0; BYTES];
    bytes.iter_mut().zip(input).for_each(|(byte, given)| *byte = *given);
    let parsed = Superblock::parse(&bytes);
    assert_eq!(parsed.is_ok(), ours(&bytes), "{parsed:?}");
    assert_eq!(parsed == Err(SuperblockError::Absent), !bytes.starts_with(b"verity\0\0"), "{parsed:?}");
    // Strangers choose the name of the algorithm, which a refusal repeats: every log makes it plain.
    let line = parsed.map_or_else(|error| plain(&error.to_string()), |superblock| superblock.to_string());
    assert!(!line.is_empty() && !line.chars().any(char::is_control), "{line:?}");
    assert_eq!(plain(&line), line, "nothing is left to hide");
}

/// Returns whether magic, version, hash type and algorithm are those of our images. The other fields
/// may have any value.
fn ours(bytes: &[u8; BYTES]) -> bool {
    let head = [&b"verity\0\0"[..], &[1, 0, 0, 0], &[1, 0, 0, 0]].concat();
    bytes.starts_with(&head) && bytes[32..].starts_with(b"sha256\0")
}
