//! What a build writes at its end, after minutes: whether it can be written is looked at before the build begins.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use rustix::fs::{Access, access};

use super::output;
use super::users;
use crate::host::screen;

/// Checks the file of the users' numbers, and the folder of the result.
///
/// # Errors
/// When one of them can't be written for sure.
pub(super) fn check(base: &str, folder: &Path, output: &Path, to: &Path) -> Result<()> {
    numbers(folder)?;
    result(base, output, to)
}

/// The first build of a system always writes the file. A later one does so if it has a new user or group.
fn numbers(folder: &Path) -> Result<()> {
    let file = users::file(folder);
    let Err(error) = may_write(file.parent().unwrap_or(&file)) else { return Ok(()) };
    let shown = file.display();
    if file.is_file() {
        screen::warn(format_args!(
            "warning: {shown} can't be written ({error}): if this version has new users or groups, the build fails at its end"
        ));
        return Ok(());
    }
    Err(error).with_context(|| {
        format!(
            "building from {}: {shown} can't be written, and the build ends with that file: copy the folder to where you \
             can write, and keep the file there",
            folder.display()
        )
    })
}

/// The files are moved, so the folder has to be in the file system of the others.
///
/// # Errors
/// When it can't be written for sure.
pub(crate) fn result(base: &str, output: &Path, to: &Path) -> Result<()> {
    let writing = || format!("building into {}", to.display());
    let Ok(found) = fs::metadata(to) else { return Ok(()) };
    if !found.is_dir() {
        bail!(
            "{}: it is a file, not a folder: move it away, or name another folder with --output",
            writing()
        );
    }
    may_write(to).with_context(|| format!("{} (another folder: --output DIR)", writing()))?;
    if fs::metadata(output).with_context(writing)?.dev() != found.dev() {
        bail!(
            "{}: it is in another file system than {}, from where the results are moved: name a folder of that file system \
             with --output",
            writing(),
            output.display()
        );
    }
    for name in output::own(base, to)? {
        if to.join(&name).is_dir() {
            bail!(
                "{}: {name} in it is a folder, and the build makes a file of this name: move it away",
                writing()
            );
        }
    }
    Ok(())
}

/// Asks the kernel whether files can be made in a folder.
fn may_write(folder: &Path) -> io::Result<()> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    Ok(access(folder, Access::WRITE_OK | Access::EXEC_OK)?)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::host::temporary;

    /// Where nobody can make a file, not even root.
    const NOBODYS: &str = "/proc/self";

    #[test]
    fn the_first_file_of_numbers_must_be_writable_and_a_later_one_may_not_be_needed() {
        let place = temporary::folder().unwrap();
        numbers(place.path()).unwrap();
        let said = format!("{:#}", numbers(Path::new(NOBODYS)).unwrap_err());
        let wanted = "building from /proc/self: /proc/self/users.lock can't be written, and the build ends with that file: copy the \
                      folder to where you can write, and keep the file there: ";
        assert!(said.starts_with(wanted), "{said}");
        let link = place.path().join("users.lock");
        symlink("/proc/self/none", &link).unwrap();
        let said = format!("{:#}", numbers(place.path()).unwrap_err());
        assert!(
            said.contains("/proc/self/none can't be written, and the build ends with that file"),
            "{said}"
        );
        fs::remove_file(&link).unwrap();
        symlink("/proc/self/status", &link).unwrap();
        numbers(place.path()).unwrap();
    }

    #[test]
    fn the_place_of_the_result_is_a_folder_that_can_be_written_with_files_only() {
        let place = temporary::folder().unwrap();
        let to = place.path().join("x_1");
        let said = || {
            format!("{:#}", result("x_1", place.path(), &to).unwrap_err())
                .replace(&to.display().to_string(), "x_1")
        };
        result("x_1", place.path(), &to).unwrap();
        fs::write(&to, "").unwrap();
        let wanted = "building into x_1: it is a file, not a folder: move it away, or name another folder with --output";
        assert_eq!(said(), wanted);
        fs::remove_file(&to).unwrap();
        symlink(NOBODYS, &to).unwrap();
        assert!(said().starts_with("building into x_1 (another folder: --output DIR): "), "{}", said());
        fs::remove_file(&to).unwrap();
        symlink("/dev/shm", &to).unwrap();
        assert!(said().starts_with("building into x_1: it is in another file system than "), "{}", said());
        fs::remove_file(&to).unwrap();
        fs::create_dir_all(to.join("x_1.raw")).unwrap();
        let wanted = "building into x_1: x_1.raw in it is a folder, and the build makes a file of this name: move it away";
        assert_eq!(said(), wanted);
    }
}
