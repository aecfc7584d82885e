//! An image's table on a disk: the partitions keep their bytes, whatever the disk's size and its sectors, and both copies of
//! the table are the disk's own.

use super::disk::{BASE, Disk, ESP, MIB, layout, target_table, wanted};
use pattern::table::{FitError, Fitted, LEAD, Source, Table, commit};

/// The base image, up to the end of its last partition.
fn image(sector_size: u64) -> Disk {
    Disk::with(sector_size, 576, &BASE)
}

fn lead(image: &Disk) -> Vec<u8> {
    image.get(0, LEAD as usize)
}

fn fit(image: &Disk, sector_size: u64, mib: u64) -> Result<Fitted, FitError> {
    Table::of_image(&lead(image)).unwrap().fit(&lead(image), sector_size, mib * MIB)
}

/// A disk with nothing but what was fitted.
fn burned(image: &Disk, sector_size: u64, mib: u64) -> Disk {
    let fitted = fit(image, sector_size, mib).unwrap();
    let mut disk = Disk::new(sector_size, mib);
    disk.put(0, &fitted.lead);
    disk.put(fitted.backup_at, &fitted.backup);
    assert_eq!(fitted.backup_at + fitted.backup.len() as u64, disk.size);
    disk
}

#[test]
fn partitions_keep_their_bytes_on_disks_of_other_sectors() {
    for (from, to) in [(512, 512), (512, 4096), (4096, 512), (4096, 4096)] {
        let image = image(from);
        let disk = burned(&image, to, 8192);
        let found = disk.found();
        assert_eq!(found.source, Source::Both, "{from} {to}");
        assert_eq!(layout(&found.table), layout(&image.found().table), "{from} {to}");
        let gpt = disk.gptman();
        assert_eq!(gpt.header.backup_lba, 8192 * MIB / to - 1);
        assert_eq!(gpt.header.disk_guid, image.gptman().header.disk_guid);
        let kept =
            |disk: &Disk| disk.gptman().iter().map(|(_, e)| e.unique_partition_guid).collect::<Vec<_>>();
        assert_eq!(kept(&disk), kept(&image));
    }
}

/// The protective MBR tells the disk's sectors, and keeps the image's boot code.
#[test]
fn the_first_sector_is_the_images_with_the_size_of_the_disk() {
    let mut image = image(512);
    image.put(0, b"boot");
    for sector_size in [512, 4096] {
        let disk = burned(&image, sector_size, 8192);
        assert_eq!(disk.get(0, 4), b"boot");
        assert_eq!(disk.get(458, 4), u32::to_le_bytes((8192 * MIB / sector_size - 1) as u32));
        assert_eq!(disk.get(510, 2), [0x55, 0xaa]);
    }
}

/// The first boot takes the table as it takes that of a copied image.
#[test]
fn the_first_boot_grows_it() {
    for sector_size in [512, 4096] {
        let mut disk = burned(&image(512), sector_size, 8192);
        let found = disk.found();
        let target = target_table(&found, &wanted());
        disk.apply(&commit(&found, &target).unwrap());
        assert_eq!(disk.found().table, target);
        assert_eq!(layout(&target).len(), 5);
    }
}

#[test]
fn a_disk_that_is_too_small_is_told_by_how_much() {
    let least = Table::of_image(&lead(&image(512))).unwrap().least_disk(512);
    assert_eq!(least, 575 * MIB + 33 * 512);
    fit(&image(512), 512, 576).unwrap();
    let error = fit(&image(512), 512, 575).unwrap_err().to_string();
    assert_eq!(error, "the disk has 575 MiB, the image needs 575.1 MiB: take a larger one");
}

/// An image has one version. An installed system has room for another, and a disk that was installed has it already.
#[test]
fn an_installed_system_needs_room_for_two_versions() {
    let table = Table::of_image(&lead(&image(512))).unwrap();
    assert_eq!(table.least_installed(512), table.least_disk(512) + 374 * MIB);
    let disk = burned(&image(512), 512, 8192);
    let target = target_table(&disk.found(), &wanted());
    assert_eq!(target.least_installed(512), target.least_disk(512));
}

#[test]
fn what_does_not_fit_into_the_sectors_of_the_disk_is_named() {
    let mut odd = image(512);
    odd.edit(|gpt| gpt[1].ending_lba -= 1);
    fit(&odd, 512, 8192).unwrap();
    let error = fit(&odd, 4096, 8192).unwrap_err().to_string();
    let expected =
        "partition 1 (esp) does not start and end at a multiple of 4096 bytes, the sectors of the disk";
    assert_eq!(error, expected);
    let error = fit(&odd, 520, 8192).unwrap_err().to_string();
    assert_eq!(error, "the disk has sectors of 520 bytes");
}

#[test]
fn what_is_no_image_is_refused() {
    let said = |disk: &Disk| Table::of_image(&lead(disk)).unwrap_err().to_string();
    let nothing = "it does not begin with a partition table: no header there";
    assert_eq!(said(&Disk::new(512, 8)), nothing);
    let mut torn = image(512);
    torn.put(1024, &[0xff; 16]);
    let entries = "it does not begin with a partition table: the checksum of the entries is wrong";
    assert_eq!(said(&torn), entries);
    let mut early = Disk::with(512, 8, &[(ESP, "esp", 1, 1)]);
    early.edit(|gpt| gpt[1].starting_lba = 64);
    assert_eq!(said(&early), "partition 1 (esp) begins in the first 1 MiB of the image");
}
