//! A result that `pattern build` did not finish: it has no `SHA256SUMS`, which come last.

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};

use super::is_file_of;
use super::manifest::MANIFEST;

/// Refuses the folder `ID_VERSION` with files of that version, if it has no `SHA256SUMS`.
///
/// # Errors
/// When it is such a folder.
pub(crate) fn refuse(folder: &Path) -> Result<()> {
    if folder.join(MANIFEST).exists() {
        return Ok(());
    }
    // The path may be "." or a link.
    let base = folder.canonicalize().ok().and_then(|path| Some(path.file_name()?.to_str()?.to_owned()));
    let is_of = |base: &str| {
        let mut entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.any(|entry| entry.file_name().to_str().is_some_and(|name| is_file_of(base, name)))
    };
    if let Some(base) = base.filter(|base| is_of(base)) {
        bail!("{}: {}", folder.display(), words(&base));
    }
    Ok(())
}

/// Says what such a folder is.
pub(crate) fn words(base: &str) -> String {
    format!("the build of {base} did not finish, because {MANIFEST} is missing: build it again with --force")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::temporary;

    #[test]
    fn a_folder_of_a_version_without_sums_is_not_finished() {
        let place = temporary::folder().unwrap();
        let folder = place.path().join("x_1");
        fs::create_dir(&folder).unwrap();
        refuse(&folder).unwrap();
        for name in ["notes.txt", "x_2.raw", "x_1.raw.xz"] {
            fs::write(folder.join(name), "").unwrap();
            refuse(&folder).unwrap();
        }
        for name in ["x_1.efi", "x_1.pubring.pgp", "x_1.raw"] {
            fs::write(folder.join(name), "").unwrap();
            let wanted =
                "the build of x_1 did not finish, because SHA256SUMS is missing: build it again with --force";
            assert_eq!(refuse(&folder).unwrap_err().to_string(), format!("{}: {wanted}", folder.display()));
            fs::remove_file(folder.join(name)).unwrap();
        }
        fs::write(folder.join("x_1.raw"), "").unwrap();
        // Somebody's own folder of images.
        fs::rename(&folder, place.path().join("images")).unwrap();
        refuse(&place.path().join("images")).unwrap();
        fs::rename(place.path().join("images"), &folder).unwrap();
        fs::write(folder.join("SHA256SUMS"), "").unwrap();
        refuse(&folder).unwrap();
    }
}
