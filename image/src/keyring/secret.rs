//! Folders of secret keys, wherever they are: nothing that others get goes into one, or below one.

use std::fs;
use std::path::{Path, PathBuf};

use crate::host::gpg;
use crate::host::real::real;

/// How far below a folder is looked.
const DEPTH: usize = 3;

/// Returns whether a name is that of a secret file of a NAME-keys.
pub(crate) fn is_secret(name: &str) -> bool {
    name == "secure-boot.key" || (name.starts_with("pcr-") && name.ends_with("private.pem"))
}

/// Returns what a folder of secrets is.
fn kind(folder: &Path) -> Option<&'static str> {
    if gpg::is_home(folder) {
        return Some("a GnuPG home");
    }
    let mut entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .any(|entry| entry.file_name().to_str().is_some_and(is_secret))
        .then_some("a folder of secret keys")
}

/// Returns the folder of secrets that a path is or would be in, and what that folder is.
pub(crate) fn above(path: &Path) -> Option<(PathBuf, &'static str)> {
    real(path).ancestors().find_map(|folder| Some((folder.to_owned(), kind(folder)?)))
}

/// Returns a folder of secrets below a folder.
pub(crate) fn below(folder: &Path) -> Option<PathBuf> {
    at_most(DEPTH, folder)
}

/// A loop of links ends, too.
fn at_most(depth: usize, folder: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut folders: Vec<_> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    let own = folders.iter().find(|folder| kind(folder).is_some()).cloned();
    own.or_else(|| {
        let further = depth.checked_sub(1).filter(|further| *further > 0)?;
        folders.iter().find_map(|folder| at_most(further, folder))
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use pattern::config::epoch::private_key;

    use super::*;
    use crate::host::temporary;

    #[test]
    fn secret_files_are_known_by_their_names() {
        for name in ["secure-boot.key", "pcr-private.pem", "pcr-debug-private.pem", &private_key(2)] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["secure-boot.crt", "pcr-public.pem", "pcr-debug-public.pem", "private.pem"] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn folders_of_secrets_are_found_above_and_below() {
        let place = temporary::folder().unwrap();
        let own = place.path().canonicalize().unwrap();
        for folder in ["a/b/x-keys/deep", "y-gpg/private-keys-v1.d", "public/x"] {
            fs::create_dir_all(own.join(folder)).unwrap();
        }
        fs::write(own.join("a/b/x-keys/pcr-private.pem"), "").unwrap();
        symlink(own.join("y-gpg"), own.join("link")).unwrap();
        symlink(".", own.join("public/loop")).unwrap();
        for (path, wanted) in [
            ("a/b/x-keys", Some(("a/b/x-keys", "a folder of secret keys"))),
            ("a/b/x-keys/deep/new/er", Some(("a/b/x-keys", "a folder of secret keys"))),
            ("link/release", Some(("y-gpg", "a GnuPG home"))),
            ("a/b", None),
        ] {
            assert_eq!(above(&own.join(path)), wanted.map(|(path, kind)| (own.join(path), kind)), "{path}");
        }
        assert_eq!(below(&own.join("a")), Some(own.join("a/b/x-keys")));
        assert_eq!(below(&own.join("public")), None);
        assert_eq!(below(&own), Some(own.join("link")));
    }
}
