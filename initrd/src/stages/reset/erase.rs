//! Overwrites what opens a volume.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use anyhow::{Context as _, Result};
use nix::libc::O_EXCL;
use pattern::volume::reset::KEY_AREA;
use pattern_machine::ioctl;

/// Bytes that are written at once.
const PIECE: usize = 1 << 20;

/// A partition that nobody else uses while this exists. `O_EXCL` ensures that for a block device.
pub(super) struct Claim(File);

impl Claim {
    /// # Errors
    /// When it is mounted, or open as an encrypted volume.
    pub(super) fn new(device: &Path) -> Result<Self> {
        let file = OpenOptions::new().read(true).write(true).custom_flags(O_EXCL).open(device);
        file.map(Self).with_context(|| format!("claiming {}", device.display()))
    }

    /// Writes zeros over header and key slots. The rest is discarded, and can't be read without
    /// them.
    ///
    /// # Errors
    /// When the disk can't be written.
    pub(super) fn erase(&self) -> io::Result<()> {
        let mut file = &self.0;
        let bytes = file.seek(SeekFrom::End(0))?;
        // The discard comes before the zeros, so that later reads return what was written here.
        if let Err(error) = ioctl::discard(file, 0, bytes) {
            log::info!("this disk does not discard what it held: {error}");
        }
        let zeros = vec![0; PIECE];
        let end = bytes.min(KEY_AREA);
        let mut at = 0;
        while at < end {
            let left = usize::try_from(end - at).unwrap_or(PIECE).min(PIECE);
            file.write_all_at(zeros.get(..left).unwrap_or_default(), at)?;
            at += left as u64;
        }
        file.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::luks;
    use pattern::volume::Seen;
    use pattern_machine::random;

    #[test]
    fn no_copy_of_the_header_is_left_and_no_key_slot() {
        let path = std::env::temp_dir().join(format!("pattern-erase-{}", std::process::id()));
        File::create(&path).unwrap().set_len(KEY_AREA + (32 << 20)).unwrap();
        let draft = luks::Draft::new(&path, KEY_AREA, random::uuid().unwrap()).unwrap();
        draft.write(&path).unwrap();
        assert!(matches!(luks::look(&path).unwrap(), Seen::Luks2(_)));
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all_at(b"key", KEY_AREA - 3).unwrap();
        file.write_all_at(b"data", KEY_AREA).unwrap();
        Claim::new(&path).unwrap().erase().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let (area, rest) = bytes.split_at(KEY_AREA as usize);
        assert!(area.iter().all(|byte| *byte == 0));
        // A plain file can't be discarded, which is not an error.
        assert!(rest.starts_with(b"data"));
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn what_is_not_there_is_named() {
        let error = Claim::new(Path::new("/nonexistent/device")).err().unwrap();
        assert!(format!("{error:#}").starts_with("claiming /nonexistent/device: No such file"), "{error:#}");
    }
}
