//! A machine without systemd is up in seconds, has our modules and a TPM, and says what commands end with.

use pattern_vm_tests::{Output, Small};

#[test]
fn shell() {
    let mut machine = Small::new("shell");
    machine.add_disk(64);
    let mut guest = machine.boot();
    guest.must("ls /dev/tpmrm0 /dev/vda /dev/mapper/control");
    let failed = Output { status: 3, text: "one\ntwo".to_owned() };
    assert_eq!(guest.run("echo one; echo two >&2; exit 3"), failed);
    guest.must_fail("ls /dev/vdb");
    guest.power_off();
}
