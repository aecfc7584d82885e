//! An image that keeps only `/var`: the other directories start anew at each boot, from the image. For others the machine stays
//! the same one.

use pattern_vm_tests::Computer;

#[test]
#[ignore = "long; `make check-all` runs it"]
fn only_var() {
    let mut computer = Computer::new("only_var");
    let all = include_str!("../../../demo/pattern.toml");
    let toml = all.replace("{ etc = true, home = true, srv = true, var = true }", "{ var = true }");
    assert_ne!(toml, all);
    computer.configure(&toml);
    let mut guest = computer.boot_initrd();
    assert_eq!(guest.must("findmnt -no SOURCE /sysroot/var"), "/dev/mapper/persist[/root/var]");
    for name in ["etc", "home", "srv"] {
        assert_eq!(guest.must(&format!("findmnt -no FSTYPE -T /sysroot/{name}")), "tmpfs", "/{name}");
    }
    guest.must("for name in etc home srv var; do echo kept >/sysroot/$name/file; done");
    guest.power_off();

    let mut guest = computer.boot_initrd();
    assert_eq!(guest.must("cat /sysroot/var/file"), "kept");
    guest.must_fail("ls /sysroot/etc/file || ls /sysroot/home/file || ls /sysroot/srv/file");
    assert_eq!(guest.must("stat -c '%a %u %g' /sysroot/etc/shadow"), "640 0 42");
    guest.power_off();
    machine_stays_the_same(&mut computer);
}

/// The image in `/usr` keeps `/etc`, so its generator leaves the unit out, and the test starts it.
fn machine_stays_the_same(computer: &mut Computer) {
    let mut guest = computer.boot();
    guest.must("dmesg | grep 'Detected first boot'");
    let id = guest.must("cat /etc/machine-id");
    guest.must("mkdir -p /etc/ssh && echo secret >/etc/ssh/ssh_host_ed25519_key");
    guest.must("systemctl start pattern-host.service && systemctl is-active pattern-host.service");
    // Nobody else finds them there.
    guest.must_fail("ls /persist/root/host/machine-id");
    guest.power_off();
    let mut guest = computer.boot();
    assert_eq!(guest.must("cat /etc/machine-id"), id, "the machine is a new one");
    // Questions of a first boot are asked once.
    guest.must_fail("dmesg | grep 'Detected first boot'");
    guest.must("systemctl start pattern-host.service");
    assert_eq!(
        guest.must("cat /etc/ssh/ssh_host_ed25519_key && stat -c %a /etc/ssh/ssh_host_ed25519_key"),
        "secret\n600"
    );
    guest.power_off();
}
