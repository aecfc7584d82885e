//! Whoever had root before left things in `/etc` that lead elsewhere, wait, or can't be copied.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;

use nix::mount::{MsFlags, mount};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use nix::unistd::mkfifo;
use pattern_machine::ioctl::set_immutable;
use pattern_machine::mounts::apart;

use super::*;

#[test]
fn nothing_outside_the_tree_is_read_or_written() {
    if !is_root() {
        return;
    }
    let mut machine = Machine::installed("links");
    let elsewhere = machine.folder.join("elsewhere");
    fs::create_dir_all(elsewhere.join("system")).unwrap();
    fs::write(elsewhere.join("motd"), "1").unwrap();
    // Version 2 has files below both, and changes the third.
    for (name, target) in [("pam.d", "elsewhere"), ("systemd", "elsewhere"), ("motd", "elsewhere/motd")] {
        remove(&machine.etc().join(name)).unwrap();
        symlink(machine.folder.join(target), machine.etc().join(name)).unwrap();
    }
    symlink(&elsewhere, machine.etc().join("loop")).unwrap();
    machine.boot(2);
    assert_eq!(fs::read_to_string(elsewhere.join("motd")).unwrap(), "1");
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 2);
    assert_eq!(fs::read_dir(elsewhere.join("system")).unwrap().count(), 0);
    for name in ["pam.d", "systemd", "motd", "loop"] {
        assert!(fs::symlink_metadata(machine.etc().join(name)).unwrap().is_symlink(), "{name}");
    }
    // The removal of what was before follows nothing either.
    machine.boot(1);
    machine.boot(2);
    assert!(elsewhere.join("motd").exists() && elsewhere.join("system").exists());
}

#[test]
fn what_waits_and_odd_names_come_along() {
    if !is_root() {
        return;
    }
    let mut machine = Machine::installed("odd");
    mkfifo(&machine.etc().join("fifo"), Mode::S_IRUSR).unwrap();
    mknod(&machine.etc().join("disk"), SFlag::S_IFBLK, Mode::S_IRUSR, makedev(7, 99)).unwrap();
    mknod(&machine.etc().join("tty"), SFlag::S_IFCHR, Mode::S_IRUSR, makedev(5, 0)).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(machine.etc().join("socket")).unwrap();
    for name in [&b"a\nb"[..], b"\xff\xfe", b"-rf", b" ", b"\\"] {
        fs::write(machine.etc().join(OsStr::from_bytes(name)), "mine").unwrap();
    }
    fs::write(machine.etc().join("x".repeat(255)), "mine").unwrap();
    let count = fs::read_dir(machine.etc()).unwrap().count();
    machine.boot(2);
    // Version 2 has three more, and two less.
    assert_eq!(fs::read_dir(machine.etc()).unwrap().count(), count + 1);
    assert_eq!(machine.text("motd").unwrap(), "2");
}

/// What `/etc` is left as when it can't be brought along.
fn refused(mut machine: Machine, said: &str) {
    let before = machine.tree();
    let error = format!("{:#}", machine.try_boot(2, false).unwrap_err());
    assert!(error.starts_with("bringing /etc from 0.0.1 (11111111) to 0.0.2 (22222222): "), "{error}");
    assert!(error.contains(said), "{error}");
    assert_eq!((machine.tree(), machine.marked()), (before, Some(mark(1))));
    assert_eq!(machine.beside(), machine.kept(&[1], &[]));
}

#[test]
fn a_tree_that_is_too_deep_is_left_as_it_is() {
    if !is_root() {
        return;
    }
    let mut machine = Machine::installed("deep");
    fs::create_dir_all(machine.etc().join(vec!["d"; 101].join("/"))).unwrap();
    let error = format!("{:#}", machine.try_boot(2, false).unwrap_err());
    assert!(error.ends_with("more than 100 directories in each other"), "{error}");
    assert_eq!(machine.marked(), Some(mark(1)));
    fs::remove_dir_all(machine.etc().join("d")).unwrap();
    fs::create_dir_all(machine.etc().join(vec!["d"; 100].join("/"))).unwrap();
    machine.boot(2);
    machine.boot(1);
    machine.boot(2);
}

#[test]
fn a_directory_that_can_not_be_exchanged_is_left_as_it_is() {
    if !is_root() {
        return;
    }
    let machine = Machine::installed("immutable");
    let etc = fs::File::open(machine.etc()).unwrap();
    // Not each file system has flags.
    if set_immutable(&etc, true).is_ok() {
        refused(machine, "Operation not permitted");
        set_immutable(&etc, false).unwrap();
    }
}

#[test]
fn files_that_are_immutable_stay_so_and_do_not_stop_the_next_version() {
    if !is_root() {
        return;
    }
    let mut machine = Machine::installed("files");
    put(&machine.etc(), "resolv.conf", "mine");
    let open = |machine: &Machine| fs::File::open(machine.etc().join("resolv.conf")).unwrap();
    if set_immutable(&open(&machine), true).is_err() {
        return;
    }
    for version in [2, 1, 2, 1] {
        machine.boot(version);
        assert!(fs::write(machine.etc().join("resolv.conf"), "").is_err());
    }
}

#[test]
fn something_else_in_the_place_of_its_own_folder_is_named() {
    if !is_root() {
        return;
    }
    let machine = Machine::installed("folder");
    let elsewhere = machine.folder.join("elsewhere");
    fs::rename(machine.own(), &elsewhere).unwrap();
    symlink(&elsewhere, machine.own()).unwrap();
    refused(machine, "volume/root/.etc is not a directory");
}

/// The tree that was read has nothing of what is in it.
#[test]
fn a_file_system_below_etc_is_not_lost() {
    if !is_root() {
        return;
    }
    let machine = Machine::installed("mounted");
    let folder = machine.folder.clone();
    let ran = std::thread::spawn(move || {
        // A container may forbid it.
        apart().ok()?;
        let at = machine.etc().join("own");
        fs::create_dir(&at).unwrap();
        mount(Some("tmpfs"), &at, Some("tmpfs"), MsFlags::empty(), None::<&str>).ok()?;
        fs::write(at.join("x"), "mine").unwrap();
        refused(machine, "next/own: its source is a file system or a subvolume of its own");
        fs::read_to_string(at.join("x")).ok()
    });
    assert!(ran.join().unwrap().is_none_or(|text| text == "mine"));
    remove(&folder).unwrap();
}
