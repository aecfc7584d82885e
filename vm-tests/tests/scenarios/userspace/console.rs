//! With `debug` root is logged in on every console, and emergency mode is a shell. Without it the console is silent but for
//! what fails and what a person is asked, nobody is let in, and emergency mode gives nobody a shell.

use pattern_vm_tests::Computer;

use super::{as_root, computer, log_in};

/// What a boot that is not quiet shows many times.
const CHATTER: [&str; 4] = ["systemd[1]:", "[  OK  ]", "Starting ", "pattern-"];

#[test]
#[ignore = "long; `make userspace` runs it"]
fn debug() {
    let mut guest = Computer::installed("debug").boot();
    for console in ["tty1", "ttyS0"] {
        guest.must(&format!("loginctl list-sessions --no-legend | grep 'root.*{console}'"));
    }
    guest.send("systemctl emergency");
    guest.expect("Press Enter for system maintenance");
    guest.send("");
    guest.greet();
    assert_eq!(guest.must("id -u"), "0");
}

#[test]
#[ignore = "long; `make userspace` runs it"]
fn quiet() {
    let mut computer = computer("quiet");
    let mut guest = computer.start();
    log_in(&mut guest);
    for word in CHATTER {
        assert!(!guest.console().contains(word), "{word:?} is on the console");
    }
    assert!(!guest.console().contains("automatic login"), "somebody was let in");
    as_root(&mut guest, "systemctl emergency");
    let said = guest.expect("the root account is locked");
    assert!(!said.contains("Press Enter for"), "{said}");
}
