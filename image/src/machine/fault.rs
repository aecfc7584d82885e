//! What is wrong with the files of a machine that is kept, as far as a look at each shows.

use std::fmt;
use std::fs::{self, FileType};
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

use super::kept::{self, DISK, TPM, VARIABLES};
use super::swtpm;
use crate::host::file;

/// What a part of a machine is in the place of what it should be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    Empty,
    NotAFile(&'static str),
    NotAFolder(&'static str),
}

impl fmt::Display for Fault {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(to, "is empty"),
            Self::NotAFile(what) => write!(to, "is {what}, not a file"),
            Self::NotAFolder(what) => write!(to, "is {what}, not a folder"),
        }
    }
}

/// Returns what is wrong with the parts in a folder that exist. swtpm and QEMU would wait for ever for whoever reads a FIFO.
pub(super) fn of(folder: &Path) -> Vec<(&'static str, Fault)> {
    kept::own().filter_map(|name| Some((name, part(name, &folder.join(name))?))).collect()
}

fn part(name: &str, path: &Path) -> Option<Fault> {
    let found = fs::metadata(path).ok()?;
    let kind = found.file_type();
    match name {
        swtpm::SOCKET => None,
        TPM if !found.is_dir() => Some(Fault::NotAFolder(file::what(kind))),
        TPM => (!swtpm::has_state(path)).then_some(Fault::Empty),
        _ if !holds_bytes(kind) => Some(Fault::NotAFile(file::what(kind))),
        DISK | VARIABLES if found.is_file() && found.len() == 0 => Some(Fault::Empty),
        _ => None,
    }
}

/// A disk may be a device behind a link, and a log `/dev/null`.
fn holds_bytes(kind: FileType) -> bool {
    kind.is_file() || kind.is_block_device() || kind.is_char_device()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::host::temporary;

    #[test]
    fn each_part_is_what_it_should_be() {
        let place = temporary::folder().unwrap();
        let path = |name: &str| place.path().join(name);
        assert_eq!(of(place.path()), []);
        for (name, text) in [(DISK, "disk"), (VARIABLES, "keys"), ("qemu.log", ""), ("notes", "")] {
            fs::write(path(name), text).unwrap();
        }
        fs::create_dir(path(TPM)).unwrap();
        fs::write(path("tpm/tpm2-00.permall"), "state").unwrap();
        std::os::unix::fs::symlink("/dev/null", path("console.log")).unwrap();
        assert_eq!(of(place.path()), []);
        fs::write(path("tpm/tpm2-00.permall"), "").unwrap();
        fs::write(path("tpm/.lock"), "lock").unwrap();
        for name in [DISK, VARIABLES] {
            fs::write(path(name), "").unwrap();
        }
        assert_eq!(of(place.path()), [DISK, VARIABLES, TPM].map(|name| (name, Fault::Empty)));
        fs::remove_dir_all(path(TPM)).unwrap();
        fs::write(path(TPM), "state").unwrap();
        for name in [DISK, VARIABLES, "qemu.log"] {
            fs::remove_file(path(name)).unwrap();
            assert!(Command::new("mkfifo").arg(path(name)).status().unwrap().success());
        }
        let said: Vec<_> = of(place.path()).iter().map(|(name, fault)| format!("{name} {fault}")).collect();
        let fifo = |name| format!("{name} is a FIFO, not a file");
        let wanted =
            [fifo(DISK), fifo(VARIABLES), "tpm is a file, not a folder".to_owned(), fifo("qemu.log")];
        assert_eq!(said, wanted);
    }
}
