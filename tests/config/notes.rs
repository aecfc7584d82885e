//! Notes about values that are valid and may not be what is meant. Each has the line of its key.

use super::{SMALLEST, noted};

#[test]
fn the_smallest_file_has_no_notes() {
    assert_eq!(noted(SMALLEST), "");
}

#[test]
fn a_version_that_outlives_its_release_is_noted() {
    let found = noted(&SMALLEST.replace("0.0.1", "1.0-rc1"));
    let start = "p.toml:4: image.version: note: \"1.0-rc1\" is newer than \"1.0\": a machine that has it never takes \"1.0\". ";
    assert!(found.starts_with(start), "{found}");
    assert!(found.ends_with("\"1.0-rc1\", and then the release as \"1.0.0\"\n"), "{found}");
}

/// Nobody sees it in the name, and machines compare by it.
#[test]
fn an_address_where_no_release_is_found_is_noted() {
    let with = |url: &str| {
        let line = SMALLEST.lines().find(|line| line.contains("url")).unwrap();
        let old = line.split('"').nth(1).unwrap();
        noted(&SMALLEST.replace(old, url))
    };
    for (url, host) in [
        ("http://localhost:8000", "localhost"),
        ("http://127.0.0.1/demo", "127.0.0.1"),
        ("https://[::1]:8443/x", "[::1]"),
    ] {
        let wanted = format!("note: {host} is each machine itself: name the server that has the releases\n");
        assert!(with(url).ends_with(&wanted), "{url}: {}", with(url));
    }
    let file = "note: \"https://a.org/x/SHA256SUMS\" is a file of the release: name its folder, \"https://a.org/x\"\n";
    assert!(with("https://a.org/x/SHA256SUMS").ends_with(file), "{}", with("https://a.org/x/SHA256SUMS"));
    for url in ["https://localhost.org", "https://10.0.2.100:8000/127.0.0.1", "https://[fe80::1]/x"] {
        assert_eq!(with(url), "", "{url}");
    }
}

#[test]
fn a_version_with_an_empty_part_is_noted() {
    for (version, order, whole) in [
        ("1.", "newer", "1"),
        ("1-", "newer", "1"),
        ("1..2", "older", "1.2"),
        ("1.-2.", "older", "1.2"),
        ("1--2", "older", "1-2"),
    ] {
        let found = noted(&SMALLEST.replace("0.0.1", version));
        let wanted = format!(
            "p.toml:4: image.version: note: {version:?} has an empty part beside '.' or '-', and machines take it for {order} \
             than {whole:?}: write {whole:?}\n"
        );
        assert_eq!(found, wanted);
    }
}

#[test]
fn a_hash_tree_as_large_as_usr_is_noted() {
    let sized = |verity: &str, usr: &str| {
        let sizes = format!("sizes = {{ esp = \"200M\", verity = \"{verity}\", usr = \"{usr}\" }}");
        let lines: Vec<_> =
            SMALLEST.lines().map(|line| if line.starts_with("sizes") { &sizes } else { line }).collect();
        noted(&format!("{}\n", lines.join("\n")))
    };
    let found = sized("1T", "2G");
    let wanted = "partitions.sizes.verity: note: \"1T\" is not smaller than partitions.sizes.usr: the hash tree of a /usr of 2G has \
                  17M at most, and each machine has two such partitions\n";
    assert!(found.ends_with(wanted), "{found}");
    assert_eq!(sized("200M", "2G"), "");
}

/// Two such names have no order that a machine could go by.
#[test]
fn a_version_without_a_number_is_noted() {
    for version in ["latest", "stable-release", "v.x"] {
        let found = noted(&SMALLEST.replace("0.0.1", version));
        let start =
            format!("p.toml:4: image.version: note: {version:?} has no number: a machine takes only ");
        assert!(found.starts_with(&start), "{found}");
    }
    for version in ["1", "v2", "2026-11-26", "trixie.3"] {
        assert_eq!(noted(&SMALLEST.replace("0.0.1", version)), "", "{version}");
    }
}

#[test]
fn a_volume_that_does_not_need_secure_boot_is_noted_unless_the_image_is_for_debugging() {
    let text = format!("{SMALLEST}[volume]\nsecure_boot = \"optional\"\n");
    let start = "p.toml:10: volume.secure_boot: note: \"optional\": on a machine with Secure Boot off, anyone who has the machine";
    assert!(noted(&text).starts_with(start), "{}", noted(&text));
    assert_eq!(noted(&format!("debug = true\n{text}")), "");
}

/// Its owner learns it before there is something to lose.
#[test]
fn a_volume_that_only_the_tpm_opens_is_noted_unless_nothing_is_kept() {
    let kept = format!("{SMALLEST}persist = {{ var = true }}\n[volume]\n");
    let start = "p.toml:11: volume.recovery_key: note: false: if a machine's TPM does not open the volume, nobody can";
    let said = noted(&format!("{kept}recovery_key = false\n"));
    assert!(said.starts_with(start), "{said}");
    assert!(noted(&kept).starts_with("p.toml:10: volume.recovery_key: note: false"), "{}", noted(&kept));
    assert_eq!(noted(&format!("{kept}recovery_key = true\n")), "");
    assert_eq!(noted(&format!("debug = true\n{kept}")), "");
    assert_eq!(noted(&format!("{SMALLEST}[volume]\nrecovery_key = false\n")), "");
}

/// The recovery key would be asked for after each update.
#[test]
fn registers_that_each_version_changes_are_noted() {
    let with = |pcrs: &str| noted(&format!("{SMALLEST}[volume]\npcrs = {pcrs}\n"));
    let start = "p.toml:10: volume.pcrs: note: each version of an image gives PCR 4+10+11 another value: after each update ";
    assert!(with("[11, 7, 10, 4]").starts_with(start), "{}", with("[11, 7, 10, 4]"));
    assert_eq!(with("[0, 2, 7, 12]"), "");
}

#[test]
fn notes_are_in_the_order_of_the_file() {
    let text = format!("volume.secure_boot = \"optional\"\n{}", SMALLEST.replace("0.0.1", "latest"));
    let found = noted(&text);
    let starts: Vec<_> = found.lines().filter_map(|line| line.split(" note: ").next()).collect();
    assert_eq!(starts, ["p.toml:1: volume.secure_boot:", "p.toml:5: image.version:"]);
}
