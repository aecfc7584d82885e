//! Which copy counts, and what is refused.

use super::disk::{BASE, Disk, ESP, GENERIC, MIB, USR};
use pattern::table::{Fault, PersistPlace, Source, persist};

fn base(sector_size: u64) -> Disk {
    Disk::with(sector_size, 8192, &BASE)
}

#[test]
fn two_good_copies_agree() {
    for sector_size in [512, 1024, 2048, 4096] {
        let found = base(sector_size).found();
        assert_eq!(found.source, Source::Both, "{sector_size}");
        let labels: Vec<String> = found.table.partitions().map(|p| p.label).collect();
        assert_eq!(labels, ["esp", "verity-1", "usr-1"]);
    }
}

#[test]
fn a_torn_primary_gives_way_to_the_backup() {
    for sector_size in [512, 4096] {
        let whole = base(sector_size).found().table;
        let mut no_header = base(sector_size);
        no_header.put(sector_size, &[0; 512]);
        assert_eq!(no_header.found().source, Source::Backup(Fault::NoHeader));
        assert_eq!(no_header.found().table, whole);
        let mut torn_header = base(sector_size);
        torn_header.put(sector_size + 40, &[0xff]);
        assert_eq!(torn_header.found().source, Source::Backup(Fault::BadHeader));
        let mut torn_entries = base(sector_size);
        torn_entries.put(2 * sector_size, &[0xff]);
        let source = torn_entries.found().source;
        assert!(matches!(source, Source::Backup(Fault::BadEntries { .. })));
        assert_eq!(source.to_string(), "backup copy; primary: the checksum of the entries is wrong");
        assert_eq!(torn_entries.found().table, whole);
    }
}

#[test]
fn the_primary_does_without_a_backup() {
    let mut missing = base(512);
    missing.put(missing.last_sector(), &[0; 512]);
    assert_eq!(missing.found().source, Source::Primary(Fault::NoHeader));
    let mut grown = base(512);
    grown.size *= 2;
    assert_eq!(grown.found().source, Source::Primary(Fault::NoHeader));
    assert_eq!(
        grown.found().source.to_string(),
        "primary copy; backup at the end of the disk: no header there"
    );
}

#[test]
fn on_a_grown_disk_a_torn_primary_still_knows_its_backup() {
    let mut grown = base(512);
    let whole = grown.found().table;
    grown.size *= 2;
    grown.put(1024, &[0xff]);
    assert_eq!(grown.found().table, whole);
    grown.put(512, &[0xff]);
    assert_eq!(
        grown.refused(),
        "no usable partition table (primary: no header there; backup: no header there); restore it from a rescue system"
    );
}

#[test]
fn a_backup_that_continues_the_primary_is_a_cut_commit() {
    let mut disk = base(512);
    let old = disk.clone();
    let persist_entry = disk.entry(4, &(GENERIC, "persist", 1000, 2000));
    disk.edit(|gpt| gpt[4] = persist_entry);
    let new = disk.found().table;
    disk.copy(&old, 0, 64 * 512);
    assert_eq!(disk.found().source, Source::BackupNewer);
    assert_eq!(disk.found().table, new);
}

#[test]
fn a_primary_ahead_of_its_backup_counts() {
    let mut disk = base(512);
    let old = disk.clone();
    let data = disk.entry(4, &(GENERIC, "data", 1000, 2000));
    disk.edit(|gpt| gpt[4] = data);
    let new = disk.found().table;
    disk.copy(&old, old.size - 64 * 512, 64 * 512);
    assert_eq!(disk.found().source, Source::PrimaryNewer);
    assert_eq!(disk.found().table, new);
}

/// An image written over the start of a disk that holds an earlier installation.
fn overwritten(guid: [u8; 16], usr: &'static str, data: &'static str) -> Disk {
    let mut disk = Disk::new(512, 8192);
    disk.install(guid, &[(ESP, "esp", 1, 200), (USR, usr, 201, 300), (GENERIC, data, 1000, 7000)]);
    disk.copy(&Disk::with(512, 600, &BASE), 0, 64 * 512);
    disk
}

#[test]
fn an_earlier_installation_at_the_end_is_never_overwritten() {
    let words = "the end of the disk holds the table of an earlier installation with a persist partition, which a new \
                 one would overwrite; to discard it, run `sgdisk --move-second-header DISK` from a rescue system";
    // The same disk GUID, as an image of a fixed seed has it, with another /usr.
    for guid in [[9; 16], [7; 16]] {
        for (at, magic) in [(0, b"LUKS\xba\xbe"), (16 << 10, b"SKUL\xba\xbe"), (4 << 20, b"SKUL\xba\xbe")] {
            let mut disk = overwritten(guid, "usr-0", "persist");
            disk.put(1000 * MIB + at, magic);
            assert_eq!(disk.refused(), words);
        }
    }
    let mut data = overwritten([9; 16], "usr-0", "data");
    data.put(1000 * MIB, b"LUKS\xba\xbe");
    assert_eq!(data.found().source, Source::PrimaryNewer);
}

/// Firmware of some boards has a partition of this name, and an erased volume needs no protection.
#[test]
fn a_persist_without_a_volume_is_no_earlier_installation() {
    let mut disk = overwritten([9; 16], "usr-0", "persist");
    assert_eq!(disk.found().source, Source::PrimaryNewer);
    disk.put(1000 * MIB + 1080, b"\x53\xef");
    assert_eq!(disk.found().source, Source::PrimaryNewer);
}

#[test]
fn impossible_extents_are_named() {
    let flaw = |disk: Disk| disk.found().changeable().unwrap_err().to_string();
    for (parts, words) in [
        (
            vec![(ESP, "esp", 1, 200), (USR, "usr-1", 200, 10)],
            "partition 1 (esp) and partition 2 (usr-1) overlap; repair the table from a rescue system",
        ),
        (
            vec![(ESP, "esp", 8000, 1192)],
            "partition 1 (esp) ends 1000 MiB beyond the room that the disk has; restore the disk's old size",
        ),
        (
            vec![(ESP, "esp", 0, 1)],
            "partition 1 (esp) has the impossible extent 0 to 2047; repair the table from a rescue system",
        ),
    ] {
        assert_eq!(flaw(Disk::with(512, 8192, &parts)), words);
    }
    let mut reversed = base(512);
    reversed.edit(|gpt| gpt[1].ending_lba = 3);
    assert!(flaw(reversed).starts_with("partition 1 (esp) has the impossible extent 2048 to 3"));
}

/// The kernel refuses each of these, and no number makes us read more than the kernel would.
#[test]
fn headers_with_impossible_numbers_are_not_trusted() {
    let refused = |change: fn(&mut gptman::GPTHeader)| {
        let mut disk = base(512);
        disk.put(disk.last_sector(), &[0; 512]);
        disk.edit_header(change);
        disk.refused()
    };
    let shape = "primary: the header's numbers don't fit this disk, or its entries don't have 128 bytes;";
    assert!(refused(|header| header.number_of_partition_entries = 0).contains(shape));
    assert!(refused(|header| header.number_of_partition_entries = u32::MAX).contains(shape));
    assert!(refused(|header| header.number_of_partition_entries = (4 << 20) / 128 + 1).contains(shape));
    assert!(refused(|header| header.size_of_partition_entry = 256).contains(shape));
    assert!(refused(|header| header.partition_entry_lba = u64::MAX).contains(shape));
    assert!(refused(|header| header.first_usable_lba = header.last_usable_lba + 1).contains(shape));
    assert!(refused(|header| header.first_usable_lba = 8192 * 2048).contains(shape));
    assert!(
        refused(|header| header.primary_lba = 99)
            .contains("primary: the header says that it belongs to sector 99")
    );
    assert!(refused(|header| header.number_of_partition_entries = 127).contains("checksum of the entries"));
}

#[test]
fn a_disk_without_room_for_a_table_is_refused() {
    assert_eq!(Disk::new(512, 0).refused(), "0 sectors of 512 bytes can't hold a partition table");
    assert_eq!(Disk::new(520, 1).refused(), "2016 sectors of 520 bytes can't hold a partition table");
    assert_eq!(Disk::new(0, 1).refused(), "0 sectors of 0 bytes can't hold a partition table");
}

#[test]
fn persist_is_found_by_its_label_or_gets_the_largest_gap() {
    let parts = [(USR, "usr-1", 1, 99), (USR, "_empty", 200, 100), (GENERIC, "data", 7000, 100)];
    let mut disk = Disk::with(512, 8192, &parts);
    let table = disk.found().table;
    let Ok(PersistPlace::Free { number: 4, extent }) = persist(&table, 320 * MIB) else { panic!() };
    assert_eq!((extent.first, table.bytes(extent)), (300 * 2048, 6700 * MIB));
    assert_eq!(
        persist(&table, 7000 * MIB).unwrap_err().to_string(),
        "no room for persist: it needs 6.9 GiB, the largest unused extent has 6.6 GiB; enlarge the disk"
    );
    disk.edit(|gpt| gpt[2].partition_name = "persist".into());
    assert!(matches!(persist(&disk.found().table, 0), Ok(PersistPlace::Existing { number: 2, .. })));
    disk.edit(|gpt| gpt[3].partition_name = "persist".into());
    assert_eq!(
        persist(&disk.found().table, 0).unwrap_err().to_string(),
        "partitions 2 and 3 are both labelled persist; remove the label of the one that is not ours"
    );
}
