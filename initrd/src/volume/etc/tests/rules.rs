use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use super::*;

#[test]
fn what_the_owner_left_alone_follows_and_edits_stay() {
    if !is_root() {
        return;
    }
    let mut machine = Machine::installed("follows");
    assert_eq!(machine.beside(), machine.kept(&[1], &[]));
    edit(&machine);
    let before = machine.tree();
    machine.boot(2);
    for (path, text) in [
        ("motd", Some("2")),
        ("issue.net", None),
        ("old/x", None),
        ("nanorc", Some("mine")),
        ("own", Some("mine")),
        ("machine-id", Some(ID)),
        ("pam.d/gdm", Some("2")),
        ("sub/deep/er/x", Some("2")),
        ("systemd/system/multi-user.target.wants/a.service", Some("2")),
        ("shells", Some("/bin/sh\n/usr/bin/fish\n")),
        ("group", Some("root:x:0:\nme:x:1000:\nnew:x:900:\n")),
        ("shadow", Some("root:*::\nme:secret::\nnew:!::\n")),
    ] {
        assert_eq!(machine.text(path).as_deref(), text, "{path}");
    }
    assert_eq!(machine.beside(), machine.kept(&[1, 2], &["before"]));
    assert_eq!(read(&machine.own().join("before")).unwrap(), before);
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
    assert_eq!((mode(&machine.etc()), mode(&machine.own())), (0o755, 0o700));
}

#[test]
fn a_boot_of_the_same_version_touches_nothing() {
    if !is_root() {
        return;
    }
    let mut machine = Machine::installed("same");
    edit(&machine);
    machine.boot(2);
    let (etc, tree) = (fs::metadata(machine.etc()).unwrap(), machine.tree());
    // Not even read.
    remove(&machine.own()).unwrap();
    fs::remove_dir_all(machine.image(2)).unwrap();
    machine.boot(2);
    let again = fs::metadata(machine.etc()).unwrap();
    assert_eq!((again.ino(), again.ctime_nsec()), (etc.ino(), etc.ctime_nsec()));
    assert_eq!(machine.tree(), tree);
    assert!(!machine.own().exists());
}

#[test]
fn a_fallback_gives_the_tree_from_before_and_what_was_changed_meanwhile() {
    if !is_root() {
        return;
    }
    let mut machine = Machine::installed("back");
    put(&machine.etc(), "nanorc", "mine");
    fs::set_permissions(machine.etc().join("motd"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::remove_file(machine.etc().join("shells")).unwrap();
    // Accounts stay, see the test in the library.
    for name in ["passwd", "group", "shadow"] {
        fs::copy(machine.image(1).join(name), machine.image(2).join(name)).unwrap();
    }
    let before = machine.tree();
    machine.boot(2);
    assert_ne!(machine.tree(), before);
    assert_eq!(
        machine.open(),
        ["/etc/nanorc: changed on this machine and in the image; the machine's stays (0.0.2)"]
    );
    machine.boot(1);
    assert_eq!((machine.tree(), machine.open()), (before.clone(), vec![]));
    assert_eq!(machine.beside(), machine.kept(&[1, 2], &["before"]));
    machine.boot(2);
    put(&machine.etc(), "meanwhile", "mine");
    put(&machine.etc(), "sub/deep/er/x", "mine");
    put(&machine.etc(), "old/x", "mine");
    machine.boot(1);
    assert_eq!(machine.text("meanwhile").unwrap(), "mine");
    assert_eq!(machine.text("sub/deep/er/x").unwrap(), "mine");
    assert_eq!(machine.text("old/x").unwrap(), "mine");
    for (path, text) in [("meanwhile", None), ("sub", None), ("old/x", Some("1"))] {
        let path = machine.etc().join(path);
        remove(&path).unwrap();
        text.iter().for_each(|text| fs::write(&path, text).unwrap());
    }
    assert_eq!(machine.tree(), before);
}

/// What the owner and version 2 had changed alike is the owner's still.
#[test]
fn a_fallback_does_not_take_what_both_had_changed_alike() {
    if !is_root() {
        return;
    }
    let mut machine = Machine::installed("alike");
    put(&machine.etc(), "motd", "2");
    fs::remove_file(machine.etc().join("issue.net")).unwrap();
    machine.boot(2);
    machine.boot(1);
    assert_eq!((machine.text("motd"), machine.text("issue.net")), (Some("2".into()), None));
    // The second way there and back is like the first one.
    machine.boot(2);
    machine.boot(1);
    assert_eq!((machine.text("motd"), machine.text("issue.net")), (Some("2".into()), None));
}

/// The same by comparing with the image's own: what both had changed alike goes with version 2.
#[test]
fn without_the_tree_from_before_a_fallback_is_an_update_like_each_other() {
    if !is_root() {
        return;
    }
    for lost in ["before", mark(1).id()] {
        let mut machine = Machine::installed(lost);
        put(&machine.etc(), "motd", "2");
        put(&machine.etc(), "nanorc", "mine");
        machine.boot(2);
        remove(&machine.own().join(lost)).unwrap();
        machine.boot(1);
        assert_eq!(
            (machine.text("motd"), machine.text("nanorc")),
            (Some("1".into()), Some("mine".into())),
            "{lost}"
        );
    }
}

#[test]
fn three_versions_in_a_row_leave_two_that_are_kept() {
    if !is_root() {
        return;
    }
    let mut machine = Machine::installed("three");
    edit(&machine);
    machine.boot(2);
    copy(&machine.image(2), &machine.image(3));
    put(&machine.image(3), "motd", "3");
    machine.boot(3);
    assert_eq!((machine.text("motd").unwrap(), machine.text("nanorc").unwrap()), ("3".into(), "mine".into()));
    assert_eq!(machine.beside(), machine.kept(&[2, 3], &["before"]));
    // A version with the same /etc: the tree is left as it is.
    copy(&machine.image(3), &machine.image(4));
    let inode = fs::metadata(machine.etc()).unwrap().ino();
    machine.boot(4);
    assert_eq!(fs::metadata(machine.etc()).unwrap().ino(), inode);
    assert_eq!(machine.beside(), machine.kept(&[2, 4], &["before"]));
}

#[test]
fn a_number_is_not_given_again_after_its_user_was_removed() {
    if !is_root() {
        return;
    }
    let mut machine = Machine::installed("numbers");
    edit(&machine);
    machine.boot(2);
    let text = machine.text("passwd").unwrap().replace("me:x:1000:1000::/home/me:/bin/sh\n", "");
    put(&machine.etc(), "passwd", &text);
    copy(&machine.image(2), &machine.image(3));
    put(&machine.image(3), "passwd", &format!("{}other:x:1000:900::/:/bin/sh\n", TWO[0].1));
    machine.boot(3);
    assert!(machine.text("passwd").unwrap().ends_with("other:x:1001:900::/:/bin/sh\n"));
}

#[test]
fn an_etc_of_an_earlier_pattern_is_left_as_it_is_and_follows_from_then_on() {
    if !is_root() {
        return;
    }
    let mut machine = Machine::new("earlier");
    copy(&machine.image(1), &machine.etc());
    let before = machine.tree();
    machine.boot(2);
    assert_eq!(machine.tree(), before);
    assert_eq!(machine.beside(), machine.kept(&[2], &[]));
    copy(&machine.image(2), &machine.image(3));
    put(&machine.image(3), "own/new", "3");
    machine.boot(3);
    assert_eq!((machine.text("own/new"), machine.text("motd")), (Some("3".into()), Some("1".into())));
}

#[test]
fn without_the_base_nothing_is_changed() {
    if !is_root() {
        return;
    }
    for damage in ["gone", "list", "cut", "numbers", "text", "mark"] {
        let mut machine = Machine::installed(damage);
        edit(&machine);
        let base = machine.own().join(mark(1).id());
        match damage {
            "gone" => remove(&base).unwrap(),
            "mark" => machine.set_attribute("trusted.pattern.base", b"../../x"),
            "text" => fs::write(base.join("numbers"), "user").unwrap(),
            "cut" => fs::write(base.join("list"), "directory 0 0 755   a").unwrap(),
            part => remove(&base.join(part)).unwrap(),
        }
        let before = machine.tree();
        machine.boot(2);
        assert_eq!(machine.tree(), before, "{damage}");
        assert_eq!(machine.beside(), machine.kept(&[2], &[]), "{damage}");
    }
}

/// As on NixOS.
#[test]
fn an_image_without_an_etc_of_its_own_changes_nothing() {
    if !is_root() {
        return;
    }
    let mut machine = Machine::installed("none");
    edit(&machine);
    let before = machine.tree();
    machine.try_boot(3, false).unwrap();
    assert_eq!((machine.tree(), machine.marked()), (before, Some(mark(1))));
    fs::remove_dir_all(machine.own()).unwrap();
    machine.set_attribute("trusted.pattern.base", b"");
    machine.try_boot(3, false).unwrap();
    assert!(!machine.own().exists());
}
