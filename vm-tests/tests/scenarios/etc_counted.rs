//! The first boot of a version brings `/etc` to it, and takes little: less than 300 ms of the processor, on a clock that counts
//! instructions, for a desktop's 900 files. The next boot takes no more than that of any machine.

use pattern_vm_tests::{Computer, Release, Server};

use crate::instructions::used;

/// Milliseconds more than the volume takes at an ordinary boot.
const MOST: f64 = 300.0;

#[test]
#[ignore = "long; `make check-all` runs it"]
fn etc_counted() {
    let release = Release::copy("options", "etc_counted");
    let server = Server::start(release.path());
    let mut computer = Computer::installed("etc_counted");
    computer.serve(&server);
    let mut guest = computer.boot();
    guest.must("pattern update");
    guest.power_off();

    computer.counts_instructions();
    let mut guest = computer.boot_initrd();
    let first = used(&mut guest, "pattern-persist");
    println!("{}", guest.must("dmesg | grep pattern-persist"));
    // Whoever starts over has it done.
    guest.must("dmesg | grep -q 'brought /etc from 0.0.1'");
    guest.power_off();
    let mut guest = computer.boot_initrd();
    let ordinary = used(&mut guest, "pattern-persist");
    println!("the first boot: {first:.1} ms, an ordinary one: {ordinary:.1} ms");
    assert!(first - ordinary < MOST, "/etc took {:.1} ms, {MOST} at most", first - ordinary);
}
