//! systemd's own systemd-cryptsetup opens a volume that we made, with the TPM alone.

use pattern_vm_tests::Computer;

#[test]
fn stock_opens_ours() {
    let mut computer = Computer::installed("stock_opens_ours");
    // Before our own programs take the volume, and the TPM gives its key to nobody any more.
    computer.words("pattern.break=persist");
    let mut guest = computer.start();
    guest.wait_for_initrd_shell();
    let chroot = guest.system_root();
    guest.must(&format!("{chroot} /usr/lib/systemd/systemd-pcrextend enter-initrd"));
    let options = "tpm2-device=auto,headless=yes";
    // The initrd has no udev, and so no other names.
    let disk = "/dev/vda6";
    guest.must(&format!("{chroot} /usr/bin/systemd-cryptsetup attach stock {disk} - {options}"));
    guest.must("mkdir -p /run/stock && mount -o ro /dev/mapper/stock /run/stock");
    assert_eq!(guest.must("cat /run/stock/root/etc/kept"), "kept");
}
