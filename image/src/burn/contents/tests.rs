//! What is said of a disk is what a person must know before it is erased.

use std::io::{Cursor, Write as _};

use gptman::{GPT, GPTPartitionEntry};

use super::*;
use crate::burn::blocks::samples;

const MIB: usize = 1 << 20;

type Disk = Cursor<Vec<u8>>;

/// Start and size in MiB, label, and what is there.
type Placed = (u64, u64, &'static str, &'static [u8]);

fn disk(parts: &[Placed]) -> Disk {
    let mut disk = Cursor::new(vec![0; 64 * MIB]);
    let mut gpt = GPT::new_from(&mut disk, 512, [7; 16]).unwrap();
    for (number, (start, size, label, _)) in (1..).zip(parts) {
        gpt[number] = GPTPartitionEntry {
            partition_type_guid: [1; 16],
            unique_partition_guid: [number as u8; 16],
            starting_lba: start * 2048,
            ending_lba: (start + size) * 2048 - 1,
            attribute_bits: 0,
            partition_name: (*label).into(),
        };
    }
    gpt.write_into(&mut disk).unwrap();
    parts.iter().for_each(|(start, _, _, bytes)| put(&mut disk, *start as usize * MIB, bytes));
    disk
}

fn put(disk: &mut Disk, at: usize, bytes: &[u8]) {
    disk.set_position(at as u64);
    disk.write_all(bytes).unwrap();
}

fn said(disk: &mut Disk, block: Option<&Block>) -> Vec<String> {
    look(disk, 512, block).unwrap().iter().map(ToString::to_string).collect()
}

const LUKS2: &[u8] = b"LUKS\xba\xbe\0\x02";

#[test]
fn a_blank_disk_holds_nothing() {
    let mut blank = Cursor::new(vec![0; 64 * MIB]);
    assert!(said(&mut blank, None).is_empty());
    for at in [600 << 10, 64 * MIB - 1] {
        let mut disk = Cursor::new(vec![0; 64 * MIB]);
        put(&mut disk, at, b"x");
        assert_eq!(said(&mut disk, None), ["the whole disk, 64 MiB: data of an unknown kind"], "{at}");
    }
    put(&mut blank, 3, b"NTFS    ");
    assert_eq!(said(&mut blank, None), ["the whole disk, 64 MiB: an NTFS file system"]);
}

#[test]
fn each_partition_is_named_with_what_it_holds() {
    let mut windows = disk(&[(1, 8, "Basic data", b"\xeb\x52\x90NTFS    "), (9, 2, "empty", b"")]);
    let expected = [
        "partition 1 (Basic data), 8 MiB: an NTFS file system",
        "partition 2 (empty), 2 MiB: nothing but zeros at its start",
    ];
    assert_eq!(said(&mut windows, None), expected);
    let mut none = disk(&[]);
    assert_eq!(said(&mut none, None), ["the whole disk, 64 MiB: a partition table"]);
}

#[test]
fn the_files_of_a_machine_are_named_as_such() {
    let mut machine = disk(&[(1, 8, "esp", b""), (9, 20, "persist", LUKS2)]);
    let things = look(&mut machine, 512, None).unwrap();
    assert_eq!(
        things[1].to_string(),
        "partition 2 (persist), 20 MiB: a LUKS2 volume: the files of a pattern machine"
    );
    assert_eq!(things.iter().map(Thing::is_persist).collect::<Vec<_>>(), [false, true]);
    // Another system may use the name, too.
    let mut other = disk(&[(1, 8, "persist", b"XFSB"), (9, 20, "data", LUKS2)]);
    let expected =
        ["partition 1 (persist), 8 MiB: an xfs file system", "partition 2 (data), 20 MiB: a LUKS2 volume"];
    assert_eq!(said(&mut other, None), expected);
}

/// The first boot of a machine would find it where its own volume is to be.
#[test]
fn a_volume_that_no_table_lists_is_found() {
    for begun in [LUKS2, b"LUKS\xba\xbe\0\x01"] {
        let mut lost = disk(&[(1, 8, "esp", b"")]);
        put(&mut lost, 30 * MIB, begun);
        let kind = if begun == LUKS2 { "a LUKS2 volume" } else { "a LUKS1 volume" };
        assert_eq!(said(&mut lost, None)[1], format!("at 30 MiB, in no partition, 34 MiB: {kind}"));
        let mut blank = Cursor::new(vec![0; 64 * MIB]);
        put(&mut blank, 5 * MIB, begun);
        assert_eq!(said(&mut blank, None), [format!("at 5 MiB, in no partition, 59 MiB: {kind}")]);
    }
}

/// Not every disk has a GUID partition table. The kernel knows others, too.
#[test]
fn partitions_of_another_table_are_the_kernels() {
    let mut block = samples::block("sdb");
    block.children.iter_mut().for_each(|part| part.size = 4 << 20);
    block.children[1].start = Some(6 * 2048);
    let mut mbr = Cursor::new(vec![0; 64 * MIB]);
    put(&mut mbr, 510, b"\x55\xaa");
    put(&mut mbr, 6 * MIB, LUKS2);
    let expected = ["/dev/sdb1, 4 MiB: nothing but zeros at its start", "/dev/sdb2, 4 MiB: a LUKS2 volume"];
    assert_eq!(said(&mut mbr, Some(&block)), expected);
    block.children.clear();
    block.fstype = Some("iso9660".to_owned());
    put(&mut mbr, 6 * MIB, &[0; 8]);
    assert_eq!(said(&mut mbr, Some(&block)), ["the whole disk, 64 MiB: iso9660"]);
}
