//! Writes systemd's log of what user space measured, in systemd's format.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use nix::libc::O_NOFOLLOW;
use nix::time::ClockId;
use pattern::tpm::measure::{LOG, Measurement};

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// The sticky bit says that a program is writing. If it stays set, that program died and the log is
/// not complete.
const WRITING: u32 = 0o1600;
const WHOLE: u32 = 0o600;

/// The log, locked until this is dropped.
pub(super) struct Record(File);

/// Returns what was measured so far. A log that does not exist is empty.
///
/// # Errors
/// When it can't be read.
pub(super) fn read() -> Result<String> {
    match fs::read(LOG) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
        read => Ok(String::from_utf8_lossy(&read.with_context(|| format!("reading {LOG}"))?).into_owned()),
    }
}

impl Record {
    /// Opens the log, and waits until nobody else writes to it.
    ///
    /// # Errors
    /// When the log can't be opened, or is not complete.
    pub(super) fn open() -> Result<Self> {
        Self::at(Path::new(LOG)).with_context(|| format!("opening {LOG}"))
    }

    fn at(path: &Path) -> Result<Self> {
        if let Some(folder) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o755).create(folder)?;
        }
        let mut options = OpenOptions::new();
        let file = options.append(true).create(true).mode(WHOLE).custom_flags(O_NOFOLLOW).open(path)?;
        file.lock()?;
        let facts = file.metadata()?;
        if !facts.is_file() || facts.permissions().mode() & 0o1000 != 0 {
            bail!("it is not a regular file, or it was not written to its end");
        }
        file.set_permissions(Permissions::from_mode(WRITING))?;
        Ok(Self(file))
    }

    /// Appends one record.
    ///
    /// # Errors
    /// When it can't be written. The log is then marked as incomplete.
    pub(super) fn write(mut self, measurement: &Measurement) -> Result<()> {
        let boot: String = fs::read_to_string(BOOT_ID)?.trim().chars().filter(|c| *c != '-').collect();
        let time = std::time::Duration::from(ClockId::CLOCK_BOOTTIME.now()?);
        let microseconds = u64::try_from(time.as_micros())?;
        self.0.write_all(measurement.record(&boot, microseconds).as_bytes())?;
        self.0.sync_all()?;
        self.0.set_permissions(Permissions::from_mode(WHOLE))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_follow_each_other_and_a_torn_log_is_left_alone() {
        let folder = std::env::temp_dir().join(format!("pattern-record-{}", std::process::id()));
        let path = folder.join("deep/measure.log");
        let measurement = Measurement::phase("x", &[]);
        for _ in 0..2 {
            Record::at(&path).unwrap().write(&measurement).unwrap();
        }
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.matches('\u{1e}').count(), 2, "{text}");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, WHOLE);
        drop(Record::at(&path).unwrap());
        let error = Record::at(&path).err().unwrap().to_string();
        assert_eq!(error, "it is not a regular file, or it was not written to its end");
        fs::remove_dir_all(folder).unwrap();
    }
}
