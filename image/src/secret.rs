//! Folders of secret keys, wherever they are: nothing that others get goes into one, or below one.

use std::fs;
use std::path::{Path, PathBuf};

use crate::host::below::{Below, Entry};
use crate::host::real::real;
use crate::host::{gpg, private_key};

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

/// Returns the first folder of secrets or file with a private key of what is below a folder.
pub(crate) fn below(entries: &mut Below) -> Option<PathBuf> {
    let is_one = |entry: &Entry| match entry.found.is_dir() {
        true => kind(&entry.path).is_some(),
        false => entry.found.is_file() && private_key::is_behind(&entry.path),
    };
    entries.find(is_one).map(|entry| entry.path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use pattern::config::epoch;

    use super::*;
    use crate::host::temporary;

    #[test]
    fn secret_files_are_known_by_their_names() {
        for name in ["secure-boot.key", "pcr-private.pem", "pcr-debug-private.pem", &epoch::private_key(2)] {
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
        let below = |folder: &Path| below(&mut Below::of(folder, |_| true));
        assert_eq!(below(&own.join("a")), Some(own.join("a/b/x-keys")));
        assert_eq!(below(&own.join("public")), None);
        assert_eq!(below(&own), Some(own.join("link")));
        // A key is known by its content, wherever it is.
        fs::create_dir_all(own.join("public/.well/b/c/d")).unwrap();
        fs::write(own.join("public/.well/b/c/d/tls.pem"), "-----BEGIN PRIVATE KEY-----\n").unwrap();
        assert_eq!(below(&own.join("public")), Some(own.join("public/.well/b/c/d/tls.pem")));
        fs::create_dir(own.join("web")).unwrap();
        symlink("../public/.well/b/c/d/tls.pem", own.join("web/id")).unwrap();
        assert_eq!(below(&own.join("web")), Some(own.join("web/id")));
    }
}
