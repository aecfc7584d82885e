//! The target shape: what is changed, and what is refused.

use super::disk::{BASE, Disk, GENERIC, INSTALLED, MIB, USR, USR_ARM, layout, target_table, wanted};
use pattern::table::{Decision, Guid, PersistPlace, Refusal, Wanted, commit, persist, target};

/// The base image at the start of a larger disk.
fn fresh(sector_size: u64, mib: u64) -> Disk {
    let mut disk = Disk::with(sector_size, 600, &BASE);
    disk.size = mib * MIB;
    disk
}

fn decide(disk: &Disk) -> Result<Decision, Refusal> {
    target(&disk.found(), &wanted())
}

fn words(disk: &Disk) -> String {
    decide(disk).map_or_else(|refusal| refusal.to_string(), |decision| decision.to_string())
}

fn row(number: u32, label: &str, start: u64, size: u64) -> (u32, String, u64, u64) {
    (number, label.to_owned(), start, size)
}

#[test]
fn a_fresh_disk_gets_its_shape() {
    for sector_size in [512, 4096] {
        let disk = fresh(sector_size, 8192);
        let decision = decide(&disk).unwrap();
        assert_eq!(
            decision.to_string(),
            "backup table moves to the end; usr-1 174 MiB -> 2 GiB; add verity slot B 200 MiB; add usr slot B 2 GiB"
        );
        let expected: Vec<_> = (1..)
            .zip(&INSTALLED[..5])
            .map(|(n, (_, label, start, size))| row(n, label, *start, *size))
            .collect();
        assert_eq!(layout(decision.planned()), expected);
        let Ok(PersistPlace::Free { number: 6, extent }) = persist(decision.planned(), 320 * MIB) else {
            panic!()
        };
        assert_eq!(extent.first * sector_size, 4697 * MIB);
        assert_eq!(decision.planned().bytes(extent), 3494 * MIB);
    }
}

#[test]
fn the_second_look_finds_nothing_to_do() {
    for sector_size in [512, 4096] {
        let mut disk = fresh(sector_size, 8192);
        let found = disk.found();
        disk.apply(&commit(&found, &target_table(&found, &wanted())).unwrap());
        let found = disk.found();
        let again = target(&found, &wanted()).unwrap();
        assert_eq!(again.to_string(), "nothing to change");
        assert_eq!(commit(&found, again.planned()).unwrap(), []);
    }
}

#[test]
fn slot_b_has_the_types_of_slot_a() {
    let mut disk = fresh(512, 8192);
    let arm = disk.entry(3, &(USR_ARM, "usr-1", 401, 174));
    disk.edit(|gpt| gpt[3] = arm);
    let table = target_table(&disk.found(), &wanted());
    let kinds: Vec<String> = table.partitions().skip(3).map(|p| format!("{} {}", p.kind, p.uuid)).collect();
    assert_eq!(
        kinds,
        [
            "6e11a4e7-fbca-4ded-b9e9-e1a512bb664e 01010101-0101-4101-8101-010101010101",
            "b0e01050-ee5f-4390-949a-9101b17104e9 02020202-0202-4202-8202-020202020202",
        ]
    );
}

#[test]
fn an_installed_disk_is_left_alone_or_grows_its_persist() {
    let mut disk = Disk::with(512, 8192, &INSTALLED);
    assert_eq!(words(&disk), "nothing to change");
    disk.size += 5000 * MIB + 512;
    assert_eq!(words(&disk), "backup table moves to the end; persist 3.5 GiB -> 8.3 GiB");
    let table = decide(&disk).unwrap().planned().clone();
    assert_eq!(layout(&table).last(), Some(&row(6, "persist", 4697, 8494)));
}

#[test]
fn copies_are_restored() {
    let mut torn = Disk::with(512, 8192, &INSTALLED);
    torn.put(512, &[0]);
    assert_eq!(words(&torn), "restore primary table");
    let mut missing = Disk::with(512, 8192, &INSTALLED);
    missing.put(missing.last_sector(), &[0]);
    assert_eq!(words(&missing), "restore backup table");
}

#[test]
fn a_disk_shrunk_behind_its_partitions_moves_the_backup_back() {
    let mut disk = Disk::with(512, 20000, &INSTALLED);
    disk.size = 10000 * MIB;
    assert_eq!(words(&disk), "backup table moves to the end; persist 3.5 GiB -> 5.2 GiB");
    disk.size = 8191 * MIB;
    assert_eq!(
        words(&disk),
        "nothing to change; left as it is: partition 6 (persist) ends 16.5 KiB beyond the room that the disk has; \
         restore the disk's old size"
    );
}

#[test]
fn every_impossibility_is_named_with_its_numbers() {
    for (mib, parts, expected) in [
        (
            4800,
            BASE.to_vec(),
            "the disk has 4.7 GiB, the layout needs 5 GiB: enlarge the disk by 218 MiB, or lower partitions.sizes",
        ),
        (
            5000,
            INSTALLED[..5].to_vec(),
            "no room for persist: it needs 320 MiB, the largest unused extent has 302 MiB; enlarge the disk",
        ),
        (
            8192,
            vec![BASE[0], BASE[1], BASE[2], (GENERIC, "data", 700, 10)],
            "partition 3 (usr-1) can't grow to 2 GiB: partition 4 (data) begins after 299 MiB; partitions are never \
             moved, lower partitions.sizes.usr",
        ),
        (
            8192,
            vec![(GENERIC, "data", 1, 10)],
            "no partition of the disk's table has the UUID of the running /usr, 0a0a0a0a-0a0a-0a0a-0a0a-0a0a0a0a0a0a",
        ),
        (
            8192,
            vec![(GENERIC, "usr-1", 1, 10)],
            "partition 1 (usr-1) holds the running /usr, but its type 0fc63daf-8483-4772-8e79-3d69d8477de4 is not a /usr \
             type of x86-64 or arm64; give it the right type in the image",
        ),
        (
            9000,
            vec![BASE[0], BASE[1], (USR, "usr-1", 401, 2048), (GENERIC, "data", 4500, 4400)],
            "no room for usr slot B: it needs 2 GiB, the largest unused extent has 1.9 GiB; enlarge the disk",
        ),
    ] {
        assert_eq!(words(&Disk::with(512, mib, &parts)), expected);
    }
}

#[test]
fn nothing_persisted_needs_no_room_for_it() {
    let disk = fresh(512, 4800);
    let none = Wanted { persist_least: 0, ..wanted() };
    assert!(target(&disk.found(), &none).is_ok());
    assert!(target(&disk.found(), &wanted()).is_err());
}

#[test]
fn a_full_table_is_refused() {
    let mut disk = fresh(512, 8192);
    disk.edit(|gpt| {
        for number in 4..=128u32 {
            gpt[number] = gpt[1].clone();
            let start = (4000 + u64::from(number)) * 2048;
            (gpt[number].starting_lba, gpt[number].ending_lba) = (start, start + 7);
        }
    });
    assert_eq!(words(&disk), "all entries of the table are in use; delete a partition");
}

#[test]
fn an_installed_system_does_without_what_no_longer_fits() {
    let disk = Disk::with(512, 8192, &INSTALLED);
    let larger = Wanted { usr_size: 3000 * MIB, ..wanted() };
    let decision = target(&disk.found(), &larger).unwrap();
    assert_eq!(
        decision.to_string(),
        "nothing to change; left as it is: partition 3 (usr-1) can't grow to 3 GiB: partition 4 (_empty) begins after \
         2 GiB; partitions are never moved, lower partitions.sizes.usr"
    );
    assert_eq!(*decision.planned(), disk.found().table);
}

#[test]
fn an_installed_system_at_the_end_of_its_disk_does_without_growth() {
    let parts = [(GENERIC, "persist", 1, 400), BASE[1], BASE[2]].map(|part| match part.1 {
        "persist" => part,
        _ => (part.0, part.1, part.2 + 300, part.3),
    });
    let text = words(&Disk::with(512, 1000, &parts));
    let growth = "no room for the grown usr partition: it needs 2 GiB, the largest unused extent has 299 MiB";
    assert!(text.contains(growth), "{text}");
}

#[test]
fn a_larger_partition_is_never_shrunk() {
    let disk = Disk::with(512, 8192, &INSTALLED);
    let smaller = Wanted { usr_size: 100 * MIB, verity_size: MIB, ..wanted() };
    assert_eq!(target(&disk.found(), &smaller).unwrap().to_string(), "nothing to change");
}

#[test]
fn a_finished_volume_becomes_persist() {
    let table = Disk::with(512, 8192, &INSTALLED[..5]).found().table;
    let Ok(PersistPlace::Free { number, extent }) = persist(&table, 320 * MIB) else { panic!() };
    let new = table.with_persist(number, extent, Guid::from_random([3; 16]));
    assert_eq!(layout(&new).last(), Some(&row(6, "persist", 4697, 3494)));
    assert!(matches!(persist(&new, 0), Ok(PersistPlace::Existing { number: 6, .. })));
}

#[test]
fn a_volume_that_was_given_up_keeps_its_place() {
    // A slot that is smaller than an image of today asks for: an installed system does without.
    let parts = [BASE[0], BASE[1], BASE[2], (GENERIC, "persist", 575, 400)];
    let disk = Disk::with(512, 1024, &parts);
    let found = disk.found();
    let given_up = found.table.with_reset(4);
    let mut reset = disk;
    reset.apply(&commit(&found, &given_up).unwrap());
    let decision = decide(&reset).unwrap();
    assert!(!decision.lacks.is_empty());
    assert_eq!(layout(decision.planned())[3], row(4, "persist-reset", 575, 448));
}
