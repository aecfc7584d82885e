//! Files with keys missing, unknown or misplaced, and files that are not TOML.

use pattern::config::{Absent, KEYS, TEXT_MAX, parse};

use super::{EVERYTHING, SMALLEST, read, said};

#[test]
fn an_empty_file_is_told_every_key_it_must_have() {
    let required = KEYS.iter().filter(|key| key.absent == Absent::Wrong);
    let missing = |(path, help)| format!("p.toml:1: {path}: must be given: {help}\n");
    let expected: String = required.map(|key| missing((key.path, key.help))).collect();
    assert_eq!(said(""), expected);
    assert_eq!(expected.lines().count(), 7);
}

#[test]
fn all_problems_are_reported_at_once_in_the_order_of_the_file() {
    let text = "debug = 'yes'
[image]
idd = 'demo'
version = '1_0'
updates.url = 'ftp://x'
[partitions]
sizes = { esp = '1M', verity = '8M', usr = '2G' }
[volume]
pcrs = []
";
    let expected = [
        "1: debug: must be true or false, not a string",
        "2: image.id: must be given: ",
        "3: image.idd: there is no such key; did you mean image.id?",
        "4: image.version: must not hold '_'",
        "5: image.updates.url: must be a URL",
        "5: image.updates.pubring: must be given: ",
        "7: partitions.sizes.esp: must be at least \"40M\"",
        "7: partitions.sizes.verity: must be at least \"17M\"",
        "9: volume.pcrs: must name a register",
    ];
    let found = said(text);
    assert_eq!(found.lines().count(), expected.len(), "{found}");
    for (line, start) in found.lines().zip(expected) {
        assert!(line.starts_with(&format!("p.toml:{start}")), "{line}\n{start}");
    }
}

#[test]
fn keys_and_sections_that_are_not_there_are_named() {
    let top = "debug, image, partitions, userspace, volume, verity, boot";
    let cases = [
        ("[volumes]\nx = 1", "volumes: there is no such key; did you mean volume?".to_owned()),
        ("[network]\nx = 1", format!("network: there is no such key; the top level has {top}")),
        (
            "\"persist.etc\" = true",
            "partitions.\"persist.etc\": there is no such key; did you mean partitions.persist.etc?"
                .to_owned(),
        ),
        (
            "persist = true",
            "partitions.persist: must be a section with etc, home, srv, var, rollback, not a boolean".to_owned(),
        ),
        (
            "[[volume]]\npcrs = [7]",
            "volume: must be a section with filesystem, tpm, pcrs, pin, counter, secure_boot, recovery_key, escrow, not a list"
                .to_owned(),
        ),
        (
            "[volume.pcrs]\nx = 1",
            "volume.pcrs: must be a list of numbers such as [7], not a section".to_owned(),
        ),
    ];
    for (text, message) in cases {
        assert_eq!(said(&format!("{SMALLEST}{text}\n")), format!("p.toml:9: {message}\n"));
    }
}

/// A section that is not a table is one problem, not one for each key that it then lacks.
#[test]
fn a_section_of_another_type_hides_its_missing_keys() {
    let found = said("image = 3\npartitions.sizes = { esp = '64M', verity = '8M', usr = '512M' }\n");
    let expected = "p.toml:1: image: must be a section with id, version, epoch, updates, not a number\n";
    assert_eq!(found, expected);
}

#[test]
fn a_text_that_is_not_toml_is_reported_with_its_line() {
    let cases = [
        ("a = true\nb = {\n", "2: not valid TOML: unclosed inline table, expected `}`\n"),
        ("a = true\na = true\n", "2: not valid TOML: duplicate key a\n"),
        ("[image]\nid = 'x'\n[image]\n", "3: not valid TOML: duplicate key image\n"),
        ("a.'b c' = 1\na.'b c' = 2\n", "2: not valid TOML: duplicate key 'b c'\n"),
        ("[[volume]]\n[volume]\n", "2: not valid TOML: duplicate key volume\n"),
        ("a = 1\nid = 'x\n", "2: not valid TOML: invalid literal string, expected `'`\n"),
        ("a = 1\n[x\n", "2: not valid TOML: unclosed table, expected `]`\n"),
        ("\n\nx", "3: not valid TOML: key with no value, expected `=`\n"),
    ];
    for (text, message) in cases {
        assert_eq!(said(text), format!("p.toml:{message}"));
    }
    let two = said("a = \n\nb = 1 2\n");
    let starts: Vec<_> = two.lines().filter_map(|line| line.get(..26)).collect();
    assert_eq!(starts, ["p.toml:1: not valid TOML: ", "p.toml:3: not valid TOML: "]);
}

/// The rest would be consequences of the first.
#[test]
fn a_text_that_is_not_toml_has_one_error_a_line_and_few_of_them() {
    let nested = said(&format!("a = {}", "[".repeat(5000)));
    assert_eq!(nested, "p.toml:1: not valid TOML: cannot recurse further; max recursion depth met\n");
    let found = said(&"a = \n".repeat(60));
    let numbers: Vec<_> = found.lines().filter_map(|line| line.split(':').nth(1)).collect();
    assert_eq!(numbers, ["1", "2", "3", "4", "5"], "{found}");
}

#[test]
fn a_text_of_unreasonable_length_is_not_read() {
    let padding = "#".repeat(TEXT_MAX - SMALLEST.len());
    assert_eq!(read(&format!("{SMALLEST}{padding}")), read(SMALLEST));
    let found = said(&format!("{SMALLEST}{padding}#"));
    assert_eq!(found, "p.toml:1: must have at most 65536 bytes, and has 65537\n");
}

/// Whatever the bytes, there is an answer: the text is cut off, and changed, at every place.
#[test]
fn no_text_is_too_broken_for_an_answer() {
    for at in 0..EVERYTHING.len() {
        let (head, tail) = EVERYTHING.split_at(at);
        let changed = ["", "[", "\0", "é.=\"", "\n"].map(|insert| format!("{head}{insert}{tail}"));
        for text in changed.into_iter().chain([head.to_owned()]) {
            let Err(problems) = parse("p.toml", &text) else {
                continue;
            };
            let last = 1 + text.matches('\n').count();
            assert!(!problems.is_empty(), "{text}");
            assert!(problems.iter().all(|p| (1..=last).contains(&p.line)), "{text}\n{problems:?}");
        }
    }
}
