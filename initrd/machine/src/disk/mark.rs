//! The mark of a boot that has not ended in an orderly way: the root hash of its `/usr`, in the last
//! block before the area where partitions may be.
//!
//! No partition has this block, and it is there before anything is open. A variable of the firmware
//! would do, too, but its memory wears out, and each boot writes the mark. Whoever writes to the disk
//! can set or remove it. A mark that is set costs a reading of all of `/usr`. One that is removed is
//! set again by the next boot, before that boot reads anything.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use pattern::boot::usr::UsrHash;
use pattern::table::{BLOCK, Step};

use super::{open_for_writing, perform};

/// What the block begins with. The root hash follows, 32 bytes, and the rest is zeros.
const MAGIC: &[u8; 16] = b"pattern-bootmark";

/// The place of the mark.
#[derive(Debug)]
pub struct Mark {
    disk: PathBuf,
    /// Where the block begins, in bytes.
    at: u64,
}

impl Mark {
    /// Returns a place. Reads nothing.
    #[must_use]
    pub fn new(disk: PathBuf, at: u64) -> Self {
        Self { disk, at }
    }

    /// Returns whether the mark is set, and for this `/usr`.
    ///
    /// # Errors
    /// When the disk can't be read.
    pub fn is_set(&self, usr: &UsrHash) -> Result<bool> {
        Ok(self.read()? == block(Some(usr)))
    }

    /// Sets the mark. It is on the medium when this returns.
    ///
    /// # Errors
    /// When the disk can't be written, or something else is there: a boot loader of a small computer may
    /// lie between the table and the first partition.
    pub fn set(&self, usr: &UsrHash) -> Result<()> {
        let before = self.read()?;
        if !before.starts_with(MAGIC) && before != block(None) {
            bail!("{}: something else is there", self.doing("writing"));
        }
        self.write(block(Some(usr))).with_context(|| self.doing("writing"))
    }

    /// Removes the mark. Writes nothing if none is set.
    ///
    /// # Errors
    /// When the disk can't be read or written.
    pub fn remove(&self) -> Result<()> {
        if self.read()?.starts_with(MAGIC) {
            self.write(block(None)).with_context(|| self.doing("removing"))?;
        }
        Ok(())
    }

    fn read(&self) -> Result<Vec<u8>> {
        let mut bytes = block(None);
        let read = File::open(&self.disk).and_then(|disk| disk.read_exact_at(&mut bytes, self.at));
        read.with_context(|| self.doing("reading"))?;
        Ok(bytes)
    }

    /// Takes no lock: nobody else looks at this block, and a boot must not wait for anybody here.
    fn write(&self, bytes: Vec<u8>) -> io::Result<()> {
        let disk = open_for_writing(&self.disk)?;
        perform(&disk, &Step::Write { offset: self.at, bytes })?;
        perform(&disk, &Step::Flush)
    }

    fn doing(&self, what: &str) -> String {
        format!("{what} the mark of a boot on {}", self.disk.display())
    }
}

/// Returns the block with the mark for this `/usr`, or without one.
fn block(usr: Option<&UsrHash>) -> Vec<u8> {
    let mut bytes = usr.map_or_else(Vec::new, |usr| [&MAGIC[..], usr.bytes()].concat());
    bytes.resize(BLOCK as usize, 0);
    bytes
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn usr(digits: &str) -> UsrHash {
        UsrHash::parse(&digits.repeat(32)).unwrap()
    }

    #[test]
    fn a_mark_is_kept_until_it_is_removed_and_its_neighbours_stay() {
        let disk = std::env::temp_dir().join(format!("pattern-mark-{}", std::process::id()));
        let before = [vec![7; 4096], vec![0; 4096], vec![7; 4096]].concat();
        fs::write(&disk, &before).unwrap();
        let mark = Mark::new(disk.clone(), BLOCK);
        assert!(!mark.is_set(&usr("ab")).unwrap());
        mark.set(&usr("ab")).unwrap();
        assert!(mark.is_set(&usr("ab")).unwrap() && !mark.is_set(&usr("cd")).unwrap());
        mark.set(&usr("cd")).unwrap();
        assert!(!mark.is_set(&usr("ab")).unwrap());
        mark.remove().unwrap();
        assert!(!mark.is_set(&usr("cd")).unwrap());
        assert!(fs::read(&disk).unwrap() == before);
        fs::remove_file(disk).unwrap();
    }

    #[test]
    fn what_is_not_a_mark_is_left_alone() {
        let disk = std::env::temp_dir().join(format!("pattern-mark-other-{}", std::process::id()));
        fs::write(&disk, [7; 8192]).unwrap();
        let mark = Mark::new(disk.clone(), BLOCK);
        mark.remove().unwrap();
        let error = mark.set(&usr("ab")).unwrap_err().to_string();
        assert!(error.ends_with(": something else is there"), "{error}");
        assert!(fs::read(&disk).unwrap() == [7; 8192]);
        fs::remove_file(disk).unwrap();
    }

    #[test]
    fn a_disk_that_is_gone_is_named() {
        let error = Mark::new("/nonexistent/disk".into(), BLOCK).set(&usr("ab")).unwrap_err();
        assert!(
            format!("{error:#}").starts_with("reading the mark of a boot on /nonexistent/disk: No such file"),
            "{error:#}"
        );
    }
}
