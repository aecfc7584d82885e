//! The other slot is found while systemd-sysupdate writes it, too, and nothing else is taken for it.

use super::disk::{Disk, GENERIC, INSTALLED, Part, USR_ARM};

/// What systemd-sysupdate 262 makes of the two types while it writes.
const PENDING: u128 = 0xF7362106_3756_44AD_8E7A_24EDB3468AD1;
const PARTIAL: u128 = 0xDC0226F3_2B45_4572_844B_C7575B748B24;

/// The numbers of the partitions beside the running hash tree and `/usr`, and whether each is claimed.
fn beside(parts: &[Part]) -> Vec<Option<(u32, bool)>> {
    let table = Disk::with(512, 8192, parts).found().table;
    let uuid = |label: &str| table.partitions().find(|part| part.label == label).unwrap().uuid;
    let slots = [("verity", uuid("verity-1")), ("usr", uuid("usr-1"))];
    slots
        .iter()
        .map(|(part, running)| {
            let beside = table.beside(*running, part)?;
            Some((beside.number, table.is_claimed(*running, &beside)))
        })
        .collect()
}

/// An installed disk whose fourth and fifth partition are these.
fn with(tree: (u128, &'static str), usr: (u128, &'static str)) -> Vec<Option<(u32, bool)>> {
    let mut parts = INSTALLED;
    (parts[3].0, parts[3].1) = tree;
    (parts[4].0, parts[4].1) = usr;
    beside(&parts)
}

#[test]
fn the_slot_is_the_other_partition_of_the_kind() {
    assert_eq!(beside(&INSTALLED), [Some((4, false)), Some((5, false))]);
    assert_eq!(beside(&INSTALLED[..3]), [None, None]);
}

#[test]
fn a_slot_that_is_written_is_found_by_its_label() {
    let all = with((PENDING, "verity-2"), (PARTIAL, "usr-2"));
    assert_eq!(all, [Some((4, true)), Some((5, true))]);
    let first = with((PARTIAL, "verity-2"), (INSTALLED[4].0, "_empty"));
    assert_eq!(first, [Some((4, true)), Some((5, false))]);
}

#[test]
fn another_partition_is_not_the_slot() {
    assert_eq!(with((GENERIC, "verity"), (USR_ARM, "usrlocal-2")), [None, None]);
}
