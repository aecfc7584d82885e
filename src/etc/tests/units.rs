//! Trees and what differs between two.

use crate::etc::tests::sample::{owned, path, tree, with, without};
use crate::etc::{Misplaced, Path, Tree, diff};

#[test]
fn a_tree_has_nothing_outside_its_directories() {
    let mut tree = tree(&[("a/b", "1"), ("link", "-> a")]);
    let node = tree.get(&path("a/b")).unwrap().clone();
    for name in ["link/b", "a/b/c", "missing/x"] {
        assert_eq!(tree.insert(path(name), node.clone()), Err(Misplaced(path(name))), "{name}");
    }
    // A directory that has something in it stays one.
    assert_eq!(tree.insert(path("a"), node.clone()), Err(Misplaced(path("a"))));
    assert_eq!(tree.insert(path("c"), node), Ok(()));
}

fn said(image: &Tree, mine: &Tree, within: Option<&str>) -> Vec<String> {
    diff(image, mine, within.map(path).as_ref()).iter().map(ToString::to_string).collect()
}

#[test]
fn each_difference_is_a_line() {
    let image = tree(&[
        ("passwd", "root:x:0:0::/root:/bin/sh\ngames:x:5:5::/:/bin/sh\n"),
        ("shadow", "root:!:1::::::\n"),
        ("shells", "# valid\n/bin/sh\n"),
        ("machine-id", "uninitialized"),
        ("motd", "1"),
        ("resolv.conf", "-> ../run/stub"),
        ("ssh/sshd_config", "1"),
    ]);
    let mine = with(image.clone(), "passwd", "root:x:0:0::/root:/bin/zsh\nme:x:1000:1000::/:/bin/sh\n");
    let mine = owned(with(mine, "shells", "# mine\n/bin/sh\n/bin/zsh\n"), "shadow", 0, 42, 0o640);
    let mine = with(with(mine, "machine-id", "0123"), "ssh/own.d/x", "1");
    let mine = with(with(without(&mine, "motd"), "motd/x", "1"), "resolv.conf", "-> /srv/resolv.conf");
    let mine = without(&mine, "ssh/sshd_config");
    let all = [
        "changed     /etc/machine-id: the machine's own",
        "replaced    /etc/motd/",
        "added       /etc/motd/x",
        "changed     /etc/passwd: entries: root changed, me added, games removed",
        "changed     /etc/resolv.conf",
        "attributes  /etc/shadow: group, mode",
        "changed     /etc/shells: entries: /bin/zsh added",
        "added       /etc/ssh/own.d/",
        "added       /etc/ssh/own.d/x",
        "removed     /etc/ssh/sshd_config",
    ];
    assert_eq!(said(&image, &mine, None), all);
    assert_eq!(said(&image, &mine, Some("ssh")), all[7..]);
    assert_eq!(said(&image, &mine, Some("ssh/sshd_config")), all[9..]);
    assert!(said(&image, &image, None).is_empty());
}

#[test]
fn values_that_may_be_secrets_are_not_shown() {
    let image = tree(&[("shadow", "root:!:1::::::\n")]);
    let mine = with(image.clone(), "shadow", "root:$6$secret:1::::::\n");
    let found = diff(&image, &mine, None);
    let said = format!("{found:?} {} {}", found[0], found[0].json());
    assert!(!said.contains("secret") && !format!("{mine:?}").contains("secret"), "{said}");
}

#[test]
fn owners_are_compared_by_name() {
    let text = |number: u32| format!("root:x:0:0::/:/sh\ngdm:x:{number}:{number}::/:/sh\n");
    let image = owned(tree(&[("passwd", &text(110)), ("gdm.conf", "1")]), "gdm.conf", 110, 0, 0o644);
    let mine = owned(with(image.clone(), "passwd", &text(999)), "gdm.conf", 999, 0, 0o644);
    assert_eq!(said(&image, &mine, None), ["changed     /etc/passwd: entries: gdm changed"]);
}

#[test]
fn programs_get_an_object_for_each() {
    let image = tree(&[("a", "1")]);
    let mut mine = owned(image.clone(), "a", 7, 0, 0o644);
    let node = image.get(&path("a")).unwrap().clone();
    mine.insert(Path::new(b"\xff\n".to_vec()).unwrap(), node).unwrap();
    let json: Vec<_> = diff(&image, &mine, None).iter().map(|one| one.json().to_string()).collect();
    assert_eq!(
        json,
        [
            r#"{"attributes":["owner"],"change":"attributes","entries":[],"kind":"file","machines_own":false,"path":"/etc/a"}"#,
            r#"{"attributes":[],"change":"added","entries":[],"kind":"file","machines_own":false,"path":"/etc/\\xff\\u{a}"}"#
        ]
    );
}
