//! The GUID partition table, as whoever writes the disk may leave it.

mod disk;
mod made;

use disk::Disk;
use pattern::table::{
    Decision, Extent, Found, Guid, PERSIST_LEAST, Partition, PersistPlace, ResetPlace, Source, Step, Table,
    Wanted, commit, persist, reset_place, target,
};

/// UUIDs of the running `/usr` and its hash tree in the base image.
const RUNNING: [u8; 16] = [0xa; 16];
const RUNNING_VERITY: [u8; 16] = [0xb; 16];
/// UUIDs of what is added.
const NEW: [[u8; 16]; 3] = [[1; 16], [2; 16], [3; 16]];

/// Takes a number of sectors, and changes of a base image's table; see `table/made.rs`.
///
/// # Panics
/// When a table that is accepted leads to one that loses or moves a partition, puts one over
/// another, or is written over a partition; or when what was written is read in another way.
pub fn table(input: &[u8]) {
    let Some((mut disk, flags)) = made::made(input) else { return };
    let found = match read(&disk) {
        Ok(found) => found,
        Err(text) => return assert!(!text.is_empty()),
    };
    assert!(!found.source.to_string().is_empty());
    // Nothing else holds before a table has its target shape: its header may name any sector as the
    // last usable one, and any as the backup's.
    let _place = (reset_place(&found.table), persist(&found.table, PERSIST_LEAST));
    let wanted = wanted(flags);
    if found.changeable().is_err() {
        // Installed or not, nothing is written.
        assert!(
            target(&found, &wanted).is_ok_and(|decision| decision.changes.is_empty()) || !installed(&found)
        );
        return assert_eq!(commit(&found, &found.table), Ok(Vec::new()));
    }
    match target(&found, &wanted) {
        Ok(decision) => {
            let shaped = shape(&mut disk, &found, &decision);
            settled(&disk, &shaped, &wanted);
            reset(&disk, &shaped);
            volume(&disk, &shaped);
        }
        Err(refusal) => assert!(!refusal.to_string().is_empty()),
    }
}

fn installed(found: &Found) -> bool {
    matches!(persist(&found.table, PERSIST_LEAST), Ok(PersistPlace::Existing { .. }))
}

/// Sizes in proportion to the base image, so that small disks have room for them.
fn wanted(flags: u8) -> Wanted {
    Wanted {
        usr: Guid::from_uuid(RUNNING),
        verity: Guid::from_uuid(RUNNING_VERITY),
        usr_size: 4 << 20,
        verity_size: 2 << 20,
        persist_least: if flags & made::NO_PERSIST == 0 { PERSIST_LEAST } else { 0 },
    }
}

/// Reads a disk. Returns the text of an error.
fn read(disk: &Disk) -> Result<Found, String> {
    Found::read(&mut disk.clone(), disk.sector_size).map_err(|error| error.to_string())
}

/// Gives a table its target shape: every partition stays, and those that are added are empty slots.
fn shape(disk: &mut Disk, found: &Found, decision: &Decision) -> Found {
    assert!(!decision.to_string().is_empty());
    let table = decision.table([NEW[0], NEW[1]].map(Guid::from_random));
    sound(disk, &table);
    for old in found.table.partitions() {
        let new = table.partitions().find(|new| new.number == old.number).expect("a partition stays");
        let end = new.extent.last;
        assert!(end >= old.extent.last, "{new} shrinks");
        assert_eq!(Partition { extent: Extent { last: end, ..old.extent }, ..old }, new);
    }
    let mut added = table.partitions().filter(|new| !has(&found.table, new.number));
    assert!(added.all(|new| new.label == "_empty"));
    let steps = commit(found, &table).expect("what was read can be written");
    assert_eq!(steps.is_empty(), decision.changes.is_empty(), "{decision}");
    write(disk, found, &table)
}

/// A table with its target shape keeps it. There is one exception, which no image has: where the
/// running `/usr` has the label of the volume, it grows first as the one and then as the other, and
/// the second may take back a part that is less than 1 MiB. Then the next boot settles it.
fn settled(disk: &Disk, shaped: &Found, wanted: &Wanted) {
    let again = target(shaped, wanted).expect("a target is possible once it is reached");
    if again.changes.is_empty() {
        assert!(again.to_string().starts_with("nothing to change"), "{again}");
        return assert!(*again.planned() == shaped.table, "{again}");
    }
    let volume = |part: &Partition| ["persist", "persist-reset"].contains(&part.label.as_str());
    assert!(shaped.table.partitions().any(|part| part.uuid == wanted.usr && volume(&part)), "{again}");
    let settled = shape(&mut disk.clone(), shaped, &again);
    assert_eq!(target(&settled, wanted).map(|third| third.changes), Ok(Vec::new()));
}

/// A volume that is given up keeps its place, and another one can be made there.
fn reset(disk: &Disk, shaped: &Found) {
    let Ok(ResetPlace::Volume(part)) = reset_place(&shaped.table) else { return };
    let place = PersistPlace::Existing { number: part.number, extent: part.extent };
    assert_eq!(persist(&shaped.table, PERSIST_LEAST), Ok(place));
    let mut disk = disk.clone();
    let given_up = write(&mut disk, shaped, &shaped.table.with_reset(part.number));
    let begun = Partition { label: "persist-reset".to_owned(), ..part };
    assert_eq!(reset_place(&given_up.table), Ok(ResetPlace::Begun(begun)));
    volume(&disk, &given_up);
}

/// A new volume overlaps nothing. Where a reset was begun, it takes the place of the volume that
/// was given up, however small that is.
fn volume(disk: &Disk, shaped: &Found) {
    let Ok(PersistPlace::Free { number, extent }) = persist(&shaped.table, PERSIST_LEAST) else { return };
    match reset_place(&shaped.table) {
        Ok(ResetPlace::Begun(part)) => assert_eq!((part.number, part.extent), (number, extent)),
        place => {
            assert_eq!(place, Ok(ResetPlace::Nothing));
            assert!(!has(&shaped.table, number) && shaped.table.bytes(extent) >= PERSIST_LEAST);
        }
    }
    let table = shaped.table.with_persist(number, extent, Guid::from_random(NEW[2]));
    sound(disk, &table);
    let made = write(&mut disk.clone(), shaped, &table);
    assert_eq!(persist(&made.table, 0), Ok(PersistPlace::Existing { number, extent }));
}

fn has(table: &Table, number: u32) -> bool {
    table.partitions().any(|part| part.number == number)
}

/// No two partitions overlap, and none overlaps a header. Where the entries are depends on their number.
fn sound(disk: &Disk, table: &Table) {
    let mut extents: Vec<Extent> = table.partitions().map(|part| part.extent).collect();
    extents.sort_by_key(|extent| extent.first);
    let mut free = 2;
    for extent in extents {
        assert!(free <= extent.first && extent.first <= extent.last, "{extent:?} from {free}");
        free = extent.last + 1;
    }
    assert!(free * disk.sector_size <= disk.size() - disk.sector_size, "{free} is beyond the usable end");
}

/// Commits a table: no partition and no boot code is overwritten, each flush leaves a disk that is
/// read as the old table or the new one, and at the end both copies are the new one.
///
/// Between two flushes this need not hold for what a stranger wrote: half of a torn primary that is
/// restored can be what its header's checksum waited for. `tests/table/replay.rs` cuts there.
fn write(disk: &mut Disk, found: &Found, table: &Table) -> Found {
    let boot_code = disk.get(0, 446);
    for step in commit(found, table).expect("what was read can be written") {
        if let Step::Write { offset, bytes } = step {
            beside_partitions(disk, [&found.table, table], offset, bytes.len() as u64);
            disk.put(offset, &bytes);
        } else {
            let now = read(disk).expect("each flush leaves a table");
            assert!(now.table == found.table || now.table == *table, "{}", now.source);
        }
    }
    assert_eq!(disk.get(0, 446), boot_code);
    let now = read(disk).expect("a table was written");
    assert!(now.table == *table && now.source == Source::Both, "{}", now.source);
    assert_eq!(commit(&now, table), Ok(Vec::new()));
    now
}

/// A write is of whole sectors, and over no partition of the old table or the new one.
fn beside_partitions(disk: &Disk, tables: [&Table; 2], offset: u64, length: u64) {
    let end = offset + length;
    assert_eq!((offset % disk.sector_size, length % disk.sector_size), (0, 0));
    for part in tables.into_iter().flat_map(Table::partitions) {
        let [first, behind] =
            [part.extent.first, part.extent.last + 1].map(|sector| sector * disk.sector_size);
        assert!(end <= first || behind <= offset, "{offset} to {end} is over {part}");
    }
    assert!(end <= disk.size());
}
