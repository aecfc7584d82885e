//! What `[userspace]` offers, on an image that has all of it but the desktop, and `debug = false`.

mod console;
mod desktop;
mod distrobox;
mod homed;
mod sandboxing;

use std::thread;
use std::time::{Duration, Instant};

use pattern_vm_tests::{Computer, Guest};

pub(crate) const NAME: &str = "owner";
pub(crate) const PASSWORD: &str = "correct horse battery staple";
/// The user record that makes the first user (`openssl passwd -6`).
pub(crate) const RECORD: &str = r#"{
    "memberOf": ["sudo"],
    "privileged": {"hashedPassword": ["$6$pattern$18RNsdz5V9T3/rINjoTgwTwfzJIqtxa1audnvxlisTBwCveGUvGasdVOWLfcAFCRDXAzXLH1ZOompSnMu2a/T0"]},
    "secret": {"password": ["correct horse battery staple"]}
}"#;

/// GNOME without a graphics processor, on an emulated one.
const PATIENCE: Duration = Duration::from_secs(1800);

/// One that never booted, and makes its first user by itself.
fn computer(name: &str) -> Computer {
    with_a_user(Computer::of_image("userspace", name))
}

fn with_a_user(mut computer: Computer) -> Computer {
    computer.secure_boot_with_keys();
    computer.credential("home.create.owner", RECORD);
    computer
}

pub(crate) fn log_in(guest: &mut Guest) {
    guest.log_in(NAME, PASSWORD);
}

/// Answers what a first start asks for.
pub(crate) fn make_first_user(guest: &mut Guest) {
    for (question, answer) in [
        ("Press any key to proceed", ""),
        ("enter user name to create", NAME),
        ("enter an auxiliary group for user owner", "sudo"),
        ("enter an auxiliary group for user owner", ""),
        ("enter the shell to use for user owner", ""),
        ("enter new password for user owner:", PASSWORD),
        ("enter new password for user owner (repeat):", PASSWORD),
    ] {
        guest.expect(question);
        guest.send(answer);
    }
}

/// Waits until a command succeeds.
pub(crate) fn until(guest: &mut Guest, command: &str) {
    let begin = Instant::now();
    while guest.run(command).status != 0 {
        assert!(begin.elapsed() < PATIENCE, "{command}");
        thread::sleep(Duration::from_secs(5));
    }
}

/// Starts a command as root, as whoever is in the group sudo may.
pub(crate) fn as_root(guest: &mut Guest, command: &str) {
    // 25 seconds are too few for an emulated machine, to start polkit and to answer.
    let _ =
        guest.must("busctl --timeout=600 call org.freedesktop.PolicyKit1 / org.freedesktop.DBus.Peer Ping");
    guest.send(&format!("SYSTEMD_BUS_TIMEOUT=600 run0 --background= {command}"));
    guest.expect("Password: ");
    // The agent throws away what was typed before it turned the echo off.
    thread::sleep(Duration::from_secs(3));
    guest.send(PASSWORD);
}

/// Types commands as root, which may ask for this key, and must succeed.
pub(crate) fn must_as_root(guest: &mut Guest, commands: &str, key: Option<&str>) {
    as_root(guest, &format!("sh -c '{commands}; echo \"owner: ended with $?.\"'"));
    if let Some(key) = key {
        guest.expect("Recovery key of ");
        guest.send(key);
    }
    let said = guest.expect("owner: ended with ");
    let status = guest.expect(".");
    assert_eq!(status, "0", "{commands}: {said}");
    // run0 gives the terminal back as it was before.
    guest.greet();
}
