//! `pattern-grow`: brings the partition table of the boot disk to its target shape.

use anyhow::{Context as _, Result};
use pattern::table::{Decision, Found, Refusal, target};

use crate::context::Context;
use crate::machine::disk::Disk;
use crate::machine::random::partition_uuid;
use crate::stage::Report;
use crate::volume::shape;

/// Reads the table, decides, commits the new table and tells the kernel.
///
/// # Errors
/// When the table can't be read or can't get its shape, or a write or a request to the kernel
/// fails.
pub(crate) fn run(ctx: &Context) -> Result<Report> {
    let disk = Disk::behind_usr(&ctx.usr)?;
    disk.check(&ctx.config.partitions.disk)?;
    let found = disk.table()?;
    let decision = target(&found, &shape::wanted(ctx));
    if let Some(reason) = idle(ctx) {
        return Ok(report(&disk, &found, format!("{reason}: {}", described(&decision))));
    }
    let decision = decision.with_context(|| format!("partition table of {}", disk.path().display()))?;
    decision.lacks.iter().for_each(|refusal| log::warn!("{refusal}"));
    let table = decision.table([partition_uuid()?, partition_uuid()?]);
    disk.commit(&found, &table)?;
    disk.tell_kernel(&table)?;
    Ok(report(&disk, &found, decision.to_string()))
}

/// Returns why this boot changes nothing, if so.
fn idle(ctx: &Context) -> Option<&'static str> {
    let flags = &ctx.flags;
    let reasons = [
        (flags.plan_only, "planned only"),
        (flags.volatile, "volatile boot"),
        (!flags.grow, "growth is off"),
    ];
    reasons.into_iter().find(|(given, _)| *given).map(|(_, reason)| reason)
}

fn described(decision: &Result<Decision, Refusal>) -> String {
    match decision {
        Ok(decision) => decision.to_string(),
        Err(refusal) => refusal.to_string(),
    }
}

fn report(disk: &Disk, found: &Found, decided: String) -> Report {
    let count = found.table.partitions().count();
    Report { found: format!("{count} partitions on {}, {}", disk.path().display(), found.source), decided }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::path::PathBuf;

    use gptman::{GPT, GPTPartitionEntry};
    use pattern::table::{Change, Guid, Wanted};

    use super::*;

    const MIB: u64 = 1 << 20;
    /// The type linux-usr-x86-64, as a table stores it.
    const USR: [u8; 16] =
        [0x0c, 0x68, 0x84, 0x84, 0x21, 0x95, 0xc6, 0x48, 0x9c, 0x11, 0xb0, 0x72, 6, 0x56, 0xf6, 0x9e];

    /// A file with a base image of 4 MiB at the start of a disk of 32 MiB.
    struct Image(PathBuf);

    impl Image {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("pattern-grow-{name}-{}", std::process::id()));
            let mut file = File::create_new(&path).unwrap();
            file.set_len(4 * MIB).unwrap();
            let mut gpt = GPT::new_from(&mut file, 512, [7; 16]).unwrap();
            gpt[1] = GPTPartitionEntry {
                partition_type_guid: USR,
                unique_partition_guid: [0xa; 16],
                starting_lba: 2048,
                ending_lba: 4095,
                attribute_bits: 0,
                partition_name: "usr-1".into(),
            };
            gpt.write_into(&mut file).unwrap();
            GPT::write_protective_mbr_into(&mut file, 512).unwrap();
            file.set_len(32 * MIB).unwrap();
            Self(path)
        }

        fn grow(&self) -> Result<Decision> {
            let wanted = Wanted {
                usr: Guid::from_uuid([0xa; 16]),
                verity: Guid::from_uuid([0xb; 16]),
                usr_size: 4 * MIB,
                verity_size: MIB,
                persist_least: 8 * MIB,
            };
            let disk = Disk::plain(&self.0);
            let found = disk.table()?;
            let decision = target(&found, &wanted)?;
            disk.commit(&found, &decision.table([partition_uuid()?, partition_uuid()?]))?;
            Ok(decision)
        }
    }

    impl Drop for Image {
        fn drop(&mut self) {
            fs::remove_file(&self.0).ok();
        }
    }

    #[test]
    fn the_second_run_changes_no_byte() {
        let image = Image::new("twice");
        let before = fs::read(&image.0).unwrap();
        let first = image.grow().unwrap();
        assert!(first.changes.contains(&Change::MoveBackup));
        let after = fs::read(&image.0).unwrap();
        assert_ne!(before, after);
        let modified = fs::metadata(&image.0).unwrap().modified().unwrap();
        assert_eq!(image.grow().unwrap().to_string(), "nothing to change");
        assert_eq!(fs::read(&image.0).unwrap(), after);
        assert_eq!(
            fs::metadata(&image.0).unwrap().modified().unwrap(),
            modified,
            "not even the same bytes again"
        );
    }

    #[test]
    fn a_disk_that_went_away_is_an_error_that_names_it() {
        let image = Image::new("gone");
        let disk = Disk::plain(&image.0);
        let found = disk.table().unwrap();
        fs::remove_file(&image.0).unwrap();
        let wider = found.table.with_persist(
            9,
            pattern::table::Extent { first: 4096, last: 4999 },
            partition_uuid().unwrap(),
        );
        let error = disk.commit(&found, &wider).unwrap_err();
        assert_eq!(error.to_string(), format!("writing the partition table of {}", image.0.display()));
    }
}
