//! What a program that may write in `/var` can leave there.

use std::os::unix::fs::symlink;
use std::process::Command;
use std::thread;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use pattern_machine::mounts::apart;

use super::*;

#[test]
fn a_link_is_never_followed() {
    if !is_root() {
        return;
    }
    let machine = Machine::installed("links");
    let outside = machine.0.join("outside");
    for name in ["app/seed", "app/db", "new/keep", "gone/x"] {
        put(&outside, name, "outside");
    }
    for name in ["app", "new", "gone"] {
        let place = machine.var().join("lib").join(name);
        remove(&place).unwrap();
        symlink(outside.join(name), place).unwrap();
    }
    fs::remove_file(machine.var().join("log/README")).unwrap();
    symlink(outside.join("app/db"), machine.var().join("log/README")).unwrap();
    let before = read(&outside).unwrap();
    machine.boot(2);
    machine.boot(1);
    assert_eq!(read(&outside).unwrap(), before);
    assert!(machine.var().join("lib/new").is_symlink() && machine.var().join("log/README").is_symlink());
}

#[test]
fn all_of_var_is_not_read() {
    if !is_root() {
        return;
    }
    let machine = Machine::installed("much");
    // More levels than a tree may have that is read as a whole, and a file without an end.
    let deep = (0..200).fold(machine.var().join("lib/app/cache"), |path, _| path.join("d"));
    fs::create_dir_all(&deep).unwrap();
    let endless = fs::File::create(machine.var().join("lib/app/db")).unwrap();
    endless.set_len(1 << 42).unwrap();
    nix::unistd::mkfifo(&machine.var().join("lib/app/fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    machine.boot(2);
    assert_eq!(machine.text("lib/app/more").unwrap(), "2");
    assert_eq!(fs::metadata(machine.var().join("lib/app/db")).unwrap().len(), 1 << 42);
    remove(&machine.var().join("lib/app/cache")).unwrap();
}

#[test]
fn what_is_immutable_stays_and_the_rest_follows() {
    if !is_root() {
        return;
    }
    let machine = Machine::installed("immutable");
    let seed = machine.var().join("lib/app/seed");
    let set = Command::new("chattr").arg("+i").arg(&seed).status();
    if !set.is_ok_and(|status| status.success()) {
        // The file system, or a container, has no such flags.
        return;
    }
    machine.boot(2);
    assert_eq!(
        (machine.text("lib/app/seed").unwrap(), machine.text("lib/app/more").unwrap()),
        ("1".into(), "2".into())
    );
}

#[test]
fn a_damaged_mark_is_taken_for_one_of_before() {
    if !is_root() {
        return;
    }
    let machine = Machine::installed("damaged");
    let before = machine.tree();
    machine.place(1).layout.set_mark(&machine.var(), b"x").unwrap();
    machine.boot(2);
    assert_eq!(machine.tree(), before);
}

/// Such as a subvolume of btrfs, which the owner made for the logs.
#[test]
fn a_file_system_of_its_own_stays_and_the_rest_follows() {
    if !is_root() {
        return;
    }
    let machine = Machine::installed("subvolume");
    let ran = thread::spawn(move || {
        // A container may forbid it.
        apart().ok()?;
        let at = machine.var().join("lib/app");
        mount(Some("tmpfs"), &at, Some("tmpfs"), MsFlags::empty(), None::<&str>).ok()?;
        machine.boot(2);
        assert_eq!(machine.text("lib/new/y").unwrap(), "2");
        assert_eq!(fs::read_dir(&at).unwrap().count(), 0);
        machine.boot(1);
        assert_eq!((machine.text("lib/new/y"), fs::read_dir(&at).unwrap().count()), (None, 0));
        umount2(&at, MntFlags::MNT_DETACH).ok()
    });
    ran.join().unwrap();
}
