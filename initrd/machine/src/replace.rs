//! Replaces a file or a directory as a whole: a power cut leaves the one of before, or all of the new one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

/// Ends the name under which the content is written first.
pub const UNFINISHED: &str = ".new";

/// Writes a file of this mode into a folder. It is on the medium, under its name, when this returns.
///
/// # Errors
/// When the folder can't be written to.
pub fn file(folder: &Path, name: &str, content: &[u8], mode: u32) -> io::Result<()> {
    let draft = folder.join(format!("{name}{UNFINISHED}"));
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut written = OpenOptions::new().write(true).create_new(true).mode(mode).open(&draft)?;
    written.write_all(content)?;
    written.sync_all()?;
    fs::rename(draft, folder.join(name))?;
    File::open(folder)?.sync_all()
}

/// Exchanges two directories of one file system. Both are on the medium, under their new names, when this returns.
///
/// # Errors
/// When one is not there, or the file system can't exchange them.
pub fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    renameat2(AT_FDCWD, one, AT_FDCWD, other, RenameFlags::RENAME_EXCHANGE)?;
    [one, other].into_iter().filter_map(Path::parent).try_for_each(|folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, symlink};

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_whatever_was_left_under_the_other_name() {
        let folder = std::env::temp_dir().join(format!("pattern-replace-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        symlink("elsewhere", folder.join("key.new")).unwrap();
        file(&folder, "key", b"one", 0o600).unwrap();
        file(&folder, "key", b"two", 0o400).unwrap();
        assert_eq!(fs::read(folder.join("key")).unwrap(), b"two");
        assert_eq!(fs::metadata(folder.join("key")).unwrap().mode() & 0o777, 0o400);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1, "something is left");
        assert!(file(&folder.join("missing"), "key", b"", 0o600).is_err());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn two_directories_change_places() {
        let folder = std::env::temp_dir().join(format!("pattern-exchange-{}", std::process::id()));
        let [one, other] = ["a/one", "b/other"].map(|name| folder.join(name));
        for place in [&one, &other] {
            fs::create_dir_all(place).unwrap();
        }
        fs::write(one.join("x"), "").unwrap();
        exchange(&one, &other).unwrap();
        assert!(other.join("x").exists() && one.is_dir() && !one.join("x").exists());
        assert!(exchange(&one, &folder.join("missing")).is_err() && one.is_dir());
        fs::remove_dir_all(folder).unwrap();
    }
}
