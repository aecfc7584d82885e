//! Reads a device to its end, because dm-verity verifies a block only when it is read.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};

const CHUNK: usize = 1 << 20;
/// Interval between two log lines about progress.
const PAUSE: Duration = Duration::from_secs(10);

/// Reads a device to its end. Returns the number of bytes.
///
/// # Errors
/// When a block can't be read. The error has its position.
pub fn read_all(device: &Path) -> Result<u64> {
    let mut file = File::open(device)?;
    let size = file.seek(SeekFrom::End(0))?;
    file.rewind()?;
    let mut buffer = vec![0; CHUNK];
    let (mut at, mut said) = (0, Instant::now());
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(at),
            Ok(length) => {
                forget(&file, at, length);
                at += length as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                return Err(anyhow!(error).context(format!("at byte {at}: /usr or its hash tree is damaged")));
            }
        }
        if said.elapsed() > PAUSE {
            log::info!("{} of {} MiB are verified", at >> 20, size >> 20);
            said = Instant::now();
        }
    }
}

/// Tells the kernel not to cache what was read only to be verified.
fn forget(file: &File, at: u64, length: usize) {
    let (Ok(at), Ok(length)) = (i64::try_from(at), i64::try_from(length)) else { return };
    // It is only advice. A kernel that ignores it keeps more in memory.
    posix_fadvise(file, at, length, PosixFadviseAdvice::POSIX_FADV_DONTNEED).ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_read() {
        let path = std::env::temp_dir().join(format!("pattern-scrub-{}", std::process::id()));
        std::fs::write(&path, vec![1; CHUNK + 5]).unwrap();
        assert_eq!(read_all(&path).unwrap(), CHUNK as u64 + 5);
        std::fs::remove_file(&path).unwrap();
        assert!(read_all(&path).is_err());
    }
}
