//! Without a disk, the disks are listed.

use crate::place::Place;

#[test]
fn without_a_disk_the_disks_are_listed() {
    let place = Place::new();
    let output = place.burn(&["x_1"]);
    let [out, errors] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert_eq!(errors, "pattern: burn: name the disk: pattern burn IMAGE DEVICE\n");
    assert!(
        out.starts_with("Disks that can be burned to:\n") || out.starts_with("No disk can be burned to.\n"),
        "{out}"
    );
}

#[test]
fn a_program_gets_json() {
    let place = Place::new();
    let output = place.burn(&["x_1", "--json"]);
    // As without --json: nothing was burned, and a script whose variable for the disk is empty has to know.
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(output.stderr, b"pattern: burn: name the disk: pattern burn IMAGE DEVICE\n");
    let disks: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(disks.as_array().unwrap().iter().all(|disk| disk["path"].is_string()), "{disks}");
}

#[test]
fn an_image_that_is_not_there_is_named_first() {
    let place = Place::new();
    let refusal = place.refuses(&["x_2"]);
    assert_eq!(refusal, "pattern: looking at the image x_2: No such file or directory (os error 2)");
}

#[test]
fn what_is_not_an_image_is_refused_before_the_disks_are_listed() {
    let place = Place::new();
    for name in ["text.raw", "x_2.raw.xz"] {
        std::fs::write(place.path(name), "hello\n").unwrap();
    }
    std::fs::write(place.path("empty.raw"), "").unwrap();
    std::fs::write(place.path("half.raw"), [&[0; 512][..], b"EFI PART"].concat()).unwrap();
    std::fs::write(place.path("SHA256SUMS"), "").unwrap();
    std::fs::write(place.path("SHA256SUMS.gpg"), "").unwrap();
    for (image, message) in [
        ("text.raw", "text.raw is not an image: it has no partition table\n"),
        ("empty.raw", "empty.raw is not an image: it is empty\n"),
        ("half.raw", "image half.raw: it does not begin with a partition table: "),
        ("x_2.raw.xz", "image x_2.raw.xz: its name says that it is compressed, and its content is not"),
    ] {
        let output = place.burn(&[image, "--keyring", "k.pgp"]);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout), (Some(1), vec![]), "{errors}");
        assert!(errors.starts_with(&format!("pattern: {message}")), "{errors}");
    }
    std::fs::write(place.path("x_2.raw.xz"), b"\xfd7zXZ\0\0\x04").unwrap();
    assert_eq!(place.burn(&["x_2.raw.xz", "--keyring", "k.pgp"]).status.code(), Some(2));
}

/// What is checked and unpacked for minutes is not what a person is told after them.
#[test]
fn a_file_that_can_not_be_a_disk_is_refused_first() {
    let place = Place::new();
    for (name, content, message) in [
        (
            "text.raw",
            "hello\n",
            "text.raw has 6 bytes, and is not the disk of a virtual machine: make one under another name: ",
        ),
        (
            "two.raw",
            "ab",
            "two.raw has 2 bytes, and is not the disk of a virtual machine: make one under another name: ",
        ),
        ("empty.raw", "", "empty.raw is empty: give it the size of a disk: truncate --size=20G empty.raw"),
    ] {
        std::fs::write(place.path(name), content).unwrap();
        let output = place.burn(&["x_1", name]);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(errors.starts_with(&format!("pattern: {message}")), "{errors}");
        assert_eq!((output.status.code(), place.content(name)), (Some(1), content.into()));
    }
}

/// As somebody has it who fetched it: without the publisher's keyring.
#[test]
fn who_fetched_a_release_reads_where_its_keyring_comes_from() {
    let place = Place::new();
    place.disk("vm.raw", 64);
    std::fs::write(place.path("x_2.raw.xz"), b"\xfd7zXZ\0\0\x04").unwrap();
    for name in ["SHA256SUMS", "SHA256SUMS.gpg"] {
        std::fs::write(place.path(name), "").unwrap();
    }
    for arguments in [&["x_2.raw.xz"][..], &[".", "vm.raw"]] {
        let refusal = place.refuses(arguments);
        assert!(
            refusal.contains("it is of a release: add --keyring NAME-pubring.pgp, the public key"),
            "{refusal}"
        );
        assert!(
            refusal.contains(" Get that file from those who publish the system, but not from "),
            "{refusal}"
        );
    }
    let refusal = place.refuses(&[".", "vm.raw", "--keyring", "k.pgp"]);
    assert_eq!(refusal, "pattern: keyring k.pgp does not exist: get it from those who publish the system");
}

/// A file may be called so to clear the screen, or to type.
#[test]
fn a_name_does_not_control_the_terminal() {
    let place = Place::new();
    let refusal = place.refuses(&["\u{1b}[2Jx"]);
    assert_eq!(refusal, "pattern: looking at the image \\u{1b}[2Jx: No such file or directory (os error 2)");
    let refusal = place.refuses(&["a\nb\tc"]);
    assert_eq!(refusal, "pattern: looking at the image a\\nb\\tc: No such file or directory (os error 2)");
    for words in [&["x_1", "--era\nse"][..], &["x_1", "--erase=a\nb"], &["x_1", "a", "b\nc"]] {
        let output = place.burn(words);
        let errors = String::from_utf8(output.stderr).unwrap();
        let first = errors.lines().next().unwrap_or_default();
        assert!(
            output.status.code() == Some(2)
                && !errors.contains("\nb")
                && !errors.contains("\nse")
                && !errors.contains("\nc"),
            "{errors}"
        );
        assert!(first.starts_with("pattern: "), "{errors}");
    }
}
