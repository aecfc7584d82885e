//! Restarting once on corruption: what to ask dm-verity for.

use std::fmt;

use pattern::usr::UsrHash;

/// What a block with a wrong hash leads to in this boot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Response {
    Restart,
    Panic,
    IoError,
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Restart => "restart",
            Self::Panic => "panic",
            Self::IoError => "I/O error",
        })
    }
}

/// Decides by what the variable held before. Each boot writes its root hash, an orderly shutdown removes it: the same
/// root hash means that the last boot from this `/usr` did not get that far, maybe because of a corrupt block.
pub(super) fn respond(before: Option<Vec<u8>>, usr: &UsrHash) -> Response {
    match before {
        Some(hash) if hash == usr.bytes() => Response::IoError,
        _ => Response::Restart,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_boot_after_one_that_was_cut_short_does_not_restart_again() {
        let usr = UsrHash::parse(&"ab".repeat(32)).unwrap();
        assert_eq!(respond(None, &usr), Response::Restart);
        assert_eq!(respond(Some(vec![0xab; 32]), &usr), Response::IoError);
    }

    #[test]
    fn another_image_gets_its_own_try() {
        let usr = UsrHash::parse(&"ab".repeat(32)).unwrap();
        assert_eq!(respond(Some(vec![0xcd; 32]), &usr), Response::Restart);
        assert_eq!(respond(Some(vec![]), &usr), Response::Restart);
    }
}
