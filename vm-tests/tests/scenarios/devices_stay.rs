//! What the initrd opened stays after the change of root: coldplug and a reload of units take no mount away.

use pattern_vm_tests::Computer;

#[test]
#[ignore = "long; `make check-all` runs it"]
fn devices_stay() {
    let mut guest = Computer::installed("devices_stay").boot();
    guest.must("udevadm trigger --settle");
    guest.must("udevadm trigger --action=add --settle");
    guest.must("systemctl daemon-reload");
    for device in ["dev-mapper-usr.device", "dev-mapper-persist.device"] {
        assert_eq!(guest.must(&format!("systemctl is-active {device}")), "active", "{device}");
    }
    for path in ["/usr", "/persist", "/etc", "/home", "/srv", "/var"] {
        guest.must(&format!("findmnt {path}"));
    }
    assert_eq!(guest.must("systemctl --failed --no-legend"), "");
}
