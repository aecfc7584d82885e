//! Tables as other systems and tools leave them. An installed machine finds its volume in each that the kernel accepts,
//! and only what is fully understood is changed.

use super::disk::{BASE, Disk, ESP, INSTALLED, MIB, Part, USR, USR_VERITY, layout, target_table, wanted};
use super::kernel::{self, crc};
use pattern::table::{Fault, Found, PersistPlace, Source, commit, lists, numbers, persist, target};

/// How a table differs from a usual one.
#[derive(Clone, Copy, Debug)]
struct Shape {
    sector_size: u64,
    /// First sector of the primary's entries, and their number.
    entries: u64,
    count: u32,
    /// Bytes of the header, and what those beyond the 92nd are.
    header: u32,
    more: u8,
    /// How many times the disk is as large as when the table was written.
    grown: u64,
}

const USUAL: Shape = Shape { sector_size: 512, entries: 2, count: 128, header: 92, more: 0, grown: 1 };

impl Shape {
    /// Writes both copies. Their first usable sector is that of our images.
    fn write(self, parts: &[Part]) -> Disk {
        let (size, mib) = (self.sector_size, 8192);
        let mut disk = Disk::new(size, mib);
        let mut array = vec![0; self.count as usize * 128];
        let whole = Disk::with(size, mib, parts);
        let usual = whole.get(2 * size, parts.len() * 128);
        let length = usual.len().min(array.len());
        array[..length].copy_from_slice(&usual[..length]);
        let sectors = mib * MIB / size;
        let room = (array.len() as u64).div_ceil(size);
        disk.copy(&whole, 0, 512);
        for (own, other, entries) in [(1, sectors - 1, self.entries), (sectors - 1, 1, sectors - 1 - room)] {
            disk.put(entries * size, &array);
            disk.put(own * size, &self.header(own, other, entries, sectors - 2 - room, &array));
        }
        disk.size *= self.grown;
        disk
    }

    fn header(self, own: u64, other: u64, entries: u64, last_usable: u64, array: &[u8]) -> Vec<u8> {
        let eight = |numbers: &[u64]| numbers.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>();
        let four = |numbers: &[u32]| numbers.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>();
        let mut bytes = [&b"EFI PART"[..], &four(&[0x1_0000, self.header, 0, 0])].concat();
        bytes.extend(eight(&[own, other, MIB / self.sector_size, last_usable]));
        bytes.extend([7; 16]);
        bytes.extend(eight(&[entries]));
        bytes.extend(four(&[self.count, 128, crc(array)]));
        bytes.resize(self.header as usize, self.more);
        let sum = crc(&bytes);
        bytes[16..20].copy_from_slice(&sum.to_le_bytes());
        bytes
    }
}

/// Every shape that some tool or firmware is known to write, alone and together.
fn shapes() -> Vec<Shape> {
    let mut shapes = Vec::new();
    for (sector_size, places) in [(512, [2, 3, 34, 64, 2016]), (4096, [2, 3, 6, 64, 252])] {
        for entries in places {
            for count in [6, 56, 128, 248] {
                for (header, more) in [(92, 0), (512, 0), (128, 1)] {
                    for grown in [1, 2] {
                        shapes.push(Shape { sector_size, entries, count, header, more, grown });
                    }
                }
            }
        }
    }
    shapes
}

/// A fresh machine's table whose entries were moved.
pub(crate) fn moved(sector_size: u64, entries: u64, grown: u64) -> Disk {
    Shape { sector_size, entries, grown, ..USUAL }.write(&BASE)
}

fn seen(found: &Found) -> Vec<kernel::Seen> {
    found.table.partitions().map(|part| (part.number, part.extent.first, part.extent.last)).collect()
}

#[test]
fn what_the_kernel_accepts_is_read_alike() {
    for shape in shapes() {
        let disk = shape.write(&INSTALLED);
        let kernel = kernel::partitions(&disk).unwrap_or_else(|| panic!("{shape:?}: no table"));
        let found = disk.found();
        assert_eq!(seen(&found), kernel, "{shape:?}");
        assert!(
            matches!(persist(&found.table, 0), Ok(PersistPlace::Existing { number: 6, .. })),
            "{shape:?}"
        );
        let uuids = [wanted().usr, wanted().verity];
        assert_eq!(numbers(&mut disk.clone(), shape.sector_size, uuids), Some([3, 2]), "{shape:?}");
        // It boots: what can't be done is not an error.
        assert!(target(&found, &wanted()).is_ok(), "{shape:?}");
    }
}

#[test]
fn what_the_kernel_refuses_on_a_smaller_disk_is_still_listed() {
    let mut disk = Disk::with(512, 8192, &INSTALLED);
    let uuids = [wanted().usr, wanted().verity];
    assert_eq!(
        (numbers(&mut disk.clone(), 512, uuids), lists(&mut disk.clone(), 512, uuids)),
        (Some([3, 2]), true)
    );
    disk.size -= MIB;
    assert_eq!(kernel::partitions(&disk), None);
    assert_eq!((numbers(&mut disk.clone(), 512, uuids), lists(&mut disk.clone(), 512, uuids)), (None, true));
    let others = [wanted().verity, pattern::table::Guid::from_uuid([7; 16])];
    assert!(!lists(&mut disk, 512, others));
}

/// The kernel reads the disk afterwards, too, and finds what it found, larger.
#[test]
fn what_is_changed_keeps_its_place_and_everything_else() {
    let mut changed = 0;
    for shape in shapes() {
        let disk = shape.write(&INSTALLED);
        let found = disk.found();
        let mut next = disk.clone();
        next.apply(&commit(&found, &target_table(&found, &wanted())).unwrap());
        if found.changeable().is_err() {
            assert_eq!(next, disk, "{shape:?}");
            continue;
        }
        let again = next.found();
        assert_eq!((again.source.clone(), kernel::partitions(&next)), (Source::Both, Some(seen(&again))));
        assert_eq!(target(&again, &wanted()).unwrap().to_string(), "nothing to change", "{shape:?}");
        let size = layout(&again.table)[5].3;
        assert!(
            if shape.grown == 2 { size == 11686 } else { [3493, 3494].contains(&size) },
            "{shape:?}: {size}"
        );
        // Something else may be between the header and moved entries.
        let room = (u64::from(shape.count) * 128).div_ceil(shape.sector_size);
        let kept = |disk: &Disk| {
            let before = disk.get(2 * shape.sector_size, ((shape.entries - 2) * shape.sector_size) as usize);
            let behind = (shape.entries + room) * shape.sector_size;
            (before, disk.get(behind, (MIB - behind) as usize))
        };
        assert!(kept(&next) == kept(&disk), "{shape:?}");
        changed += usize::from(next != disk);
    }
    assert!(changed > 50, "{changed}");
}

#[test]
fn a_header_with_unknown_fields_is_never_written_anew() {
    let words = |shape: Shape| shape.write(&INSTALLED).found().changeable().unwrap_err().to_string();
    let long = words(Shape { header: 128, more: 1, ..USUAL });
    assert_eq!(
        long,
        "the table's header of 128 bytes has fields that are not known here, so the table is not changed; to have it \
         changed, write it anew from a rescue system"
    );
    // Zeros say nothing.
    assert_eq!(Shape { header: 512, ..USUAL }.write(&INSTALLED).found().changeable(), Ok(()));
    let mut reserved = USUAL.write(&INSTALLED);
    reserved.edit_header(|header| header.reserved[0] = 1);
    assert!(kernel::partitions(&reserved).is_some());
    assert!(reserved.found().changeable().unwrap_err().to_string().contains("fields that are not known"));
    let mut revision = USUAL.write(&INSTALLED);
    revision.edit_header(|header| header.revision = [1, 0, 1, 0]);
    assert!(revision.found().changeable().is_err());
}

/// 8192 entries have 1 MiB, and so reach into the area of partitions.
#[test]
fn entries_among_the_partitions_are_read_and_left_alone() {
    for shape in [Shape { entries: 2040, ..USUAL }, Shape { count: 8192, ..USUAL }] {
        let disk = shape.write(&INSTALLED);
        let found = disk.found();
        assert_eq!(Some(seen(&found)), kernel::partitions(&disk), "{shape:?}");
        let decision = target(&found, &wanted()).unwrap().to_string();
        let start = format!(
            "nothing to change; left as it is: the table has its entries at sector {}",
            shape.entries
        );
        assert!(decision.starts_with(&start), "{decision}");
        assert_eq!(commit(&found, &found.table).unwrap(), []);
        // A fresh machine needs another table, and says why it gets none.
        let fresh = shape.write(&BASE).found();
        assert!(target(&fresh, &wanted()).unwrap_err().to_string().contains("where a partition may be"));
    }
}

/// Windows 10 and later: the entries lie directly before the first usable sector. The mark of a boot would be among them.
#[test]
fn the_mark_of_a_boot_has_no_place_among_moved_entries() {
    assert_eq!(USUAL.write(&INSTALLED).found().before_usable(), Some(2040 * 512));
    assert_eq!(Shape { entries: 2016, ..USUAL }.write(&INSTALLED).found().before_usable(), None);
    assert_eq!(Shape { entries: 2008, ..USUAL }.write(&INSTALLED).found().before_usable(), Some(2040 * 512));
    // Nothing is written around a table that is not understood.
    assert_eq!(Shape { header: 96, more: 1, ..USUAL }.write(&INSTALLED).found().before_usable(), None);
}

/// A table that contradicts itself is repaired by its owner. The machine starts until then, as the kernel starts it.
#[test]
fn an_installed_machine_starts_from_a_table_that_contradicts_itself() {
    let parts = |changed: usize, part: Part| {
        let mut parts = INSTALLED;
        parts[changed] = part;
        parts
    };
    for (parts, words) in [
        (parts(4, (USR, "_empty", 2648, 2048)), "partition 4 (_empty) and partition 5 (_empty) overlap"),
        (parts(3, (USR_VERITY, "_empty", 9000, 200)), "partition 4 (_empty) ends 1008 MiB beyond"),
        (parts(0, (ESP, "esp", 0, 201)), "partition 1 (esp) has the impossible extent"),
    ] {
        let disk = USUAL.write(&parts);
        let found = disk.found();
        let kernel = kernel::partitions(&disk).unwrap();
        assert!(kernel.iter().all(|part| seen(&found).contains(part)));
        assert!(matches!(persist(&found.table, 0), Ok(PersistPlace::Existing { number: 6, .. })));
        let decision = target(&found, &wanted()).unwrap();
        assert!(decision.to_string().starts_with("nothing to change; left as it is: "), "{decision}");
        assert!(decision.to_string().contains(words), "{decision}");
        assert!(commit(&found, &found.table.with_reset(6)).unwrap_err().to_string().contains(words));
        // A factory reset that was begun needs a sound table.
        let mut begun = disk.clone();
        begun.edit(|gpt| gpt[6].partition_name = "persist-reset".into());
        assert!(target(&begun.found(), &wanted()).is_err());
    }
}

/// A bridge or a controller took the disk's last sectors, with the backup, or the header names a sector of a partition
/// as the backup's: nothing is written there.
#[test]
fn no_backup_is_written_over_a_partition() {
    let mut cut = USUAL.write(&INSTALLED);
    cut.size -= MIB + 16 * 512;
    let found = cut.found();
    assert_eq!(found.source, Source::Primary(Fault::NoHeader));
    assert_eq!(commit(&found, &found.table).unwrap(), []);
    let decision = target(&found, &wanted()).unwrap().to_string();
    assert!(decision.contains("persist) ends") && decision.contains("beyond the room"), "{decision}");

    let mut inside = USUAL.write(&INSTALLED);
    inside.put(inside.last_sector(), &[0; 512]);
    inside.edit_header(|header| header.backup_lba = 5000 * 2048);
    let found = inside.found();
    let words = commit(&found, &found.table).unwrap_err().to_string();
    assert!(words.ends_with("the backup copy would lie among the partitions"), "{words}");
    let moved = target_table(&found, &wanted());
    let before = inside.get(5000 * MIB - 64 * 512, 128 * 512);
    inside.apply(&commit(&found, &moved).unwrap());
    assert!(inside.get(5000 * MIB - 64 * 512, 128 * 512) == before);
    assert_eq!(inside.found().source, Source::Both);
}

/// A larger disk's table, copied to a disk that still has its own backup at the end: the kernel starts from the backup.
#[test]
fn a_table_for_another_disk_is_not_overwritten() {
    let mut disk = USUAL.write(&INSTALLED);
    disk.edit_header(|header| header.last_usable_lba += 8192 * 2048);
    let found = disk.found();
    assert_eq!(Some(seen(&found)), kernel::partitions(&disk));
    assert_eq!(
        target(&found, &wanted()).unwrap().to_string(),
        "nothing to change; left as it is: the primary copy of the table is whole, but for another disk, so neither copy \
         is changed; restore the disk's old size, or write the table anew from a rescue system"
    );
    assert_eq!(commit(&found, &found.table).unwrap(), []);
}

/// Hybrid, damaged and missing: only the size in a plain protective record is ours.
#[test]
fn other_first_sectors_are_kept_byte_for_byte() {
    type Change = fn(&mut [u8]);
    let plain: Change = |sector| sector[440] = 7;
    let hybrid: Change = |sector| sector[446 + 16 + 4] = 0x0c;
    let second: Change = |sector| sector[446..478].rotate_right(16);
    let damaged: Change = |sector| sector[510] = 0;
    let elsewhere: Change = |sector| sector[446 + 8] = 2;
    let none: Change = |sector| sector.fill(0);
    let updated = [(plain, true), (second, true)];
    let kept = [hybrid, damaged, elsewhere, none].map(|change| (change, false));
    for (index, (change, updated)) in updated.into_iter().chain(kept).enumerate() {
        let mut disk = Shape { grown: 2, ..USUAL }.write(&INSTALLED);
        let mut sector = disk.get(0, 512);
        change(&mut sector);
        disk.put(0, &sector);
        let found = disk.found();
        disk.apply(&commit(&found, &target_table(&found, &wanted())).unwrap());
        let now = disk.get(0, 512);
        assert_eq!(now != sector, updated, "{index}");
        let size = if index == 1 { 474 } else { 458 };
        sector[size..size + 4].copy_from_slice(&now[size..size + 4]);
        assert_eq!(now, sector, "{index}");
    }
}
