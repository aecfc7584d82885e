//! Power cuts while the volume is being made: each time the table has no volume, and the next boot makes it anew, with
//! nobody's help.

use std::thread;
use std::time::Duration;

use pattern_vm_tests::Computer;

#[test]
fn power_cut() {
    let mut computer = Computer::new("power_cut");
    for seconds in [0, 3] {
        let mut guest = computer.start();
        // The stage before has just ended.
        let _ = guest.expect("pattern-grow[");
        thread::sleep(Duration::from_secs(seconds));
        drop(guest);
        let labels = computer.disk().labels();
        assert!(!labels.contains(&"persist".to_owned()), "after {seconds} s: {labels:?}");
    }
    let mut guest = computer.boot_initrd();
    assert_eq!(guest.must("findmnt -no SOURCE /sysroot/home"), "/dev/mapper/persist[/root/home]");
    assert_eq!(guest.must("systemctl --failed --no-legend"), "");
    guest.power_off();
}
