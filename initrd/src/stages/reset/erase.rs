//! Overwrites what opens a volume.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use nix::libc::O_EXCL;
use pattern::table::Amount;
use pattern::volume::reset::KEY_AREA;
use pattern_machine::ioctl;

/// Bytes that are written at once.
const PIECE: usize = 1 << 20;

/// Bytes that are discarded at once. Nothing can end a discard before it is done.
const DISCARDED: u64 = 1 << 30;
/// How long the disk may discard. Without its keys, nobody can read what is left.
const PATIENCE: Duration = Duration::from_secs(60);

/// Discards from the start on, while there is time. Returns how many bytes it discarded.
fn discarded<E>(
    bytes: u64,
    discard: impl Fn(u64, u64) -> Result<(), E>,
    in_time: impl Fn() -> bool,
) -> Result<u64, E> {
    let mut at = 0;
    while at < bytes && in_time() {
        let length = DISCARDED.min(bytes - at);
        discard(at, length)?;
        at += length;
    }
    Ok(at)
}

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
        log::info!("discarding {}, for at most {} s", Amount(bytes), PATIENCE.as_secs());
        let begun = Instant::now();
        let discard = |at, length| ioctl::discard(file, at, length);
        match discarded(bytes, discard, || begun.elapsed() < PATIENCE) {
            Ok(done) if done < bytes => log::warn!("this disk discarded only {} in time", Amount(done)),
            Ok(_) => {}
            Err(error) => log::info!("this disk does not discard what it held: {error}"),
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
    use std::cell::RefCell;

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
    fn a_slow_disk_discards_a_part() {
        let pieces = RefCell::new(Vec::new());
        let discard = |at: u64, length: u64| {
            pieces.borrow_mut().push((at, length));
            if length == 7 { Err("refused") } else { Ok(()) }
        };
        assert_eq!(discarded(DISCARDED + 5, discard, || true), Ok(DISCARDED + 5));
        assert_eq!(*pieces.borrow(), [(0, DISCARDED), (DISCARDED, 5)]);
        pieces.borrow_mut().clear();
        assert_eq!(discarded(4 * DISCARDED, discard, || pieces.borrow().len() < 2), Ok(2 * DISCARDED));
        assert_eq!(discarded(DISCARDED, discard, || false), Ok(0));
        assert_eq!(discarded(7, discard, || true), Err("refused"));
    }

    #[test]
    fn what_is_not_there_is_named() {
        let error = Claim::new(Path::new("/nonexistent/device")).err().unwrap();
        assert!(format!("{error:#}").starts_with("claiming /nonexistent/device: No such file"), "{error:#}");
    }
}
