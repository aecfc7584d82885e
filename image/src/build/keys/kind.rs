//! What `--keys` names, if it is not a folder of keys.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::host::file;
use crate::host::gpg;

/// Returns what something is that has none of the keys of `pattern build`, or nothing if it has some. `name` is that of the
/// image's keyring.
///
/// # Errors
/// When it can't be read.
pub(super) fn other(path: &Path, name: &str) -> Result<Option<String>> {
    if let Some(kind) = file::other_than_folder(path) {
        return Ok(Some(format!("it is {kind}")));
    }
    let entries = fs::read_dir(path).with_context(|| format!("keys: reading {}", path.display()))?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    Ok(of_folder(path, name, names))
}

fn of_folder(path: &Path, name: &str, mut names: Vec<String>) -> Option<String> {
    if names.iter().any(|name| ["pcr-", "secure-boot."].iter().any(|start| name.starts_with(start))) {
        return None;
    }
    if gpg::is_home(path) {
        return Some(
            "it is a GnuPG home, which `pattern sign-release` takes; the NAME-keys is beside it".to_owned(),
        );
    }
    names.retain(|name| name.ends_with("-keys") && path.join(name).is_dir());
    names.sort();
    let own = format!("{name}-keys");
    let shown = |name: &String| path.join(name).display().to_string();
    Some(match names.as_slice() {
        [] => "it has none of the keys".to_owned(),
        names if names.contains(&own) => format!("name {}, which is in it", shown(&own)),
        [only] => format!("name {}, which is in it", shown(only)),
        several => {
            let several: Vec<_> = several.iter().map(shown).collect();
            format!("name the one of this image, which may be {}", several.join(" or "))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Keys, Pcr};
    use super::*;
    use crate::host::temporary;

    #[test]
    fn another_kind_of_folder_is_told_from_one_that_lost_keys() {
        let place = temporary::folder().unwrap();
        let path = |name: &str| place.path().join(name);
        for folder in ["empty", "x/x-gpg/private-keys-v1.d", "x/x-keys"] {
            fs::create_dir_all(path(folder)).unwrap();
        }
        fs::write(path("file"), "").unwrap();
        let within = format!("name {}, which is in it", path("x/x-keys").display());
        for (name, kind) in [
            ("empty", "it has none of the keys"),
            ("file", "it is a file"),
            ("x/x-gpg", "it is a GnuPG home, which `pattern sign-release` takes; the NAME-keys is beside it"),
            ("x", &within),
        ] {
            let folder = path(name);
            let error = Keys::find(&folder, Pcr::Debug, "z").unwrap_err().to_string();
            let wanted = format!(
                "keys: {} is not a NAME-keys folder: {kind}; only for a new system: pattern gen-keyring NAME",
                folder.display()
            );
            assert_eq!(error, wanted);
        }
        for part in ["pcr-public.pem", "secure-boot.crt"] {
            fs::write(path("x/x-keys").join(part), "").unwrap();
            assert_eq!(other(&path("x/x-keys"), "x").unwrap(), None);
            fs::remove_file(path("x/x-keys").join(part)).unwrap();
        }
    }

    #[test]
    fn of_several_keyrings_that_of_the_image_is_meant() {
        let place = temporary::folder().unwrap();
        for folder in ["a-keys", "z-keys"] {
            fs::create_dir(place.path().join(folder)).unwrap();
        }
        let said = |name: &str| {
            other(place.path(), name).unwrap().unwrap().replace(&place.path().display().to_string(), "x")
        };
        assert_eq!(said("z"), "name x/z-keys, which is in it");
        assert_eq!(said("b"), "name the one of this image, which may be x/a-keys or x/z-keys");
    }
}
