//! A disk that was not finished does not start, and can be burned again; a disk that does not keep what is written is found
//! out; nothing of the former system is left where somebody looks.

use std::fs::{self, OpenOptions};
use std::io::Cursor;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use gptman::{GPT, GPTPartitionEntry};
use pattern::table::{Found, Table};

use super::*;
use crate::burn::contents;
use crate::burn::target;
use crate::host::temporary::TemporaryFolder;

const MIB: usize = 1 << 20;
const DISK: usize = 32 * MIB;
/// Where the partitions of the image end.
const END: u64 = 7 << 20;

/// An image of three partitions from 1 to 7 MiB: bytes, zeros, bytes.
fn image() -> Vec<u8> {
    let mut image = Cursor::new(vec![0; 8 * MIB]);
    let mut gpt = GPT::new_from(&mut image, 512, [7; 16]).unwrap();
    for number in 1..=3_u8 {
        let start = (u64::from(number) * 2 - 1) * 2048;
        gpt[number.into()] = GPTPartitionEntry {
            partition_type_guid: [1; 16],
            unique_partition_guid: [number; 16],
            starting_lba: start,
            ending_lba: start + 4095,
            attribute_bits: 0,
            partition_name: "part".into(),
        };
    }
    gpt.write_into(&mut image).unwrap();
    GPT::write_protective_mbr_into(&mut image, 512).unwrap();
    let mut image = image.into_inner();
    image[MIB..3 * MIB].fill(1);
    image[5 * MIB..7 * MIB].fill(3);
    image
}

/// A disk in a file.
struct Place {
    folder: TemporaryFolder,
    image: Vec<u8>,
}

impl Place {
    fn new(content: &[u8]) -> Self {
        let place = Self { folder: TemporaryFolder::new().unwrap(), image: image() };
        fs::write(place.path(), content).unwrap();
        place
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    fn content(&self) -> Vec<u8> {
        fs::read(self.path()).unwrap()
    }

    fn change(&self, offset: usize, bytes: &[u8]) {
        let file = OpenOptions::new().write(true).open(self.path()).unwrap();
        file.write_all_at(bytes, offset as u64).unwrap();
    }

    fn with_job<T>(&self, act: impl FnOnce(&Job<'_>, &[Thing]) -> T) -> T {
        let path = self.path();
        let target = Target::open(&path, &target::kind(&path).unwrap(), 512).unwrap();
        let table = Table::of_image(&self.image[..MIB]).unwrap();
        let fitted = table.fit(&self.image[..MIB], 512, DISK as u64).unwrap();
        let former = contents::look(&mut target.reader(), 512, None).unwrap();
        act(&Job { fitted: &fitted, target: &target, path: &path, screen: Screen::new(true) }, &former)
    }

    /// Burns this much of the image.
    fn burn(&self, length: usize) -> Result<()> {
        self.with_job(|job, former| job.run(former, &mut &self.image[MIB..length]))
    }

    /// Burns the partitions, and calls `change` before they are read back.
    fn burn_with(&self, change: impl FnOnce()) -> Result<()> {
        self.with_job(|job, former| {
            job.clear(former)?;
            let sums = job.copy(&mut &self.image[MIB..], END)?;
            change();
            job.read_back(&sums, END)
        })
    }

    fn table(&self) -> Result<Table> {
        Ok(Found::read(&mut Cursor::new(self.content()), 512)?.table)
    }
}

fn former() -> Vec<u8> {
    let mut disk = Cursor::new(vec![0xee; DISK]);
    let mut gpt = GPT::new_from(&mut disk, 512, [9; 16]).unwrap();
    gpt[1] = GPTPartitionEntry {
        partition_type_guid: [1; 16],
        unique_partition_guid: [8; 16],
        starting_lba: 12 * 2048,
        ending_lba: 20 * 2048 - 1,
        attribute_bits: 0,
        partition_name: "persist".into(),
    };
    gpt.write_into(&mut disk).unwrap();
    let mut disk = disk.into_inner();
    disk[12 * MIB..][..8].copy_from_slice(b"LUKS\xba\xbe\0\x02");
    disk[25 * MIB..][..8].copy_from_slice(b"LUKS\xba\xbe\0\x02");
    disk
}

#[test]
fn the_partitions_are_the_images_and_zeros_are_written_as_zeros() {
    let place = Place::new(&former());
    place.burn(7 * MIB).unwrap();
    let content = place.content();
    assert!(content[MIB..7 * MIB] == place.image[MIB..7 * MIB], "the partitions are other ones");
    assert_eq!(place.table().unwrap().partitions().count(), 3);
    assert_eq!(content[..446], place.image[..446]);
}

#[test]
fn what_the_former_system_left_is_found_by_nobody() {
    let place = Place::new(&former());
    place.burn(7 * MIB).unwrap();
    let content = place.content();
    for (start, end) in [(12, 13), (19, 20), (25, 26)] {
        assert!(content[start * MIB..end * MIB].iter().all(|byte| *byte == 0), "{start} MiB");
    }
    // Of the last mebibyte the table takes 33 sectors.
    assert!(content[31 * MIB..DISK - 33 * 512].iter().all(|byte| *byte == 0));
    // What nobody looks for takes no time.
    assert_eq!(content[14 * MIB], 0xee);
}

#[test]
fn a_disk_that_was_not_finished_has_no_table_and_is_burned_again() {
    for length in [MIB, 2 * MIB + 5, 7 * MIB - 1] {
        let place = Place::new(&former());
        let error = place.burn(length).unwrap_err();
        let expected = " is not finished: it has no partition table, and nothing starts from it: reading the image: it ends \
                        early: is it damaged?: failed to fill whole buffer";
        assert!(format!("{error:#}").ends_with(expected), "{error:#}");
        let refusal = "no usable partition table (primary: no header there; backup: no header there); restore it from a \
                       rescue system";
        assert_eq!(place.table().unwrap_err().to_string(), refusal);
        place.burn(7 * MIB).unwrap();
        place.table().unwrap();
    }
}

#[test]
fn a_medium_that_does_not_keep_what_is_written_gets_no_table() {
    for (offset, at) in [(MIB, "1 MiB"), (4 * MIB + 7, "4 MiB"), (7 * MIB - 1, "6 MiB"), (DISK - 1, "31 MiB")]
    {
        let place = Place::new(&former());
        let error = place.burn_with(|| place.change(offset, &[0x55])).unwrap_err().to_string();
        let expected =
            format!("does not keep what is written to it: at {at} it has something else; it is worn out");
        assert!(error.contains(&expected), "{error}");
        assert!(place.table().is_err(), "{at}");
        place.burn_with(|| ()).unwrap();
    }
}
