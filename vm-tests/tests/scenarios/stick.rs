use pattern_vm_tests::Computer;

#[test]
#[ignore = "long; `make check-all` runs it"]
fn stick() {
    let mut computer = Computer::of_image("pc", "stick");
    computer.starts_from_a_stick();
    let mut guest = computer.boot();
    println!("{}", guest.must("dmesg | grep -iE 'microcode|pattern-'"));
    println!("{}", guest.must("ls /usr/lib/firmware | head -50; findmnt /usr; cat /proc/cmdline; lsblk; systemctl --failed"));
    guest.power_off();
}
