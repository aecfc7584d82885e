//! A person is asked for the name of the disk.

use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};

use crate::image::{assert_burned, image};
use crate::place::{Place, untimed};

/// Begins to burn on a terminal of its own.
fn started(place: &Place) -> Child {
    let burn = format!("{} burn x_1 vm.raw", env!("CARGO_BIN_EXE_pattern"));
    // What starts the tests may ignore Ctrl-C, as a shell does in the background.
    let mut command = Command::new("env");
    command
        .args(["--default-signal=INT", "script", "--quiet", "--return", "--command", &burn, "/dev/null"])
        .current_dir(place.path(""));
    command.env("TERM", "xterm");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

/// Burns there, where somebody types this. Returns all that is shown, and the exit status.
fn typed(place: &Place, answer: &str) -> (String, i32) {
    let mut child = started(place);
    child.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (String::from_utf8_lossy(&output.stdout).into_owned(), output.status.code().unwrap())
}

#[test]
fn only_the_name_of_the_disk_erases_it() {
    let place = Place::new();
    std::fs::write(place.path("vm.raw"), vec![1; 64 << 20]).unwrap();
    for answer in ["y\n", "\n", "x_1\n"] {
        let (shown, status) = typed(&place, answer);
        assert!(shown.contains("All of it will be lost. Type vm.raw to erase it: "), "{shown}");
        assert!(shown.contains("pattern: vm.raw: not erased: the answer was "), "{shown}");
        assert_eq!(status, 1);
        assert!(place.content("vm.raw").iter().all(|byte| *byte == 1), "{answer:?}");
    }
    let (shown, status) = typed(&place, "vm.raw\n");
    let shown = untimed(&shown);
    assert!(shown.contains("vm.raw: read back"), "{shown}");
    assert_eq!(status, 0);
    assert_burned(&place.content("vm.raw"), &image());
    // The line of the progress is written over.
    assert!(shown.contains("\r\u{1b}[Kvm.raw: written, "), "{shown}");
}

#[test]
fn nobody_is_asked_for_a_blank_disk() {
    let place = Place::new();
    place.disk("vm.raw", 64);
    let (shown, status) = typed(&place, "");
    assert!(!shown.contains("Type "), "{shown}");
    assert_eq!(status, 0, "{shown}");
}

#[test]
fn ctrl_c_ends_the_question_and_changes_nothing() {
    let place = Place::new();
    std::fs::write(place.path("vm.raw"), vec![1; 64 << 20]).unwrap();
    let mut child = started(&place);
    let (mut keys, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut shown = Vec::new();
    while !String::from_utf8_lossy(&shown).ends_with("Type vm.raw to erase it: ") {
        let mut byte = [0];
        screen.read_exact(&mut byte).unwrap();
        shown.extend(byte);
    }
    keys.write_all(b"\x03").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(128 + 2));
    assert!(place.content("vm.raw").iter().all(|byte| *byte == 1));
}
