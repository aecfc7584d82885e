//! Opens files that somebody names. A FIFO or a device has no end, and a FIFO that nobody writes to can't even be opened: so
//! nothing but a regular file is.

use std::fs::{self, File, FileType, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

/// Where a process finds what it was given open, such as the output of another program.
const GIVEN: [&str; 3] = ["/dev/fd", "/proc/self/fd", "/dev/stdin"];

/// Opens a file.
///
/// # Errors
/// When it can't be read, or is not a regular file.
pub(crate) fn open(path: &Path) -> Result<File> {
    refuse_other(path)?;
    let file = without_waiting(path)?;
    // It may have become another one.
    refuse(file.metadata()?.file_type())?;
    Ok(file)
}

/// Opens a file, or what the process was given open: a shell's `<(COMMAND)`, `/dev/stdin`.
///
/// # Errors
/// As [`open`].
pub(crate) fn open_or_given(path: &Path) -> Result<File> {
    let is_pipe = fs::metadata(path)?.file_type().is_fifo();
    if !is_pipe || !GIVEN.iter().any(|given| path.starts_with(given)) {
        return open(path);
    }
    let file = without_waiting(path)?;
    // Who reads it waits for whoever writes it.
    fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
    Ok(file)
}

/// Opens anything, and waits for nobody.
pub(super) fn without_waiting(path: &Path) -> std::io::Result<File> {
    let flags = i32::try_from((OFlags::NONBLOCK | OFlags::NOCTTY).bits()).unwrap_or_default();
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// Returns what a file has.
///
/// # Errors
/// As [`open`].
pub(crate) fn content(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes).context("reading it")?;
    Ok(bytes)
}

/// Returns what a file has, if that is text.
///
/// # Errors
/// As [`open`], or when it is not UTF-8.
pub(crate) fn text(path: &Path) -> Result<String> {
    String::from_utf8(content(path)?).ok().context("it is not text in UTF-8")
}

/// Looks at a file that another program opens.
///
/// # Errors
/// As [`open`]. The error names the file.
pub(crate) fn readable(path: &Path) -> Result<()> {
    open(path).map(drop).with_context(|| format!("reading {}", path.display()))
}

/// Looks at a file that is opened in another way.
///
/// # Errors
/// When it is not a regular file.
pub(crate) fn refuse_other(path: &Path) -> Result<()> {
    refuse(fs::metadata(path)?.file_type())
}

fn refuse(kind: FileType) -> Result<()> {
    if !kind.is_file() {
        bail!("it is {}, not a file", what(kind));
    }
    Ok(())
}

/// Returns whether there is something at a path. What is in a folder that may not be read is not missing.
///
/// # Errors
/// When that can't be known. The error names the path.
pub(crate) fn is_there(path: &Path) -> Result<bool> {
    path.try_exists().with_context(|| format!("reading {}", path.display()))
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
    use std::io::{self, Write as _};
    use std::os::fd::AsRawFd as _;
    use std::process::Command;

    use super::*;
    use crate::host::temporary;

    #[test]
    fn what_is_not_a_file_is_not_opened() {
        let place = temporary::folder().unwrap();
        let fifo = place.path().join("fifo");
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        for (path, wanted) in [
            (&*fifo, "it is a FIFO, not a file"),
            (Path::new("/dev/zero"), "it is a device, not a file"),
            (place.path(), "it is a folder, not a file"),
            (&place.path().join("none"), "No such file or directory (os error 2)"),
        ] {
            for opened in [open(path).map(drop), open_or_given(path).map(drop), text(path).map(drop)] {
                assert_eq!(format!("{:#}", opened.unwrap_err()), wanted);
            }
        }
        // It does not wait for a writer, though the look before it saw something else.
        assert!(without_waiting(&fifo).is_ok());
        assert_eq!(other_than_folder(&fifo), Some("a FIFO"));
        assert_eq!((other_than_folder(place.path()), other_than_folder(&fifo.join("x"))), (None, None));
    }

    /// Of a folder that may not be read the kernel says so to all but root. A loop of links it shows to nobody.
    #[test]
    fn what_can_not_be_looked_at_is_not_missing() {
        let place = temporary::folder().unwrap();
        let path = |name: &str| place.path().join(name);
        std::os::unix::fs::symlink("loop", path("loop")).unwrap();
        let wanted = format!("reading {}: Too many levels of symbolic links", path("loop").display());
        let error = format!("{:#}", is_there(&path("loop")).unwrap_err());
        assert!(error.starts_with(&wanted), "{error}");
        assert_eq!((is_there(place.path()).unwrap(), is_there(&path("none")).unwrap()), (true, false));
    }

    #[test]
    fn what_another_program_writes_is_read_to_its_end() {
        let (reader, mut writer) = io::pipe().unwrap();
        let path = format!("/dev/fd/{}", reader.as_raw_fd());
        let mut file = open_or_given(Path::new(&path)).unwrap();
        let writing = std::thread::spawn(move || writer.write_all(&[b'x'; 100_000]).unwrap());
        drop(reader);
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        writing.join().unwrap();
        assert_eq!(bytes.len(), 100_000);
    }

    #[test]
    fn the_content_of_a_file_is_text_or_not() {
        let place = temporary::folder().unwrap();
        let path = place.path().join("file");
        fs::write(&path, "text").unwrap();
        assert_eq!((text(&path).unwrap().as_str(), content(&path).unwrap()), ("text", b"text".to_vec()));
        fs::write(&path, [0xff]).unwrap();
        assert_eq!(text(&path).unwrap_err().to_string(), "it is not text in UTF-8");
    }
}
