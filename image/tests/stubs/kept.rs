//! `pattern run --persist DIR`: a machine keeps what it has, has its folder for itself, and is never taken for another one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::host::{DEAF, Host, mode, said, send, wait_until};

const MACHINE: [&str; 8] = [
    "console.log",
    "disk.raw",
    "made-from.json",
    "qemu.log",
    "swtpm.log",
    "tpm",
    "tpm.sock",
    "uefi-variables.fd",
];

/// A machine in `m` that ran once and has a file of its own.
fn machine() -> Host {
    let host = Host::new();
    host.image("x_1.raw", 1);
    let make = host.pattern(": >console.log", &["run", "x_1.raw", "--persist", "m"]).output().unwrap();
    assert!(make.status.success(), "{}", said(&make));
    fs::write(host.path("m/notes.txt"), "mine").unwrap();
    // The first boot did something.
    fs::write(host.path("m/uefi-variables.fd"), "entries").unwrap();
    host
}

fn variables(host: &Host) -> String {
    fs::read_to_string(host.path("m/uefi-variables.fd")).unwrap()
}

#[test]
fn a_machine_goes_on_with_its_image_or_without() {
    let host = machine();
    for arguments in [&["run", "x_1.raw", "--persist", "m"][..], &["run", "--persist", "m"]] {
        host.succeeds(arguments);
        assert_eq!(variables(&host), "entries");
    }
    // The size is that of the image and more, without the image too.
    host.succeeds(&["run", "--persist", "m", "--disk", "+9G"]);
    assert_eq!(fs::metadata(host.path("m/disk.raw")).unwrap().len(), (9 << 30) + (4 << 20));
}

#[test]
fn another_image_is_not_shown_in_the_place_of_the_machine_s() {
    let host = machine();
    let next = ": to go on with the machine, leave IMAGE out (`pattern update` on the machine brings a new version, and \
                keeps its files); to start anew, give --fresh, which erases the machine's disk, TPM and UEFI variables\n";
    host.image("x_2.raw", 2);
    let error = host.fails(&["run", "x_2.raw", "--persist", "m"]);
    let wanted =
        "pattern: keeping a machine in m: its machine was made from x_1.raw, and x_2.raw is another image";
    assert_eq!(error, format!("{wanted}{next}"));
    // The same version, built again.
    host.image("x_1.raw", 3);
    let error = host.fails(&["run", "x_1.raw", "--persist", "m"]);
    let wanted = "pattern: keeping a machine in m: its machine was made from another build of x_1.raw";
    assert_eq!(error, format!("{wanted}{next}"));
    // Made before there was a note.
    fs::remove_file(host.path("m/made-from.json")).unwrap();
    let error = host.fails(&["run", "x_1.raw", "--persist", "m"]);
    assert!(error.contains("an older version of pattern made its machine, and did not note"), "{error}");
    assert_eq!(variables(&host), "entries");
    host.succeeds(&["run", "--persist", "m"]);
}

/// As `pattern burn` onto the disk of the machine does, and as a burning leaves it that was cut off.
#[test]
fn a_disk_that_became_another_is_not_taken_for_the_image_s() {
    for is_blank in [false, true] {
        let host = machine();
        if is_blank {
            fs::File::create(host.path("m/disk.raw")).unwrap().set_len(8 << 20).unwrap();
        } else {
            host.image("m/disk.raw", 2);
        }
        let error = host.fails(&["run", "x_1.raw", "--persist", "m"]);
        let wanted = "pattern: keeping a machine in m: its machine was made from x_1.raw, but disk.raw has the partition table of \
                      another disk, or none: was another image burned onto it? To start what is there, leave IMAGE out; to start \
                      anew, give --fresh, which erases the machine's disk, TPM and UEFI variables\n";
        assert_eq!((error.as_str(), variables(&host).as_str()), (wanted, "entries"));
        host.succeeds(&["run", "--persist", "m"]);
        host.succeeds(&["run", "x_1.raw", "--persist", "m", "--fresh"]);
        host.succeeds(&["run", "x_1.raw", "--persist", "m"]);
    }
}

/// swtpm would begin with a blank TPM, QEMU with another's variables, and both would wait for whoever reads a FIFO.
#[test]
fn a_part_that_is_lost_is_not_replaced_without_a_word() {
    for (part, script, wanted) in [
        ("tpm", "rm m/tpm/*", "its tpm, which opens its volume, is empty: "),
        ("uefi-variables.fd", "rm m/uefi-variables.fd", "its boot entries, is missing: "),
        ("uefi-variables.fd", ": >m/uefi-variables.fd", "its boot entries, is empty: "),
        ("uefi-variables.fd", "mkfifo -m 600 n && mv n m/uefi-variables.fd", "is a FIFO, not a file: "),
        ("disk.raw", ": >m/disk.raw", "its disk.raw is empty: "),
        ("disk.raw", "mkfifo n && mv n m/disk.raw", "its disk.raw is a FIFO, not a file: "),
        ("qemu.log", "mkfifo n && mv n m/qemu.log", "its qemu.log is a FIFO, not a file: remove it"),
        ("swtpm.log", "mkfifo n && mv n m/swtpm.log", "its swtpm.log is a FIFO, not a file: remove it"),
        ("console.log", "mkfifo n && mv n m/console.log", "its console.log is a FIFO, not a file: remove it"),
    ] {
        let host = machine();
        let changed = Command::new("sh").args(["-c", script]).current_dir(host.path("")).status().unwrap();
        assert!(changed.success(), "{script}");
        for arguments in [&["run", "x_1.raw", "--persist", "m"][..], &["run", "--persist", "m"]] {
            let error = host.fails(arguments);
            let start = error.starts_with("pattern: keeping a machine in m: ");
            assert!(start && error.contains(part) && error.contains(wanted), "{script}: {error}");
        }
        host.succeeds(&["run", "x_1.raw", "--persist", "m", "--fresh"]);
    }
    // As the message says.
    let host = machine();
    fs::remove_dir_all(host.path("m/tpm")).unwrap();
    fs::create_dir(host.path("m/tpm")).unwrap();
    fs::remove_file(host.path("m/console.log")).unwrap();
    host.succeeds(&["run", "--persist", "m"]);
    assert!(host.path("m/tpm/tpm2-00.permall").exists());
}

#[test]
fn fresh_erases_the_machine_and_nothing_else() {
    let host = machine();
    host.image("x_2.raw", 2);
    host.succeeds(&["run", "x_2.raw", "--persist", "m", "--fresh"]);
    assert_eq!(variables(&host), "#!/bin/sh\n", "as the firmware brings them");
    assert_eq!(fs::read_to_string(host.path("m/notes.txt")).unwrap(), "mine");
    assert!(!host.path("m/console.log").exists(), "of the machine before");
    host.succeeds(&["run", "x_2.raw", "--persist", "m"]);
}

/// A TPM's state opens the machine's volume, and a release is published.
#[test]
fn no_machine_is_made_where_others_get_it() {
    let host = Host::new();
    host.image("x_1.raw", 1);
    fs::create_dir(host.path("release")).unwrap();
    for name in ["SHA256SUMS", "SHA256SUMS.gpg"] {
        fs::write(host.path("release").join(name), "").unwrap();
    }
    let error = host.fails(&["run", "x_1.raw", "--persist", "release/new/m"]);
    let release = host.path("release").canonicalize().unwrap();
    let wanted = format!(
        "pattern: keeping a machine in release/new/m: {} is a release: name a new or an empty folder in another place\n",
        release.display()
    );
    assert_eq!((error, host.path("release/new").exists()), (wanted, false));
}

#[test]
fn a_folder_of_something_else_is_left_alone() {
    let host = Host::new();
    host.image("x_1.raw", 1);
    for (name, message) in [
        ("notes.txt", "it is not the folder of a machine, and has notes.txt: name a new or an empty folder"),
        (
            "SHA256SUMS",
            "it holds what `pattern build` wrote (SHA256SUMS): name another folder for the machine",
        ),
    ] {
        fs::create_dir(host.path("x_1")).unwrap();
        fs::write(host.path("x_1").join(name), "mine").unwrap();
        for more in [&[][..], &["--fresh"]] {
            let error = host.fails(&[&["run", "x_1.raw", "--persist", "x_1"], more].concat());
            assert_eq!(error, format!("pattern: keeping a machine in x_1: {message}\n"));
            assert_eq!(host.names("x_1"), [name]);
        }
        fs::remove_dir_all(host.path("x_1")).unwrap();
    }
}

#[test]
fn a_file_is_not_taken_for_a_folder() {
    let host = Host::new();
    host.image("x_1.raw", 1);
    fs::write(host.path("m"), "mine").unwrap();
    let error = host.fails(&["run", "x_1.raw", "--persist", "m"]);
    let wanted =
        "pattern: keeping a machine in m: it is a file, not a folder: name a new or an empty folder\n";
    assert_eq!((error.as_str(), fs::read(host.path("m")).unwrap()), (wanted, b"mine".to_vec()));
    host.succeeds(&["run", "x_1.raw", "--persist", "new/m"]);
}

#[test]
fn a_machine_is_its_owner_s() {
    let host = machine();
    assert_eq!(mode(&host.path("m")), 0o700);
    for name in MACHINE {
        assert_eq!(mode(&host.path("m").join(name)) & 0o077, 0, "{name}");
    }
    fs::set_permissions(host.path("m"), fs::Permissions::from_mode(0o750)).unwrap();
    let warned = said(&host.succeeds(&["run", "--persist", "m"]));
    assert_eq!(warned, "warning: other users can read m; to prevent that, run: chmod 700 m\n");
}

#[test]
fn a_machine_runs_once() {
    let host = machine();
    let mut first = host.starts(host.pattern(DEAF, &["run", "--persist", "m"]), "ready");
    let qemu = host.process("ready");
    let before = host.names("m");
    let refused = |when: &str| {
        let error = host.fails(&["run", "x_1.raw", "--persist", "m", "--fresh", "--disk", "30G"]);
        assert_eq!(
            error, "pattern: another pattern process is using m; try again when it has finished\n",
            "{when}"
        );
        assert_eq!(host.names("m"), before, "{when}");
        assert_eq!(variables(&host), "entries", "{when}");
    };
    refused("while it runs");
    first.kill().unwrap();
    first.wait().unwrap();
    refused("while its QEMU runs");
    send("KILL", &qemu);
    wait_until("the machine is free", || {
        host.pattern("exit 0", &["run", "--persist", "m"]).output().unwrap().status.success()
    });
}

#[test]
fn a_copy_that_fails_leaves_nothing() {
    let host = Host::new();
    host.image("x_1.raw", 1);
    fs::create_dir(host.path("empty")).unwrap();
    for folder in ["empty", "new"] {
        let mut command = Command::new("sh");
        // No file may have more than 64 KiB.
        command.args(["-c", "ulimit -f 128; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_pattern")]);
        command.args(["run", "x_1.raw", "--persist", folder]);
        host.furnish(&mut command, "exit 0");
        let output = command.output().unwrap();
        let error = said(&output);
        assert!(error.contains("pattern: copying x_1.raw to "), "{error}");
    }
    assert!(host.names("empty").is_empty() && !host.path("new").exists());
    host.succeeds(&["run", "x_1.raw", "--persist", "new"]);
}

/// Without a folder of its own the machine is where `TMPDIR` is.
#[test]
#[ignore = "needs a user namespace; `make test` runs it"]
fn a_machine_without_room_says_which_disk_is_full() {
    let host = Host::new();
    host.image("x_1.raw", 1);
    for arguments in [&["x_1.raw", "--persist", "temporary/m"][..], &["x_1.raw"]] {
        for kib in [4, 8, 12] {
            let mut command = Command::new("unshare");
            let script = format!("mount -t tmpfs -o size={kib}k none temporary && exec \"$@\"");
            command.args(["--map-root-user", "--mount", "sh", "-c", &script, "sh"]);
            command.args([env!("CARGO_BIN_EXE_pattern"), "--quiet", "run"]).args(arguments);
            host.furnish(&mut command, ":");
            let output = command.output().unwrap();
            let error = said(&output);
            assert_eq!(output.status.code(), Some(1), "{arguments:?} {kib} {error}");
            let mount = host.path("temporary").canonicalize().unwrap();
            let wanted = format!("pattern: the file system at {} ", mount.display());
            assert!(error.starts_with(&wanted), "{arguments:?} {kib} {error}");
            assert_eq!(error.matches("make room there, and try again: ").count(), 1, "{kib} {error}");
        }
    }
}
