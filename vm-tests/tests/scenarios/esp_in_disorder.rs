//! An EFI system partition in disorder, as a power cut may leave it, is repaired before it is mounted. Without that the kernel makes
//! it read-only at the first error: no update could be installed, and no version called good.

use pattern_vm_tests::{Computer, Disk};

const BYTES: usize = 1 << 20;

#[test]
#[ignore = "long; `make check-all` runs it"]
fn esp_in_disorder() {
    let mut computer = Computer::installed("esp_in_disorder");
    computer.write_to_esp("::/", "last.bin", &vec![7; BYTES]);
    let esp = computer.disk().partition("esp").start;
    break_chain(&computer.disk(), esp);
    let mut guest = computer.boot();
    // The first access mounts it.
    let left: usize = guest.must("stat -c %s /boot/last.bin").parse().unwrap();
    assert!(left < BYTES, "the file has its size still, and no clusters");
    guest.must("cat /boot/last.bin >/dev/null");
    guest.must("touch /boot/written && sync && rm /boot/written");
    assert!(!guest.must("dmesg").contains("Filesystem has been set read-only"));
    guest.must("journalctl --boot --no-pager --unit 'systemd-fsck@*' | grep -i truncat");
    guest.power_off();
}

/// Frees the second and all later clusters of the largest file, in both tables of a FAT32 (Microsoft's FAT specification, "BPB" and
/// "FAT Data Structure").
fn break_chain(disk: &Disk, esp: u64) {
    let head = disk.read(esp, 512);
    let number = |at: usize, bytes: usize| {
        head[at..at + bytes].iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
    };
    let (sector, reserved, sectors) = (number(11, 2), number(14, 2), number(36, 4));
    let tables = [reserved, reserved + sectors].map(|start| esp + start * sector);
    let table = disk.read(tables[0], sectors * sector);
    let entry = |at: usize| u32::from_le_bytes(table[4 * at..4 * at + 4].try_into().unwrap()) & 0x0fff_ffff;
    let last = (2..table.len() / 4).rev().find(|at| entry(*at) != 0).expect("a file");
    // mcopy gives a new file clusters in order, and its first one has no predecessor.
    let mut first = last;
    while entry(first - 1) == u32::try_from(first).unwrap() {
        first -= 1;
    }
    assert!(last - first > 16, "the last file has the clusters {first} to {last}");
    for start in tables {
        disk.write(start + 4 * (first as u64 + 1), &vec![0; 4 * (last - first)]);
    }
}
