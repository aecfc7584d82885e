//! Where an add-on is written: a file that is complete or absent.

use std::fs::{self, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail};
use tempfile::{Builder, NamedTempFile};

use crate::host::real::real;
use crate::host::{durable, file, full, signals};
use crate::place;

/// Less what the user's mask takes away.
const MODE: u32 = 0o666;

/// # Errors
/// When the file may not be replaced, its folder does not exist, or the folder is that of something else.
pub(super) fn check(output: &Path, force: bool) -> Result<()> {
    let (making, folder) = (format!("making the add-on {}", output.display()), durable::parent(output));
    let next = "name another file with --output";
    if !file::is_there(&folder)? {
        bail!("{making}: the folder {} does not exist: make it, or {next}", folder.display());
    }
    if let Some(kind) = file::other_than_folder(&folder) {
        bail!("{making}: {} is {kind}, not a folder: {next}", folder.display());
    }
    if let Some((path, kind)) = place::unfit(&real(&folder)) {
        bail!("{making}: {} is {kind}: {next}", path.display());
    }
    match fs::symlink_metadata(output) {
        Ok(_) if !force => Err(exists(output)),
        Ok(found) if !found.is_file() && !found.is_symlink() => {
            bail!("{making}: it is {}, not a file: {next}", file::what(found.file_type()))
        }
        _ => Ok(()),
    }
}

fn exists(output: &Path) -> anyhow::Error {
    anyhow!(
        "making the add-on {}: it exists already: name another file with --output, or replace it with --force",
        output.display()
    )
}

/// Writes the file, whole and to the disk.
///
/// # Errors
/// When that fails, a signal came, or the file exists by now and may not be replaced. Nothing is left of it then.
pub(super) fn write(output: &Path, bytes: &[u8], force: bool) -> Result<()> {
    let folder = durable::parent(output);
    let writing = || format!("writing the add-on {}", output.display());
    let written =
        beside(&folder, bytes).with_context(writing).map_err(|error| full::explain(&folder, error))?;
    signals::refuse_to_go_on().with_context(writing)?;
    let put = if force { written.persist(output) } else { written.persist_noclobber(output) };
    match put {
        Err(failed) if failed.error.kind() == ErrorKind::AlreadyExists => return Err(exists(output)),
        Err(failed) => return Err(failed.error).with_context(writing),
        Ok(_) => {}
    }
    durable::sync(&folder)
}

fn beside(folder: &Path, bytes: &[u8]) -> Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(".pattern-").permissions(Permissions::from_mode(MODE));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::temporary;

    #[test]
    fn a_file_is_replaced_only_if_that_is_wanted() {
        let place = temporary::folder().unwrap();
        let path = place.path().join("x.addon.efi");
        let said = |result: Result<()>| {
            result.err().map(|error| format!("{error:#}").replace(&place.path().display().to_string(), "p"))
        };
        assert_eq!(said(check(&path, false)), None);
        write(&path, b"one", false).unwrap();
        let wanted = "making the add-on p/x.addon.efi: it exists already: name another file with --output, or replace it with \
                      --force";
        assert_eq!(said(check(&path, false)).as_deref(), Some(wanted));
        // It came meanwhile.
        assert_eq!(said(write(&path, b"two", false)).as_deref(), Some(wanted));
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(said(check(&path, true)), None);
        write(&path, b"two", true).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }

    #[test]
    fn it_goes_into_a_folder_that_is_there_and_has_nothing_else() {
        let place = temporary::folder().unwrap();
        let own = place.path().canonicalize().unwrap();
        let said = |name: &str| {
            let error = check(&own.join(name), true).unwrap_err();
            format!("{error:#}").replace(&own.display().to_string(), "p")
        };
        for folder in ["x-keys", "x.addon.efi", "image/mkosi.extra"] {
            fs::create_dir_all(own.join(folder)).unwrap();
        }
        for file in ["x-keys/secure-boot.key", "file", "image/pattern.toml"] {
            fs::write(own.join(file), "").unwrap();
        }
        let next = "name another file with --output";
        for (name, fault) in [
            ("no/x.addon.efi", "the folder p/no does not exist: make it, or "),
            ("file/x.addon.efi", "p/file is a file, not a folder: "),
            ("x-keys/x.addon.efi", "p/x-keys is a folder of secret keys: "),
            ("image/mkosi.extra/x.addon.efi", "p/image/mkosi.extra is what mkosi reads for an image: "),
            ("x.addon.efi", "it is a folder, not a file: "),
        ] {
            assert_eq!(said(name), format!("making the add-on p/{name}: {fault}{next}"));
        }
    }
}
