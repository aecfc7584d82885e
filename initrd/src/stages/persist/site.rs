//! Where the volume is, or will be.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use pattern::config::Config;
use pattern::table::{Extent, Found, PERSIST_LEAST, PersistPlace, Table, persist};
use pattern::volume::Locks;
use pattern_machine::disk::Disk;
use pattern_machine::random;

use crate::stage::Report;
use crate::volume::place::recognised;

/// An extent of the disk.
pub(super) struct Site<'a> {
    pub(super) disk: &'a Disk,
    pub(super) table: &'a Table,
    /// Whether the table lists a volume here.
    pub(super) listed: bool,
    /// The partition. If it is not listed, the kernel does not know it yet.
    pub(super) device: PathBuf,
    pub(super) number: u32,
    pub(super) extent: Extent,
}

impl<'a> Site<'a> {
    /// Finds the volume in the table, or a place for it.
    ///
    /// # Errors
    /// When two partitions claim to be the volume, or there is no room for one.
    pub(super) fn find(disk: &'a Disk, table: &'a Table) -> Result<Self> {
        let place = persist(table, PERSIST_LEAST);
        let place = place.with_context(|| format!("disk {}", disk.path().display()))?;
        let listed = matches!(place, PersistPlace::Existing { .. });
        let (PersistPlace::Existing { number, extent } | PersistPlace::Free { number, extent }) = place;
        Ok(Self { disk, table, listed, device: disk.partition_path(number), number, extent })
    }

    /// Says what an ordinary boot would do.
    pub(super) fn plan(&self, config: &Config) -> Result<Report> {
        if !self.listed {
            let decided = format!("planned only: make one with {}", config.volume.filesystem.name());
            return Ok(Report { found: self.free(), decided });
        }
        let (_, locks) = recognised(&self.device).with_context(|| self.volume())?;
        Ok(Report { found: self.found(&locks), decided: "planned only: open it".to_owned() })
    }

    /// Lists the volume in the table.
    ///
    /// # Errors
    /// When the table can't be written.
    pub(super) fn list(&self, found: &Found) -> Result<()> {
        let table = self.table.with_persist(self.number, self.extent, random::uuid()?);
        self.disk.commit(found, &table)?;
        // udev saw the partition before the table named it.
        self.disk.announce(self.number).unwrap_or_else(|error| log::warn!("{error:#}"));
        Ok(())
    }

    /// Describes a place without a volume.
    pub(super) fn free(&self) -> String {
        let mebibytes = self.table.bytes(self.extent) >> 20;
        format!("no persist volume, {mebibytes} MiB free for {}", self.device.display())
    }

    /// Describes a volume here.
    pub(super) fn found(&self, locks: &Locks) -> String {
        let tokens = locks.tokens.len() + locks.unusable.len();
        let (plural, recovery) =
            (if tokens == 1 { "" } else { "s" }, if locks.recovery { "a" } else { "no" });
        let unlisted = if self.listed { "" } else { ", which the partition table did not list" };
        format!(
            "a volume with {tokens} TPM token{plural} and {recovery} recovery key on {}{unlisted}",
            self.device.display()
        )
    }

    /// What an error of opening is about.
    pub(super) fn volume(&self) -> String {
        let unlisted = if self.listed { "" } else { ", which the partition table does not list" };
        format!("persist volume {}{unlisted}", self.device.display())
    }

    /// What an error of making is about.
    pub(super) fn making(&self) -> String {
        format!("making the persist volume on {}", self.device.display())
    }
}
