//! A signal ends a burn, and no temporary folder stays.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::place::Place;

/// gpg has its home there, and it runs until a signal ends it.
#[test]
fn a_signal_leaves_no_temporary_folder() {
    let place = Place::new();
    place.disk("vm.raw", 64);
    for (name, content) in [("x_1/SHA256SUMS.gpg", &b"x"[..]), ("keys.pgp", b"\x98\x01\0")] {
        fs::write(place.path(name), content).unwrap();
    }
    fs::create_dir(place.path("bin")).unwrap();
    fs::create_dir(place.path("temporary")).unwrap();
    let gpg = place.path("bin/gpg");
    fs::write(&gpg, "#!/bin/sh\necho $$ >ready\nexec sleep 1000\n").unwrap();
    fs::set_permissions(&gpg, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pattern"));
    command.args(["burn", "x_1", "vm.raw", "--keyring", "keys.pgp"]).current_dir(place.path(""));
    let path = format!("{}:{}", place.path("bin").display(), std::env::var("PATH").unwrap());
    command.env("PATH", path).env("TMPDIR", place.path("temporary"));
    let mut burn = command.spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    while !place.path("ready").exists() {
        assert!(Instant::now() < deadline && burn.try_wait().unwrap().is_none(), "gpg was not started");
        std::thread::sleep(Duration::from_millis(10));
    }
    let names = || fs::read_dir(place.path("temporary")).unwrap().count();
    assert_eq!(names(), 1);
    assert!(Command::new("kill").arg(burn.id().to_string()).status().unwrap().success());
    assert_eq!(burn.wait().unwrap().signal(), Some(15));
    assert_eq!(names(), 0);
    assert!(place.content("vm.raw").iter().all(|byte| *byte == 0));
}
