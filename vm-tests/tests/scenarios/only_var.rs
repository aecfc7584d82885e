//! An image that keeps only `/var`: the other directories start anew at each boot, from the image.

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
}
