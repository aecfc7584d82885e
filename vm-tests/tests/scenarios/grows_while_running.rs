//! A volume is opened by a copy of its header that nobody else has. The tools of a running system find all they need on the
//! disk all the same: they show the volume, and let it grow while its files are in use.

use pattern_vm_tests::Computer;

#[test]
#[ignore = "long; `make check-all` runs it"]
fn grows_while_running() {
    let mut computer = Computer::installed("grows_while_running");
    let key = computer.recovery_key();
    computer.enlarge("+16G");
    // The stage that would do it before the system starts.
    computer.words("pattern.grow=no");
    let mut guest = computer.boot();
    let status = guest.must("cryptsetup status persist");
    for line in ["type:    LUKS2", "cipher:  aes-xts-plain64", "device:  /dev/vda6", "mode:    read/write"] {
        assert!(status.contains(line), "no {line:?} in\n{status}");
    }
    let before = size(&guest.must("findmnt -bno SIZE /persist"));
    // Not all of the disk: its last block of 4096 bytes is not a whole one.
    guest.must("echo ', 11GiB' | sfdisk --quiet --force --no-reread -N 6 /dev/vda");
    guest.must("partx -u --nr 6 /dev/vda");
    guest.must(&format!("printf %s {key} | cryptsetup resize --key-file - persist"));
    guest.must("/usr/lib/systemd/systemd-growfs /persist");
    let after = size(&guest.must("findmnt -bno SIZE /persist"));
    assert!(after > before + (8 << 30), "{before} became {after}");
    assert_eq!(guest.must("cat /var/kept"), "kept");
    guest.power_off();
}

fn size(text: &str) -> u64 {
    text.trim().parse().expect("a size in bytes")
}
