//! Commits a partition table.

use anyhow::{Result, bail};
use pattern::table::{self, Found, Table};

use super::Disk;

impl Disk {
    /// Writes a new table in place of the one that was found, and reads it back.
    ///
    /// # Errors
    /// When a write fails, or the table read back is not the new one.
    pub fn commit(&self, found: &Found, new: &Table) -> Result<()> {
        let steps = table::commit(found, new)?;
        if steps.is_empty() {
            return Ok(());
        }
        self.carry_out(&steps)?;
        let now = self.table()?;
        if now.table != *new || !table::commit(&now, new)?.is_empty() {
            bail!(
                "{} doesn't hold the partition table that was just written ({}); look at the kernel log for its errors",
                self.path().display(),
                now.source
            );
        }
        Ok(())
    }
}
