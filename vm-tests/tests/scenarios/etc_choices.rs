//! Three versions in a row over a kept `/etc` whose owner edits, removes and replaces files, and has a user with the number of one of the
//! image's. Conflicts are shown until the owner chooses, choices can be undone, and the way back closes what the newer version brought.

use pattern_vm_tests::{Computer, Guest, Release, Server};

const STAYS: &str = "changed on this machine and in the image; the machine's stays";
const NANORC: &str =
    "1 file of /etc was changed on this machine and by an update. What to do: pattern etc conflicts";

#[test]
#[ignore = "long; `make check-all` runs it"]
fn etc_choices() {
    let release = Release::copy("0.0.2", "etc_choices");
    let server = Server::start(release.path());
    let mut computer = Computer::installed("etc_choices");
    computer.serve(&server);

    let mut guest = computer.boot();
    assert_eq!(guest.must("pattern etc conflicts"), "No conflict is open.");
    guest.must("echo '# mine' >>/etc/nanorc && rm /etc/motd && ln -sf /run/issue /etc/issue.net");
    guest.must("echo mine:x:770:770::/home/mine:/bin/sh >>/etc/passwd && echo mine:x:770: >>/etc/group");
    to(&mut guest, "0.0.2");
    conflicts_are_shown(&mut guest);
    users_of_both_sides_are_there(&mut guest);
    a_person_chooses(&mut guest);

    release.replace("third");
    to(&mut guest, "0.0.3");
    let history = guest.must("pattern etc history");
    let events = [
        "made as that of 0.0.1",
        "from 0.0.1",
        "the image's taken: /etc/nanorc",
        "undone: /etc/nanorc",
        "the machine's kept: /etc/motd",
        "from 0.0.2",
    ];
    for event in events {
        assert!(history.contains(event), "{history}");
    }
    users_of_both_sides_are_there(&mut guest);
    // Version 3 has what version 1 had: both sides changed nanorc once more.
    assert_eq!(open(&mut guest), ["/etc/issue.net", "/etc/motd", "/etc/nanorc"]);
    guest.must("pattern etc take nanorc && cmp /etc/nanorc /usr/share/factory/etc/nanorc");

    guest.must("pattern rollback");
    restart(&mut guest, "0.0.2");
    // As it was in version 2, but for what was chosen since.
    assert_eq!(open(&mut guest), ["/etc/issue.net"]);
    guest.must("test ! -e /etc/motd && test -L /etc/issue.net");
    users_of_both_sides_are_there(&mut guest);
    guest.power_off();
}

fn conflicts_are_shown(guest: &mut Guest) {
    let shown = guest.run("pattern etc conflicts");
    assert_eq!(shown.status, 1, "{}", shown.text);
    for line in [
        "/etc/issue.net: changed on this machine and removed from the image; it stays (0.0.2)",
        "/etc/motd: removed on this machine and changed in the image; it stays removed (0.0.2)",
        &format!("/etc/nanorc: {STAYS} (0.0.2)"),
    ] {
        assert!(shown.text.contains(line), "{}", shown.text);
    }
    let banner = guest.must("cat /run/motd.d/53-pattern-etc");
    assert_eq!(banner.trim_end(), NANORC.replace("1 file of /etc was", "3 files of /etc were"));
    assert!(guest.run("pattern status").text.contains("3 files of /etc were changed"));
}

fn users_of_both_sides_are_there(guest: &mut Guest) {
    assert_eq!(guest.must("id mine"), "uid=770(mine) gid=770(mine) groups=770(mine)");
    assert_ne!(guest.must("id -u follows"), "770");
    assert!(
        guest
            .must("dmesg; pattern etc history --json")
            .contains("follows: 770 in the image is somebody else's number")
    );
}

fn a_person_chooses(guest: &mut Guest) {
    guest.must("pattern etc take /etc/nanorc && cmp /etc/nanorc /usr/share/factory/etc/nanorc");
    assert_eq!(open(guest), ["/etc/issue.net", "/etc/motd"]);
    guest.must("echo later >>/etc/nanorc");
    assert!(
        guest.must_fail("pattern etc undo").contains("/etc/nanorc was changed since the image's was taken")
    );
    guest.must("cp --archive /usr/share/factory/etc/nanorc /etc/nanorc && pattern etc undo");
    assert_eq!(guest.must("tail -n 1 /etc/nanorc"), "# mine");
    guest.must("pattern etc keep motd && pattern etc take issue.net && test ! -e /etc/issue.net -a ! -L /etc/issue.net");
    guest.must("pattern etc undo && test -L /etc/issue.net");
    assert_eq!(open(guest), ["/etc/issue.net", "/etc/nanorc"]);
    guest.must("pattern etc keep nanorc && test \"$(cat /run/motd.d/53-pattern-etc)\"");
    assert!(
        guest.must_fail("pattern etc take passwd").contains("users and groups of this machine would be lost")
    );
}

fn open(guest: &mut Guest) -> Vec<String> {
    let shown = guest.run("pattern etc conflicts").text;
    shown
        .lines()
        .filter_map(|line| Some(line.split_once(": ")?.0.to_owned()))
        .filter(|path| path.starts_with("/etc/"))
        .collect()
}

fn to(guest: &mut Guest, version: &str) {
    guest.must("pattern update");
    restart(guest, version);
    guest.must(&format!("until [ -e /boot/EFI/Linux/demo_{version}.efi ]; do sleep 1; done"));
}

fn restart(guest: &mut Guest, version: &str) {
    guest.send("systemctl reboot");
    guest.wait_for_shell();
    assert_eq!(guest.must(". /etc/os-release && echo $IMAGE_VERSION"), version);
}
