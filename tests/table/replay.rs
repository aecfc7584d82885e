//! Power cuts: every state that a commit can leave on the disk is read as the old table or the new one, and the next
//! boot finishes the work.

use super::disk::{BASE, BLOCK, Disk, GENERIC, MIB, target_table, wanted};
use super::kernel;
use super::shapes::moved;
use pattern::table::{Found, Guid, PersistPlace, ResetPlace, Step, Table, commit, persist, reset_place};
use std::collections::BTreeMap;

/// More blocks than this that differ between two flushes are sampled, not enumerated.
const EXHAUSTIVE: usize = 10;

/// Calls `look` with every state the disk can be in: between two flushes, any subset of the blocks that change.
fn replay(disk: &Disk, steps: &[Step], look: &mut dyn FnMut(&Disk)) {
    let mut stable = disk.clone();
    for epoch in steps.split(|step| *step == Step::Flush) {
        let blocks = changed(&stable, epoch);
        for subset in subsets(blocks.len()) {
            let mut torn = stable.clone();
            for ((block, bytes), _) in blocks.iter().zip(&subset).filter(|(_, written)| **written) {
                torn.put(block * BLOCK, bytes);
            }
            look(&torn);
        }
        stable.apply(epoch);
    }
    look(&stable);
}

fn changed(disk: &Disk, writes: &[Step]) -> BTreeMap<u64, Vec<u8>> {
    let mut blocks = BTreeMap::new();
    for write in writes {
        let Step::Write { offset, bytes } = write else { unreachable!() };
        assert_eq!((offset % disk.sector_size, bytes.len() as u64 % disk.sector_size), (0, 0));
        for (block, bytes) in (offset / BLOCK..).zip(bytes.chunks(BLOCK as usize)) {
            if disk.get(block * BLOCK, bytes.len()) != bytes {
                blocks.insert(block, bytes.to_vec());
            }
        }
    }
    blocks
}

/// All subsets of a few blocks, or the prefixes and a thousand random ones of many.
fn subsets(count: usize) -> Vec<Vec<bool>> {
    if count <= EXHAUSTIVE {
        return (0..1u32 << count).map(|bits| (0..count).map(|i| bits >> i & 1 == 1).collect()).collect();
    }
    let prefixes = (0..=count).map(|length| (0..count).map(|i| i < length).collect());
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state >> 63 == 1
    };
    let random = (0..1000).map(|_| (0..count).map(|_| random()).collect()).collect::<Vec<_>>();
    prefixes.chain(random).collect()
}

/// Replays the change of a disk's table; returns how many states were seen as (old, new).
fn survives(disk: &Disk, old: &Table, new: &Table) -> (usize, usize) {
    let steps = commit(&disk.found(), new).unwrap();
    let (mut olds, mut news) = (0, 0);
    replay(disk, &steps, &mut |torn| {
        let found = torn.found();
        match &found.table {
            table if table == new => news += 1,
            table if table == old => olds += 1,
            other => panic!("neither the old nor the new table: {other:?}"),
        }
        finishes(torn, &found, new);
    });
    (olds, news)
}

fn finishes(torn: &Disk, found: &Found, new: &Table) {
    let mut next = torn.clone();
    next.apply(&commit(found, new).unwrap());
    let found = next.found();
    assert_eq!(found.table, *new);
    assert_eq!(commit(&found, new).unwrap(), [], "both copies are good");
}

fn grown(sector_size: u64) -> Disk {
    let mut disk = Disk::with(sector_size, 600, &BASE);
    disk.size = 8192 * MIB;
    disk
}

#[test]
fn growing_survives_every_cut() {
    for sector_size in [512, 1024, 2048, 4096] {
        let disk = grown(sector_size);
        let found = disk.found();
        let (olds, news) = survives(&disk, &found.table, &target_table(&found, &wanted()));
        assert!(olds > 0 && news > 0, "{sector_size}: {olds} {news}");
    }
}

/// Windows and firmware move the entries. The kernel then reads the backup while entries and header differ.
#[test]
fn moved_entries_survive_every_cut() {
    for (sector_size, entries) in [(512, 3), (512, 64), (512, 2016), (4096, 100)] {
        for grown in [1, 2] {
            let disk = moved(sector_size, entries, grown);
            let found = disk.found();
            let new = target_table(&found, &wanted());
            let (olds, news) = survives(&disk, &found.table, &new);
            assert!(olds > 0 && news > 0, "{sector_size} {entries}: {olds} {news}");
            let (old, new) = (kernel::partitions(&disk), {
                let mut done = disk.clone();
                done.apply(&commit(&found, &new).unwrap());
                kernel::partitions(&done)
            });
            replay(&disk, &commit(&found, &target_table(&found, &wanted())).unwrap(), &mut |torn| {
                let now = kernel::partitions(torn);
                assert!(now.is_some() && (now == old || now == new), "{sector_size} {entries}");
            });
        }
    }
}

#[test]
fn adding_persist_survives_every_cut() {
    for sector_size in [512, 4096] {
        let disk = Disk::with(sector_size, 8192, &BASE);
        let old = disk.found().table;
        let Ok(PersistPlace::Free { number, extent }) = persist(&old, 0) else { panic!() };
        let new = old.with_persist(number, extent, Guid::from_random([3; 16]));
        let (olds, news) = survives(&disk, &old, &new);
        assert!(olds > 0 && news > 0);
    }
}

/// The base image with a persist partition behind it.
fn installed(sector_size: u64) -> Disk {
    let parts = [&BASE[..], &[(GENERIC, "persist", 4697, 3494)]].concat();
    Disk::with(sector_size, 8192, &parts)
}

#[test]
fn a_factory_reset_survives_every_cut() {
    for sector_size in [512, 4096] {
        let mut disk = installed(sector_size);
        let old = disk.found().table;
        let Ok(ResetPlace::Volume(volume)) = reset_place(&old) else { panic!() };
        let given_up = old.with_reset(volume.number);
        let (olds, news) = survives(&disk, &old, &given_up);
        assert!(olds > 0 && news > 0, "giving up: {olds} {news}");

        disk.apply(&commit(&disk.found(), &given_up).unwrap());
        let Ok(ResetPlace::Begun(begun)) = reset_place(&disk.found().table) else { panic!() };
        assert_eq!((begun.number, begun.extent, begun.uuid), (volume.number, volume.extent, volume.uuid));
        let place = persist(&given_up, u64::MAX);
        assert_eq!(place, Ok(PersistPlace::Free { number: volume.number, extent: volume.extent }));
        let new = given_up.with_persist(volume.number, volume.extent, Guid::from_random([3; 16]));
        let (olds, news) = survives(&disk, &given_up, &new);
        assert!(olds > 0 && news > 0, "making anew: {olds} {news}");
    }
}

#[test]
fn a_backup_with_another_volume_than_the_one_given_up_does_not_count() {
    let mut disk = installed(512);
    let found = disk.found();
    let given_up = found.table.with_reset(4);
    let Ok(ResetPlace::Volume(volume)) = reset_place(&found.table) else { panic!() };
    disk.apply(&commit(&found, &given_up).unwrap());
    let elsewhere = pattern::table::Extent { first: volume.extent.first + 2048, ..volume.extent };
    let other = given_up.with_persist(4, elsewhere, Guid::from_random([3; 16]));
    disk.put(elsewhere.first * 512, b"LUKS\xba\xbe");
    // The backup and its flush, nothing of the primary.
    disk.apply(&commit(&disk.found(), &other).unwrap()[..2]);
    assert!(disk.refused().contains("the table of an earlier installation"), "{}", disk.refused());
}

#[test]
fn every_reader_sees_the_old_or_the_new_table() {
    for sector_size in [512, 4096] {
        let disk = grown(sector_size);
        let found = disk.found();
        let new = target_table(&found, &wanted());
        let steps = commit(&found, &new).unwrap();
        let entries = |disk: &Disk| disk.gptman().iter().map(|(_, entry)| entry.clone()).collect::<Vec<_>>();
        let mut done = disk.clone();
        done.apply(&steps);
        let (old, new) = (entries(&disk), entries(&done));
        replay(&disk, &steps, &mut |torn| {
            let seen = entries(torn);
            assert!(seen == old || seen == new);
        });
    }
}

#[test]
fn entries_beyond_the_first_4096_bytes_survive_every_cut() {
    let mut disk = Disk::with(512, 8192, &BASE);
    disk.edit(|gpt| {
        for number in 4..=30u32 {
            let start = (600 + u64::from(number)) * 2048;
            gpt[number] = gpt[1].clone();
            (gpt[number].starting_lba, gpt[number].ending_lba) = (start, start + 7);
        }
    });
    let old = disk.found().table;
    let Ok(PersistPlace::Free { number: 31, extent }) = persist(&old, 0) else { panic!() };
    let new = old.with_persist(31, extent, Guid::from_random([3; 16]));
    let (olds, news) = survives(&disk, &old, &new);
    assert!(olds > 0 && news > 0);
}

#[test]
fn a_torn_primary_is_restored_before_its_only_good_copy_is_overwritten() {
    for sector_size in [512, 4096] {
        for torn_at in [sector_size, 2 * sector_size] {
            let mut disk = Disk::with(sector_size, 8192, &BASE);
            disk.put(torn_at, &[0; 300]);
            let found = disk.found();
            let (olds, news) = survives(&disk, &found.table, &target_table(&found, &wanted()));
            assert!(olds > 0 && news > 0);
        }
        let mut grown = grown(sector_size);
        grown.put(2 * sector_size, &[0; 300]);
        let found = grown.found();
        let (olds, news) = survives(&grown, &found.table, &target_table(&found, &wanted()));
        assert!(olds > 0 && news > 0);
    }
}

#[test]
fn a_cut_commit_followed_by_another_change_survives_every_cut() {
    let disk = Disk::with(512, 8192, &BASE);
    let found = disk.found();
    let first = target_table(&found, &wanted());
    let mut cut = disk.clone();
    // The backup and its flush, nothing of the primary.
    cut.apply(&commit(&found, &first).unwrap()[..2]);
    assert_eq!(cut.found().table, first);
    let Ok(PersistPlace::Free { number, extent }) = persist(&first, 0) else { panic!() };
    let second = first.with_persist(number, extent, Guid::from_random([3; 16]));
    let (olds, news) = survives(&cut, &first, &second);
    assert!(olds > 0 && news > 0);
}

#[test]
fn one_aligned_write_of_4096_bytes_commits_the_primary() {
    let disk = grown(512);
    let found = disk.found();
    let steps = commit(&found, &target_table(&found, &wanted())).unwrap();
    let shape: Vec<Option<(u64, usize)>> = steps
        .iter()
        .map(|step| match step {
            Step::Write { offset, bytes } => Some((*offset, bytes.len())),
            Step::Flush => None,
        })
        .collect();
    let backup = disk.size - 33 * 512;
    assert_eq!(shape, [Some((backup, 33 * 512)), None, Some((0, 4096)), None]);
}

#[test]
fn the_boot_record_is_kept_and_only_a_plain_protective_one_is_resized() {
    let plan = |disk: &Disk| {
        let found = disk.found();
        let mut done = disk.clone();
        done.apply(&commit(&found, &target_table(&found, &wanted())).unwrap());
        done.get(0, 512)
    };
    let mut plain = grown(512);
    plain.put(0, b"boot code");
    let mbr = plan(&plain);
    assert_eq!(&mbr[..9], b"boot code");
    assert_eq!(mbr[458..462], (8192 * 2048 - 1u32).to_le_bytes());
    let mut hybrid = plain.clone();
    hybrid.put(462, &[0x80, 0, 0, 0, 0x0c, 0, 0, 0, 0, 8, 0, 0, 0, 0x40, 6, 0]);
    assert_eq!(plan(&hybrid), hybrid.get(0, 512));
    let mut large = plain;
    large.size = 4 << 40;
    assert_eq!(plan(&large)[458..462], [0xff; 4]);
}

#[test]
fn a_data_partition_keeps_every_byte_of_its_entry() {
    let mut disk = grown(512);
    let odd = disk.entry(4, &(GENERIC, "dätä 🦀", 590, 2));
    disk.edit(|gpt| {
        gpt[100] = odd;
        gpt[100].attribute_bits = u64::MAX;
    });
    let before = disk.get(1024 + 99 * 128, 128);
    let found = disk.found();
    let none_in_the_way = pattern::table::Wanted { usr_size: 180 * MIB, ..wanted() };
    disk.apply(&commit(&found, &target_table(&found, &none_in_the_way)).unwrap());
    assert_eq!(disk.get(1024 + 99 * 128, 128), before);
}
