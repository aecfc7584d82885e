//! Reads small files that anybody may have written.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::file;

/// Reads a file, but at most one byte more than `limit`: a longer file is cut off.
///
/// # Errors
/// When it can't be read, or is not a regular file.
pub(crate) fn read(path: &Path, limit: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file::open(path)?.take(limit).read_to_end(&mut bytes).context("reading it")?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;

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
        let said = |file: &str| format!("{:#}", read(Path::new(file), 1).unwrap_err());
        assert_eq!(said("/dev/zero"), "it is a device, not a file");
        assert_eq!(said("/none"), "No such file or directory (os error 2)");
    }
}
