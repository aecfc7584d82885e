//! Partitions that somebody added to the table, of the types that systemd finds by itself: the running system swaps to none and
//! mounts none. The EFI system partition is still there for updates.

use std::fs;
use std::process::Command;

use pattern_vm_tests::{Computer, Guest};

/// Type (Discoverable Partitions Specification), label, and what is made in it.
const ADDED: [(&str, &str, &[&str]); 6] = [
    ("0657FD6D-A4AB-43C4-84E5-0933C84B4F4F", "added-swap", &["mkswap"]),
    ("7EC6F557-3BC5-4ACA-B293-16EF5DF639D1", "added-tmp", &["mkfs.ext4", "-q"]),
    ("933AC7E1-2EB4-4F13-B844-0E14E2AEF915", "added-home", &["mkfs.ext4", "-q"]),
    ("3B8F8425-20E0-4F3B-907F-1A25A76F98E8", "added-srv", &["mkfs.ext4", "-q"]),
    ("4D21B016-B534-45C2-A9FB-5C16E091FD2D", "added-var", &["mkfs.ext4", "-q"]),
    ("BC13C2FF-59E6-4262-A352-B275FD6F7172", "added-boot", &["mkfs.vfat"]),
];
const BYTES: u64 = 64 << 20;

#[test]
#[ignore = "long; `make check-all` runs it"]
fn added_partitions() {
    let mut computer = Computer::installed("added_partitions");
    add(&computer);
    // In a boot that keeps nothing, nothing of the system's own is mounted in their places.
    computer.words("pattern.volatile");
    let mut guest = computer.boot();
    assert_eq!(guest.must("swapon --show"), "");
    assert_eq!(guest.must("ls /boot/EFI/Linux"), "demo_0.0.1.efi");
    assert_eq!(disks(&mut guest), ["vda1 /boot"]);
    guest.power_off();
    // They would be used by a system without this word.
    computer.words("systemd.image_policy=*");
    let mut guest = computer.boot();
    assert!(guest.must("swapon --show").contains("/dev/vda7"));
    guest.must("ls /home /srv");
    let used = disks(&mut guest);
    for place in ["/var/tmp", "/home", "/srv"] {
        assert!(used.iter().any(|line| line.ends_with(place)), "{used:?}");
    }
}

/// What is mounted of the disk itself.
fn disks(guest: &mut Guest) -> Vec<String> {
    let mounts = guest.must("findmnt -rno SOURCE,TARGET | sed -n 's|^/dev/\\(vd[^ ]*\\)|\\1|p'");
    mounts.lines().map(str::to_owned).collect()
}

fn add(computer: &Computer) {
    computer.enlarge("+7G");
    let lines = ADDED.map(|(kind, label, _)| format!("size=64MiB, type={kind}, name=\"{label}\"\n"));
    let script = computer.folder().join("added.sfdisk");
    fs::write(&script, lines.concat()).expect("writing a script");
    let mut sfdisk = computer.command("sfdisk");
    sfdisk.args(["--append", "--no-reread", "--quiet", "disk.raw"]);
    run(sfdisk.stdin(fs::File::open(script).expect("opening the script")));
    for (_, label, make) in ADDED {
        let path = computer.folder().join(label);
        fs::File::create(&path).and_then(|file| file.set_len(BYTES)).expect("making a file for a partition");
        run(computer.command(make[0]).args(&make[1..]).arg(label));
        let disk = computer.disk();
        disk.insert(disk.partition(label), &path);
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("starting {command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
