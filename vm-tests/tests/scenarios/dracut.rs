//! An initrd by dracut with our module starts the image as its own initrd does: the first boot makes the volume and seals it,
//! the second opens it and finds the files. The generators that dracut brings along do nothing.

use pattern_vm_tests::{Computer, Guest};

#[test]
#[ignore = "long; `make check-all` runs it"]
fn dracut() {
    let mut computer = Computer::of_image("dracut", "dracut");
    let mut guest = computer.start();
    guest.expect("It is shown this once. ");
    guest.send("");
    guest.wait_for_shell();
    let log = stages(&mut guest);
    assert!(log.contains("; made one with xfs"), "{log}");
    guest.must("echo kept >/etc/kept && echo kept >/home/kept && sync /etc/kept /home/kept");
    guest.power_off();

    // systemd-debug-generator would start the system with the volume's key still there.
    computer.words("systemd.mask=pattern-latch.service");
    let mut guest = computer.boot();
    let log = stages(&mut guest);
    assert!(log.contains("opened it by the TPM"), "{log}");
    assert_eq!(guest.must("cat /etc/kept /home/kept"), "kept\nkept");
    guest.power_off();
}

/// What the stages say, of a boot that went well.
fn stages(guest: &mut Guest) -> String {
    // Of dracut's initrd alone.
    let parsed = guest.must("journalctl -b -o cat -u initrd-parse-etc.service");
    assert!(parsed.contains("Finished initrd-parse-etc.service"), "{parsed}");
    assert_eq!(guest.must("findmnt -no SOURCE,FSTYPE /usr"), "/dev/mapper/usr erofs");
    assert_eq!(guest.must("findmnt -no FSTYPE /persist"), "xfs");
    assert_eq!(guest.must("systemctl --failed --no-legend"), "");
    let log = guest.must("journalctl -b -k | grep 'pattern-[a-z]*\\['");
    assert!(log.contains("pattern-latch") && log.contains("ended the initrd's phase"), "{log}");
    log
}
