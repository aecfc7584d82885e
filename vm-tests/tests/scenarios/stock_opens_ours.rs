//! systemd's own systemd-cryptsetup opens a volume that we made, with the TPM alone.

use pattern_vm_tests::Computer;

#[test]
fn stock_opens_ours() {
    let mut computer = Computer::installed("stock_opens_ours");
    // In a volatile boot we leave the volume, and the TPM, to others.
    computer.words("pattern.volatile");
    let mut guest = computer.boot();
    let _ = guest.must(
        "systemd-cryptsetup attach stock /dev/disk/by-partlabel/persist - tpm2-device=auto,headless=yes",
    );
    let _ = guest.must("mkdir -p /run/stock && mount -o ro /dev/mapper/stock /run/stock");
    assert_eq!(guest.must("cat /run/stock/root/etc/kept"), "kept");
    let _ = guest.must("umount /run/stock && systemd-cryptsetup detach stock");
}
