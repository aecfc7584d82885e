//! The second boot finds all files again, and the journal of the first; it writes nothing to the partition table, and
//! formats nothing.

use pattern_vm_tests::Computer;

#[test]
fn second_boot() {
    let mut computer = Computer::installed("second_boot");
    let table = computer.disk().table();
    let volume = computer.disk().partition("persist");
    let header = computer.disk().read(volume.start, 16 << 20);

    let mut guest = computer.boot();
    for name in ["etc", "home", "srv", "var"] {
        let kept = guest.must(&format!("cat /{name}/kept"));
        assert_eq!(kept, "kept", "/{name}");
        println!("after the reboot, /{name}/kept still says: {kept}");
    }
    let log = guest.must("journalctl -b -o cat -t pattern-grow -t pattern-persist; dmesg");
    assert!(log.contains("nothing to change"), "{log}");
    assert!(log.contains("opened it by the TPM"), "{log}");
    assert!(!log.contains("systemd-growfs"), "the file system was as large as the volume: {log}");
    let before = guest.must("journalctl --no-pager --boot=-1 --quiet --output=cat --lines=1000");
    assert!(before.contains("Reached target multi-user.target"), "{before}");
    // The first boot ended in order, so that corruption may restart the machine once again.
    assert!(log.contains("opened it, restart on corruption"), "{log}");
    assert!(!log.contains("did not end in an orderly way"), "{log}");
    assert!(computer.disk().has_a_mark());
    // An ordinary boot writes no variable of ours to the firmware, whose memory wears out.
    let variables = guest.must("ls /sys/firmware/efi/efivars");
    assert!(variables.contains("BootOrder-") && !variables.contains("bc013fff-80ce-4c3e"), "{variables}");
    guest.power_off();

    assert!(!computer.disk().has_a_mark(), "the mark of the boot is still there");
    assert!(computer.disk().table() == table, "the partition table was written");
    assert_eq!(computer.disk().partition("persist"), volume);
    assert!(computer.disk().read(volume.start, 16 << 20) == header, "the volume's header was written");
}
