//! What is refused before anything is made, with no other program.

use std::fs;

use crate::place::Place;

#[test]
fn a_word_that_the_image_does_not_list_is_named_with_the_line_to_write() {
    let place = Place::new();
    let wanted = "pattern: making an add-on: boot.add_on_words of x/pattern.toml does not list splash: write below [boot]: \
                  add_on_words = [\"console=*\", \"quiet\", \"splash\"]; a machine accepts these words once it runs a version that \
                  was built with this line\n";
    assert_eq!(place.fails(&["addon", "x", "console=ttyS1", "splash"]), wanted);
    // As the message says.
    let text = fs::read_to_string(place.path("x/pattern.toml")).unwrap();
    let text = text.replace(
        "add_on_words = [\"console=*\", \"quiet\"]",
        "add_on_words = [\"console=*\", \"quiet\", \"splash\"]",
    );
    fs::write(place.path("x/pattern.toml"), text).unwrap();
    let said = place.fails(&["addon", "x", "console=ttyS1", "splash", "--tools", "none"]);
    assert!(
        said.starts_with("pattern: making an add-on: none has no tools tree: let `pattern build --tools "),
        "{said}"
    );
    let said = place.fails(&["addon", "x", "init=/x"]);
    assert!(
        said.contains("and can't: it must not hold \"init=/x\": the word decides what is started"),
        "{said}"
    );
}

#[test]
fn words_that_are_not_one_word_each_are_refused_for_any_image() {
    for place in [Place::new(), Place::of(true)] {
        for (word, fault) in [
            ("", "\"\": it is empty"),
            ("quiet console=tty0", "\"quiet console=tty0\": it has a blank: give each word by itself"),
            ("console=\"tty0", "it has a quotation mark or a backslash"),
            ("console='tty0", "it has a quotation mark or a backslash"),
            ("quiet\n", "it has something else than ASCII letters, digits and marks"),
            ("console=*", "the * stands for any value in boot.add_on_words only: give the value"),
        ] {
            let said = place.fails(&["addon", "x", "quiet", word]);
            assert!(
                said.starts_with("pattern: making an add-on with the word ") && said.contains(fault),
                "{said}"
            );
            assert_eq!(said.lines().count(), 1, "{said}");
        }
        let long = format!("console={}", "a".repeat(2040));
        let said = place.fails(&["addon", "x", &long]);
        assert!(said.contains("its words have 2048 bytes, and Linux takes 2047"), "{said}");
    }
}

#[test]
fn a_file_that_no_machine_would_take_is_not_made() {
    let place = Place::new();
    for (output, fault) in [
        (
            "x.efi",
            "systemd-stub takes only files whose names end in .addon.efi: name another file with --output, such as x.addon.efi",
        ),
        ("x/.a.addon.efi", "systemd-stub takes no file whose name begins with a dot"),
        ("a b.addon.efi", "the name may have ASCII letters, digits and the marks . _ - + @ , only"),
        ("x", "it is a folder: name a file in it, such as --output x/x.addon.efi"),
        ("none/a.addon.efi", "the folder none does not exist: make it, or name another file with --output"),
    ] {
        let said = place.fails(&["addon", "x", "quiet", "--output", output]);
        assert!(said.starts_with(&format!("pattern: making the add-on {output}: {fault}")), "{said}");
    }
    fs::write(place.path("x.addon.efi"), "mine").unwrap();
    let wanted = "pattern: making the add-on x.addon.efi: it exists already: name another file with --output, or replace it with \
                  --force\n";
    assert_eq!(place.fails(&["addon", "x", "quiet"]), wanted);
    assert_eq!(fs::read_to_string(place.path("x.addon.efi")).unwrap(), "mine");
}

#[test]
fn an_image_that_is_not_there_or_has_errors_is_named() {
    let place = Place::new();
    let wanted = "pattern: making an add-on: the folder console=ttyS1 does not exist: name the image's folder, and the words behind \
                  it: pattern addon FOLDER WORD\n";
    assert_eq!(place.fails(&["addon", "console=ttyS1", "quiet"]), wanted);
    let said = place.fails(&["addon", "temporary", "quiet"]);
    assert!(said.starts_with("temporary/pattern.toml:1: can't be read: "), "{said}");
    let wanted = "\npattern: making an add-on for temporary/pattern.toml: correct the errors above first\n";
    assert!(said.ends_with(wanted), "{said}");
    fs::write(place.path("x/mkosi.conf"), "").unwrap();
    let wanted = "pattern: making an add-on for x/mkosi.conf: it is a file: name the folder that has the image's pattern.toml\n";
    assert_eq!(place.fails(&["addon", "x/mkosi.conf", "quiet"]), wanted);
    let said = place.fails(&["addon", "x/pattern.toml", "splash"]);
    assert!(said.contains("boot.add_on_words of x/pattern.toml does not list splash"), "{said}");
}

#[test]
fn a_missing_key_is_named() {
    let place = Place::new();
    let line = ["addon", "x", "quiet", "--keys", "x-keys"];
    let said = place.fails(&line);
    assert!(
        said.starts_with("pattern: keys: the folder x-keys does not exist: name the NAME-keys"),
        "{said}"
    );
    fs::create_dir(place.path("x-keys")).unwrap();
    fs::write(place.path("x-keys/secure-boot.crt"), "").unwrap();
    let said = place.fails(&line);
    assert!(
        said.starts_with("pattern: keys: x-keys/secure-boot.key is missing: restore it from your backup"),
        "{said}"
    );
}
