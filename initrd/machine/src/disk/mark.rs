//! The mark of a boot that has not ended in an orderly way: the root hash of its `/usr`, in the last
//! sector before the area where partitions may be.
//!
//! No partition has this sector, and it is there before anything is open. A variable of the firmware
//! would do, too, but its memory wears out, and each boot writes the mark. Whoever writes to the disk
//! can set or remove it. A mark that is set costs a reading of all of `/usr`. One that is removed is
//! set again by the next boot, before that boot reads anything.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use pattern::boot::usr::UsrHash;
use pattern::table::Step;

use super::carry_out;

/// What the sector begins with. The root hash follows, 32 bytes, and the rest is zeros.
const MAGIC: &[u8; 16] = b"pattern-bootmark";
const BYTES: usize = MAGIC.len() + 32;

/// The place of the mark.
#[derive(Debug)]
pub struct Mark {
    disk: PathBuf,
    /// Where the sector begins, in bytes.
    at: u64,
    sector_size: u64,
}

impl Mark {
    /// Returns a place. Reads nothing.
    #[must_use]
    pub fn new(disk: PathBuf, at: u64, sector_size: u64) -> Self {
        Self { disk, at, sector_size }
    }

    /// Returns whether the mark is set, and for this `/usr`.
    ///
    /// # Errors
    /// When the disk can't be read.
    pub fn is_set(&self, usr: &UsrHash) -> Result<bool> {
        Ok(self.read()? == Some(sector(usr)))
    }

    /// Sets the mark. It is on the medium when this returns.
    ///
    /// # Errors
    /// When the disk can't be written.
    pub fn set(&self, usr: &UsrHash) -> Result<()> {
        self.write(&sector(usr)).with_context(|| self.doing("writing"))
    }

    /// Removes the mark. Writes nothing if none is set.
    ///
    /// # Errors
    /// When the disk can't be read or written.
    pub fn remove(&self) -> Result<()> {
        match self.read()? {
            Some(_) => self.write(&[]).with_context(|| self.doing("removing")),
            None => Ok(()),
        }
    }

    fn read(&self) -> Result<Option<[u8; BYTES]>> {
        let mut bytes = [0; BYTES];
        let read = File::open(&self.disk).and_then(|disk| disk.read_exact_at(&mut bytes, self.at));
        read.with_context(|| self.doing("reading"))?;
        Ok(bytes.starts_with(MAGIC).then_some(bytes))
    }

    fn write(&self, bytes: &[u8]) -> std::io::Result<()> {
        let mut sector = bytes.to_vec();
        sector.resize(usize::try_from(self.sector_size).unwrap_or(BYTES), 0);
        carry_out(&self.disk, &[Step::Write { offset: self.at, bytes: sector }, Step::Flush])
    }

    fn doing(&self, what: &str) -> String {
        format!("{what} the mark of a boot on {}", self.disk.display())
    }
}

fn sector(usr: &UsrHash) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    let (magic, hash) = bytes.split_at_mut(MAGIC.len());
    magic.copy_from_slice(MAGIC);
    hash.copy_from_slice(usr.bytes());
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
        fs::write(&disk, [7; 3 * 512]).unwrap();
        let mark = Mark::new(disk.clone(), 512, 512);
        let before = fs::read(&disk).unwrap();
        mark.remove().unwrap();
        assert_eq!(fs::read(&disk).unwrap(), before, "what is not a mark is left alone");
        assert!(!mark.is_set(&usr("ab")).unwrap());
        mark.set(&usr("ab")).unwrap();
        assert!(mark.is_set(&usr("ab")).unwrap() && !mark.is_set(&usr("cd")).unwrap());
        mark.set(&usr("cd")).unwrap();
        assert!(!mark.is_set(&usr("ab")).unwrap());
        mark.remove().unwrap();
        assert!(!mark.is_set(&usr("cd")).unwrap());
        let after = fs::read(&disk).unwrap();
        assert_eq!((&after[..512], &after[1024..]), (&before[..512], &before[1024..]));
        assert_eq!(after[512..1024], [0; 512]);
        fs::remove_file(disk).unwrap();
    }

    #[test]
    fn a_disk_that_is_gone_is_named() {
        let error = Mark::new("/nonexistent/disk".into(), 512, 512).set(&usr("ab")).unwrap_err();
        assert!(
            format!("{error:#}").starts_with("writing the mark of a boot on /nonexistent/disk: No such file"),
            "{error:#}"
        );
    }
}
