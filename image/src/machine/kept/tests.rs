//! What is done with a folder.

use super::*;

fn origin(name: &str, identity: &str) -> Origin {
    Origin { name: name.into(), bytes: 5, identity: identity.into() }
}

fn found(names: &[&str], made_from: Option<Origin>) -> Found {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    Found { names, origin: made_from, ..Found::default() }
}

fn machine() -> Found {
    found(&[NOTE, DISK, VARIABLES, TPM, "console.log", "my notes"], Some(origin("x_1.raw", "one")))
}

#[test]
fn a_new_machine_gets_an_empty_folder() {
    let (image, make) = (origin("x_1.raw", "one"), Ok(Next::Make));
    for names in [&[][..], &[".gitignore"], &[NOTE, "disk.part"], &["disk.part", "uefi-variables.fd"]] {
        assert_eq!(decide(&found(names, None), Some(&image), false), make, "{names:?}");
        assert_eq!(decide(&found(names, None), Some(&image), true), make, "{names:?}");
        let refusal = decide(&found(names, None), None, false).unwrap_err();
        assert_eq!(refusal, "the folder has no machine yet: name an IMAGE to make one");
    }
}

#[test]
fn another_disk_is_not_started_in_the_place_of_the_machine_s() {
    let (image, found) = (origin("x_1.raw", "one"), Found { other_disk: true, ..machine() });
    let refusal = decide(&found, Some(&image), false).unwrap_err();
    let start =
        "its machine was made from x_1.raw, but disk.raw has the partition table of another disk, or none: ";
    assert!(refusal.starts_with(start), "{refusal}");
    assert_eq!(decide(&found, None, false), Ok(Next::GoOn));
    assert_eq!(decide(&found, Some(&image), true), Ok(Next::Make));
}

#[test]
fn files_of_others_are_not_a_machine_s() {
    let image = origin("x_1.raw", "one");
    for (names, other) in [
        (&["notes.txt"][..], "notes.txt"),
        (&["tpm", "pattern.toml"], "pattern.toml"),
        // The disk of another program.
        (&["disk.raw"], "disk.raw"),
    ] {
        for fresh in [false, true] {
            let refusal = decide(&found(names, None), Some(&image), fresh).unwrap_err();
            assert_eq!(
                refusal,
                format!("it is not the folder of a machine, and has {other}: name a new or an empty folder")
            );
        }
    }
}

#[test]
fn the_result_of_a_build_is_not_a_machine_s_folder() {
    let image = origin("x_1.raw", "one");
    for name in ["SHA256SUMS", "x_1.raw", "x_1.efi", "x_1_0a_9.usr.raw", "x_1.pubring.pgp", "x_1.raw.xz"] {
        let refusal = decide(&found(&[name], None), Some(&image), true).unwrap_err();
        let wanted =
            format!("it holds what `pattern build` wrote ({name}): name another folder for the machine");
        assert_eq!(refusal, wanted);
    }
    let both = found(&["SHA256SUMS", DISK, VARIABLES, TPM], None);
    let refusal = decide(&both, None, false).unwrap_err();
    assert!(refusal.ends_with("and move disk.raw, uefi-variables.fd and tpm there"), "{refusal}");
}

#[test]
fn a_machine_goes_on_with_its_own_image_or_without() {
    let same = origin("copy.raw", "one");
    assert_eq!(decide(&machine(), Some(&same), false), Ok(Next::GoOn));
    assert_eq!(decide(&machine(), None, false), Ok(Next::GoOn));
    assert_eq!(decide(&machine(), Some(&same), true), Ok(Next::Make));
    let older = Found { origin: None, ..machine() };
    assert_eq!(decide(&older, None, false), Ok(Next::GoOn));
}

#[test]
fn another_image_is_never_shown_in_its_place() {
    let said = |found: &Found, image: &Origin| {
        assert_eq!(decide(found, Some(image), true), Ok(Next::Make));
        let refusal = decide(found, Some(image), false).unwrap_err();
        let (made, next) = refusal.split_once(": to go on with the machine, leave IMAGE out (").unwrap();
        assert!(next.ends_with("--fresh, which erases the machine's disk, TPM and UEFI variables"), "{next}");
        made.to_owned()
    };
    let machine = machine();
    assert_eq!(
        said(&machine, &origin("x_2.raw", "two")),
        "its machine was made from x_1.raw, and x_2.raw is another image"
    );
    assert_eq!(
        said(&machine, &origin("x_1.raw", "two")),
        "its machine was made from another build of x_1.raw"
    );
    assert_eq!(
        said(&Found { origin: None, ..machine }, &origin("x_1.raw", "one")),
        "an older version of pattern made its machine, and did not note from which image"
    );
}

#[test]
fn a_machine_that_ran_is_not_given_another_tpm() {
    let image = origin("x_1.raw", "one");
    let lost = found(&[NOTE, DISK, VARIABLES, CONSOLE_LOG], Some(image.clone()));
    for given in [Some(&image), None] {
        let refusal = decide(&lost, given, false).unwrap_err();
        let start = "the machine has run, and its tpm, which opens its volume, is missing: restore it from a copy; or start ";
        assert!(refusal.starts_with(start), "{refusal}");
    }
    assert_eq!(decide(&lost, Some(&image), true), Ok(Next::Make));
    // A run that was stopped before it had a TPM, or as the message says.
    let new = found(&[NOTE, DISK, VARIABLES], Some(image.clone()));
    assert_eq!(decide(&new, Some(&image), false), Ok(Next::GoOn));
}

/// Each of these would start as another machine, or not at all.
#[test]
fn a_part_that_is_not_what_it_was_is_named() {
    let image = origin("x_1.raw", "one");
    let ran = || found(&[NOTE, DISK, VARIABLES, TPM, CONSOLE_LOG, "qemu.log"], Some(image.clone()));
    let fifo = Fault::NotAFile("a FIFO");
    for (part, fault, start, removed) in [
        (
            TPM,
            Fault::Empty,
            "the machine has run, and its tpm, which opens its volume, is empty: ",
            "tpm and console.log",
        ),
        (
            TPM,
            Fault::NotAFolder("a file"),
            "the machine has run, and its tpm, which opens its volume, is a file, not a folder: ",
            "tpm and console.log",
        ),
        (
            VARIABLES,
            Fault::Empty,
            "its uefi-variables.fd, which has its keys of Secure Boot and its boot entries, is empty: ",
            "uefi-variables.fd and console.log",
        ),
        (
            VARIABLES,
            fifo,
            "its uefi-variables.fd, which has its keys of Secure Boot and its boot entries, is a FIFO, not a file: ",
            "uefi-variables.fd and console.log",
        ),
        (DISK, Fault::Empty, "its disk.raw is empty: restore it from a copy, or give --fresh", ""),
        (DISK, fifo, "its disk.raw is a FIFO, not a file: restore it from a copy, or give --fresh", ""),
        ("qemu.log", fifo, "its qemu.log is a FIFO, not a file: remove it, or give --fresh", ""),
    ] {
        let broken = Found { faults: vec![(part, fault)], ..ran() };
        for given in [Some(&image), None] {
            let refusal = decide(&broken, given, false).unwrap_err();
            assert!(refusal.starts_with(start) && refusal.contains(removed), "{refusal}");
        }
        assert_eq!(decide(&broken, Some(&image), true), Ok(Next::Make));
    }
    let lost = found(&[NOTE, DISK, TPM, CONSOLE_LOG], Some(image.clone()));
    let refusal = decide(&lost, Some(&image), false).unwrap_err();
    assert!(
        refusal.contains("boot entries, is missing: ") && refusal.contains("you removed console.log;"),
        "{refusal}"
    );
    // Before the first start swtpm may have begun, and nothing else.
    let new = found(&[NOTE, DISK, VARIABLES, TPM], Some(image.clone()));
    let new = Found { faults: vec![(TPM, Fault::Empty)], ..new };
    assert_eq!(decide(&new, Some(&image), false), Ok(Next::GoOn));
    assert_eq!(decide(&found(&[NOTE, DISK], Some(image.clone())), Some(&image), false), Ok(Next::GoOn));
}

#[test]
fn a_tpm_without_its_disk_is_not_given_another_one() {
    let (image, rest) =
        (origin("x_1.raw", "one"), found(&[NOTE, VARIABLES, TPM], Some(origin("x_1.raw", "one"))));
    let refusal = decide(&rest, Some(&image), false).unwrap_err();
    assert!(
        refusal.starts_with("its disk.raw is missing: restore it from a copy, or give --fresh"),
        "{refusal}"
    );
    assert_eq!(decide(&rest, Some(&image), true), Ok(Next::Make));
}

#[test]
fn a_note_is_read_as_it_was_written() {
    let origin = origin("a \"b\".raw", "00ff");
    assert_eq!(Origin::parse(&origin.render()), Some(origin.clone()));
    for torn in ["", "{}", origin.render().trim_end_matches('}')] {
        assert_eq!(Origin::parse(torn), None, "{torn}");
    }
}
