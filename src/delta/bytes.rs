//! Reads the numbers of a format from bytes that a stranger may have written.

/// The bytes that are still to be read.
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

const CUT: &str = "it is cut short";

impl<'a> Bytes<'a> {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// When fewer are left.
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(CUT)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(CUT)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn u32(&mut self) -> Result<u32, String> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, String> {
        self.array().map(u64::from_le_bytes)
    }

    /// Reads how many entries of this many bytes follow. So many are there: what is made room for is never more than what was
    /// given.
    ///
    /// # Errors
    /// When fewer bytes are left than the entries have.
    pub(super) fn count(&mut self, entry: usize) -> Result<usize, String> {
        let count = usize::try_from(self.u32()?).map_err(|_| CUT)?;
        let bytes = count.checked_mul(entry).ok_or(CUT)?;
        if bytes > self.0.len() { Err(CUT.to_owned()) } else { Ok(count) }
    }

    /// Checks the first bytes of a format and its version.
    ///
    /// # Errors
    /// When they are others.
    pub(super) fn head(&mut self, magic: &[u8; 8], version: u32) -> Result<(), String> {
        if self.array::<8>()? != *magic {
            return Err("it does not begin as such a file does".to_owned());
        }
        match self.u32()? {
            found if found == version => Ok(()),
            found => {
                Err(format!("it has version {found} of the format, and this program reads version {version}"))
            }
        }
    }

    /// Checks that nothing follows.
    ///
    /// # Errors
    /// When something does.
    pub(super) fn end(&self) -> Result<(), String> {
        if self.0.is_empty() { Ok(()) } else { Err(format!("it has {} bytes too many", self.0.len())) }
    }
}
