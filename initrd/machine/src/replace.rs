//! Replaces a file as a whole: a power cut leaves the content of before, or all of the new one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

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
}
