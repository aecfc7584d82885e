//! A system that hangs restarts by itself where the hardware has a watchdog: systemd does not come to answer it.

use pattern_vm_tests::Computer;

#[test]
#[ignore = "long; `make check-all` runs it"]
fn watchdog() {
    let mut computer = Computer::installed("watchdog");
    computer.has_a_watchdog();
    let mut guest = computer.boot();
    assert_eq!(guest.must("systemctl show --property=RuntimeWatchdogUSec --value"), "1min");
    guest.must("until [ -e /dev/watchdog0 ]; do sleep 1; done");
    let boot = guest.must("cat /proc/sys/kernel/random/boot_id");
    // The kernel still runs, and nobody answers the watchdog.
    guest.send("echo 1 >/sys/fs/cgroup/init.scope/cgroup.freeze");
    guest.expect("systemd-boot");
    guest.wait_for_shell();
    assert_ne!(guest.must("cat /proc/sys/kernel/random/boot_id"), boot);
}
