//! The first user comes from a credential, or is asked for on the console. It is an account like every other, with ids for
//! containers, and its home is kept.

use pattern_vm_tests::{Computer, Guest};

use super::{NAME, PASSWORD, computer, log_in, make_first_user};

#[test]
#[ignore = "long; `make userspace` runs it"]
fn unattended() {
    let mut computer = computer("homed-unattended");
    let mut guest = computer.start();
    log_in(&mut guest);
    is_theirs(&mut guest);
    guest.must("echo kept >kept && sync");
    drop(guest);

    let mut guest = computer.start();
    let said = guest.expect("login: ");
    assert!(!said.contains("enter user name to create"), "{said}");
    guest.send(NAME);
    guest.expect("Password: ");
    guest.send("a wrong one");
    guest.expect("Sorry, try again:");
    guest.send(PASSWORD);
    guest.greet();
    assert_eq!(guest.must("cat kept"), "kept");
}

#[test]
#[ignore = "long; `make userspace` runs it"]
fn interactive() {
    let mut computer = Computer::of_image("userspace", "homed-interactive");
    computer.secure_boot_with_keys();
    let mut guest = computer.start();
    make_first_user(&mut guest);
    log_in(&mut guest);
    is_theirs(&mut guest);
}

/// An account like every other, with ids for containers and nothing of root's.
fn is_theirs(guest: &mut Guest) {
    assert_eq!(guest.must("whoami; pwd"), "owner\n/home/owner");
    let own: u32 = guest.must("id -u").parse().expect("a number");
    assert!((60001..=60513).contains(&own), "{own}");
    assert!(guest.must("id -nG").split(' ').any(|group| group == "sudo"));
    let first = 524_288 + (own - 60001) * 65536;
    for file in ["subuid", "subgid"] {
        assert_eq!(
            guest.must(&format!("getsubids $([ {file} = subuid ] || echo -g) owner")),
            format!("0: owner {first} 65536")
        );
    }
    let inside = guest.must("unshare --map-auto --map-root-user cat /proc/self/uid_map");
    let inside: Vec<Vec<&str>> = inside.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(inside, [["0", &own.to_string(), "1"], ["1", &first.to_string(), "65535"]]);
    guest.must_fail("cat /etc/shadow");
    guest.must_fail("dmesg");
    guest.must("tree --version");
}
