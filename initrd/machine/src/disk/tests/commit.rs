//! A base image at the start of a larger disk, in a plain file: its table is brought to its shape and
//! committed.

use gptman::{GPT, GPTPartitionEntry};
use pattern::table::{Change, Decision, Extent, Guid, Wanted, target};

use super::*;
use crate::random::uuid;

const MIB: u64 = 1 << 20;
/// The type linux-usr-x86-64, as a table stores it.
const USR: [u8; 16] =
    [0x0c, 0x68, 0x84, 0x84, 0x21, 0x95, 0xc6, 0x48, 0x9c, 0x11, 0xb0, 0x72, 6, 0x56, 0xf6, 0x9e];

/// A file with a base image of 4 MiB at the start of a disk of 32 MiB.
struct Image(PathBuf);

impl Image {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("pattern-commit-{name}-{}", std::process::id()));
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
        disk.commit(&found, &decision.table([uuid()?, uuid()?]))?;
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
    let wider = found.table.with_persist(9, Extent { first: 4096, last: 4999 }, uuid().unwrap());
    let error = disk.commit(&found, &wider).unwrap_err();
    assert_eq!(error.to_string(), format!("writing the partition table of {}", image.0.display()));
}
