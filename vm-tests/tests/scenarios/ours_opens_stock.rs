//! A volume that systemd-repart made and sealed is opened by us, with the TPM alone.

use pattern_vm_tests::Computer;

/// repart.d(5): the other partitions stay as they are.
const PERSIST: &str = "\
[Partition]
Type=linux-generic
Label=persist
Encrypt=tpm2
Format=xfs
";

#[test]
fn ours_opens_stock() {
    let mut computer = Computer::installed("ours_opens_stock");
    computer.words("pattern.volatile");
    let mut guest = computer.boot();
    let _ = guest.must("udevadm settle && sfdisk --quiet --delete --no-reread --no-tell-kernel /dev/vda 6");
    let _ = guest.must("partx --delete --nr 6 /dev/vda && mkdir -p /run/definitions");
    let lines = PERSIST.trim_end().replace('\n', "\\n");
    let _ = guest.must(&format!("printf '{lines}\\n' >/run/definitions/persist.conf"));
    let _ = guest
        .must("systemd-repart --definitions=/run/definitions --tpm2-pcrs=7 --dry-run=no /dev/vda >/dev/null");
    guest.power_off();

    computer.words("pattern.volatile=no");
    let mut guest = computer.boot_initrd();
    assert!(guest.must("dmesg").contains("opened it by the TPM"), "{}", guest.console());
    assert_eq!(guest.must("findmnt -no SOURCE /sysroot/var"), "/dev/mapper/persist[/root/var]");
    // The volume was empty: its directories start from the image.
    assert_eq!(guest.must("stat -c '%a %u %g' /sysroot/etc/shadow"), "640 0 42");
}
