//! Secret keys among the files that mkosi copies into an image: whoever has the image would have them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::mkosi::Mkosi;
use crate::host::gpg::SECRET_KEYS;
use crate::host::private_key;

/// The folder of secret keys in a GnuPG home, and the file of an older one.
const OF_GPG: [&str; 2] = [SECRET_KEYS, "secring.gpg"];

/// What there is to say about a secret key.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Secret {
    /// It signs systems or updates, and belongs into no image.
    Ours(String),
    /// It may be meant.
    Other(String),
}

/// Returns what there is to say about the secret keys among an image's files.
pub(super) fn secrets(mkosi: &Mkosi) -> Vec<Secret> {
    let found: BTreeSet<_> = mkosi.files.iter().filter_map(|file| secret(&file.from)).collect();
    found.into_iter().collect()
}

fn secret(file: &Path) -> Option<Secret> {
    if let Some(part) = of_gpg(file) {
        return Some(Secret::Ours(format!(
            "{} has secret keys of a GnuPG home, and everybody who has the image would have them: {MOVE}",
            part.display()
        )));
    }
    // A link is copied as a link.
    if !private_key::is_in(file) {
        return None;
    }
    let (shown, name) = (file.display(), file.file_name()?.to_string_lossy());
    if crate::secret::is_secret(&name) {
        return Some(Secret::Ours(format!(
            "{shown} is a secret key of a NAME-keys, and everybody who has the image would have it: {MOVE}"
        )));
    }
    Some(Secret::Other(format!(
        "{shown} is a private key, which all machines with the image share, and which everybody who has the image can read: if \
         each machine is to have its own, make it there; to give one machine a secret, use a credential (boot.credentials)"
    )))
}

const MOVE: &str = "move it out of the files of the image; if an image with it was given away, make new keys";

/// Returns the part of a GnuPG home that has secret keys, if a file is or is in one.
fn of_gpg(file: &Path) -> Option<PathBuf> {
    let mut parts = file
        .ancestors()
        .filter(|part| part.file_name().is_some_and(|name| OF_GPG.iter().any(|wanted| name == *wanted)));
    parts.next().map(Path::to_owned)
}
