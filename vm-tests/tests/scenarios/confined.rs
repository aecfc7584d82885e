//! `/persist` is not a second way to what is bound from it: a service of root's that must not see `/home` and must not write `/etc`
//! finds neither below `/persist/root`. The files are there for everybody else, and root can mount the volume.

use pattern_vm_tests::{Computer, Guest};

#[test]
fn confined() {
    let mut computer = Computer::installed("confined");
    let mut guest = computer.boot();
    assert_eq!(guest.must("systemctl --failed --no-legend"), "");
    assert_eq!(
        service(&mut guest, "", "cat /home/kept; echo more >>/etc/kept; tail -1 /etc/kept"),
        "kept\nmore"
    );
    let limits = "-p ProtectHome=yes -p ProtectSystem=full";
    for file in ["/persist/root/home/kept", "/persist/root/etc/kept"] {
        let said = guest.must_fail(&format!("systemd-run -Pq {limits} cat {file}"));
        assert!(said.contains("No such file"), "{said}");
    }
    for file in ["/etc/kept", "/persist/root/etc/kept", "/persist/root/kept"] {
        let said = guest.must_fail(&format!("systemd-run -Pq {limits} sh -c 'echo x >>{file}'"));
        assert!(said.contains("Read-only file system") || said.contains("nonexistent"), "{file}: {said}");
    }
    let said = guest.must_fail("systemd-run -Pq -p DynamicUser=yes ls /persist");
    assert!(said.contains("Permission denied"), "{said}");
    options(&mut guest);

    guest.must("mkdir /run/volume && mount /dev/mapper/persist /run/volume");
    assert_eq!(guest.must("cat /run/volume/root/home/kept"), "kept");
    guest.must("umount /run/volume");
    guest.power_off();
}

fn service(guest: &mut Guest, limits: &str, command: &str) -> String {
    guest.must(&format!("systemd-run -Pq {limits} sh -c '{command}'"))
}

fn options(guest: &mut Guest) {
    for (path, nosuid) in
        [("/persist", true), ("/etc", true), ("/home", true), ("/srv", true), ("/var", false)]
    {
        let options = guest.must(&format!("findmnt -no OPTIONS {path}"));
        let has = |wanted: &str| options.split(',').any(|option| option == wanted);
        assert!(has("nodev") && has("nosuid") == nosuid, "{path}: {options}");
    }
}
