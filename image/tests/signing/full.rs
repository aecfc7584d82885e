//! Disks that are full: which one is said, and that it is the disk. Nothing is left on it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::{Command, Output};

use crate::place::{Place, names};

/// Runs `pattern` where `m` is a file system of so many KiB. Prints what is left there.
fn with_disk(place: &Place, kib: u32, arguments: &[&str]) -> Output {
    let root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    let mut command = Command::new("unshare");
    command.arg("--mount").args((!root).then_some("--map-root-user"));
    let script =
        "mount -t tmpfs -o size=${1}k none m; shift; \"$@\" >/dev/null; status=$?; ls -A m; exit $status";
    command.args(["sh", "-c", script, "sh", &kib.to_string(), env!("CARGO_BIN_EXE_pattern"), "--quiet"]);
    command.args(arguments).current_dir(place.path("")).output().unwrap()
}

/// What is too large is the image, so the disk takes some files.
#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn a_release_that_has_no_room_says_so_in_the_same_words() {
    let place = Place::with_keys();
    place.build("1");
    fs::create_dir(place.path("m")).unwrap();
    let mount = place.path("m").canonicalize().unwrap();
    for kib in [4, 12, 20, 40] {
        let arguments =
            ["sign-release", "x_1", "x-gpg", "--output", "m/r", "--compress", "none", "--deltas", "0"];
        let output = with_disk(&place, kib, &arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{kib} {error}");
        let wanted = format!("pattern: the file system at {} is full (", mount.display());
        assert!(error.starts_with(&wanted), "{kib} {error}");
        assert_eq!(error.matches(" left): make room there, and try again: ").count(), 1, "{kib} {error}");
    }
}

/// The program that unpacks dies, because nobody reads on.
#[test]
#[ignore = "needs xz-utils; `make test` runs it"]
fn an_image_that_is_unpacked_says_which_disk_is_full() {
    let place = Place::new();
    fs::create_dir(place.path("m")).unwrap();
    // Not zeros, which would take no room.
    let noise: Vec<u8> =
        (0..600_000_u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
    fs::write(place.path("x.raw"), noise).unwrap();
    for (program, file) in [("xz", "x.raw.xz"), ("gzip", "x.raw.gz")] {
        assert!(
            Command::new(program)
                .args(["--keep", "x.raw"])
                .current_dir(place.path(""))
                .status()
                .unwrap()
                .success()
        );
        let mut command = Command::new("unshare");
        let script = "mount -t tmpfs -o size=512k none m && TMPDIR=$PWD/m exec \"$@\"";
        command.args(["--map-root-user", "--mount", "sh", "-c", script, "sh", env!("CARGO_BIN_EXE_pattern")]);
        let output = command.args(["--quiet", "show", file]).current_dir(place.path("")).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        let mount = place.path("m").canonicalize().unwrap();
        let wanted = format!("pattern: the file system at {} ", mount.display());
        assert!(output.status.code() == Some(1) && error.starts_with(&wanted), "{error}");
        assert_eq!(error.matches("make room there, and try again: writing ").count(), 1, "{error}");
    }
}

#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn a_full_disk_is_named_and_not_the_key() {
    let place = Place::new();
    fs::create_dir(place.path("m")).unwrap();
    let mount = place.path("m").canonicalize().unwrap();
    let wanted = format!("the file system at {} is full (", mount.display());
    for command in ["gen-keyring", "init"] {
        for kib in [4, 12, 20, 28, 36] {
            let output = with_disk(&place, kib, &[command, "m/x"]);
            let error = String::from_utf8_lossy(&output.stderr);
            assert_eq!(
                (output.status.code(), output.stdout.as_slice()),
                (Some(1), &b""[..]),
                "{command} {kib} {error}"
            );
            assert!(
                error.contains(&wanted) && error.contains(" left): make room there, and try again: "),
                "{kib} {error}"
            );
        }
    }
    // Which one is the first that is large enough depends on gpg.
    for kib in [40, 44, 48, 52, 56, 60, 64, 68, 72] {
        let output = with_disk(&place, kib, &["init", "m/x"]);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() || (error.contains(&wanted) && output.stdout.is_empty()),
            "{kib} {error}"
        );
    }
    assert_eq!(with_disk(&place, 2048, &["init", "m/x"]).status.code(), Some(0));
    assert!(names(&place.path("m")).is_empty());
}
