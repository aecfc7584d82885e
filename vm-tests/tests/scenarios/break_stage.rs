//! `pattern.break=persist`: a shell before the volume is opened; when it ends, the boot goes on.

use pattern_vm_tests::Computer;

#[test]
fn break_stage() {
    let mut computer = Computer::installed("break_stage");
    computer.words("pattern.break=persist");
    let mut guest = computer.start();
    let _ = guest.expect("Shell asked for by pattern.break=");
    guest.greet();
    let _ = guest.must("findmnt /sysusr/usr");
    let _ = guest.must_fail("ls /dev/mapper/persist");
    guest.send("exit");
    guest.wait_for_shell();
    assert_eq!(guest.must("cat /home/kept"), "kept");
    guest.power_off();
}
