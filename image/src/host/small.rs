//! Reads small files that anybody may have written. A FIFO or a device has no end.

use std::fs::{self, File, FileType};
use std::io::Read as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

/// Reads a file, but at most one byte more than `limit`: a longer file is cut off.
///
/// # Errors
/// When it can't be read, or is not a regular file.
pub(crate) fn read(file: &Path, limit: usize) -> Result<Vec<u8>> {
    let kind = fs::metadata(file)?.file_type();
    if !kind.is_file() {
        bail!("it is {}, not a file", what(kind));
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    File::open(file)?.take(limit).read_to_end(&mut bytes).context("reading it")?;
    Ok(bytes)
}

/// Returns what is at a path, if that is something else than a folder.
pub(crate) fn other_than_folder(path: &Path) -> Option<&'static str> {
    fs::metadata(path).ok().map(|found| found.file_type()).filter(|kind| !kind.is_dir()).map(what)
}

/// Says what something is.
pub(crate) fn what(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "a folder"
    } else if kind.is_file() {
        "a file"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_char_device() || kind.is_block_device() {
        "a device"
    } else {
        "a socket"
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::host::temporary;

    #[test]
    fn a_file_is_read_up_to_the_limit_and_a_byte_more() {
        let place = temporary::folder().unwrap();
        let file = place.path().join("file");
        fs::write(&file, "12345").unwrap();
        let read = |limit| read(&file, limit).unwrap();
        assert_eq!((read(5), read(4), read(3)), (b"12345".to_vec(), b"12345".to_vec(), b"1234".to_vec()));
    }

    #[test]
    fn what_is_not_a_file_is_not_read() {
        let place = temporary::folder().unwrap();
        let fifo = place.path().join("fifo");
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        let said = |file: &Path| format!("{:#}", read(file, 1).unwrap_err());
        assert_eq!(said(&fifo), "it is a FIFO, not a file");
        assert_eq!(said(Path::new("/dev/zero")), "it is a device, not a file");
        assert_eq!(said(place.path()), "it is a folder, not a file");
        assert_eq!(other_than_folder(&fifo), Some("a FIFO"));
        assert_eq!((other_than_folder(place.path()), other_than_folder(&fifo.join("x"))), (None, None));
        assert_eq!(said(&place.path().join("none")), "No such file or directory (os error 2)");
    }
}
