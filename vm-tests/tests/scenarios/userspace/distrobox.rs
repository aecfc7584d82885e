//! A user without any privilege makes a box with another system, works in it, and finds it again after a restart and after
//! an update of the system around it.

use std::fs;
use std::path::Path;

use pattern_vm_tests::{Guest, Release, Server};

use super::{as_root, computer, log_in};

const BOX: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../build/box/box.tar");

#[test]
#[ignore = "long; `make userspace` runs it"]
fn distrobox() {
    let release = Release::copy("userspace", "distrobox");
    assert!(Path::new(BOX).is_file(), "{BOX} is missing: `make userspace` makes it");
    fs::copy(BOX, release.path().join("box.tar")).expect("publishing the box's image");
    let server = Server::start(release.path());
    let mut computer = computer("distrobox");
    computer.enlarge("+10G");
    computer.serve(&server);

    let mut guest = computer.start();
    log_in(&mut guest);
    println!("{}", guest.must("podman info --format '{{.Store.GraphDriverName}} {{.Host.Security.Rootless}} {{.Host.OCIRuntime.Name}}'"));
    guest.must("podman import http://10.0.2.100:8000/box.tar box");
    guest.must("distrobox create --yes --image localhost/box --name box");
    guest.must("distrobox enter box -- sh -c 'echo inside >~/from-the-box && sudo touch /opt/in-the-box'");
    is_there(&mut guest, "0.0.1");
    restart(&mut guest);
    is_there(&mut guest, "0.0.1");

    as_root(&mut guest, "pattern update; echo updated: $?");
    guest.expect("updated: 0");
    restart(&mut guest);
    is_there(&mut guest, "0.0.2");
}

fn is_there(guest: &mut Guest, version: &str) {
    assert_eq!(guest.must(". /etc/os-release && echo $IMAGE_VERSION"), version);
    assert_eq!(guest.must("cat from-the-box"), "inside");
    let inside =
        guest.must("distrobox enter box -- sh -c 'ls /opt; whoami; . /etc/os-release; echo $IMAGE_ID'");
    assert!(inside.ends_with("in-the-box\nowner\nbox"), "{inside}");
    assert_eq!(guest.must("podman ps --format '{{.Names}}'"), "box");
    assert_eq!(guest.must("stat -c %u ~"), guest.must("id -u"));
}

fn restart(guest: &mut Guest) {
    as_root(guest, "systemctl reboot");
    log_in(guest);
}
