//! `pattern sign-release`.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::process::Command;

use crate::place::{BUILT, Place, mode};

/// Something done to a place, and what `pattern` says of it.
type Damage = (fn(&Place), &'static str);

/// What is said of a list or a signature that does not fit.
const CHANGED: &str = "adding to release: SHA256SUMS was changed, or its signature is damaged: restore both from a copy: verifying ";

/// Changes one byte in the middle of a file.
fn flip(file: &std::path::Path) {
    let mut content = fs::read(file).unwrap();
    let middle = content.len() / 2;
    content[middle] ^= 1;
    fs::write(file, content).unwrap();
}

/// A web server would give them to everybody.
#[test]
#[ignore = "needs gnupg openssl xz-utils; `make test` runs it"]
fn a_folder_with_secret_keys_is_not_published() {
    let place = Place::with_keys();
    place.build("1");
    fs::create_dir(place.path("escrow")).unwrap();
    fs::write(place.path("escrow/recovery.key"), "AGE-SECRET-KEY-1QQ\n").unwrap();
    for (folder, why) in [
        (".", "it has secret keys, ./x-gpg, and everything in a release is published"),
        ("escrow", "it has secret keys, escrow/recovery.key, and everything in a release is published"),
        ("x-gpg", "PLACE/x-gpg is a GnuPG home"),
        ("x-gpg/release", "PLACE/x-gpg is a GnuPG home"),
        ("x-keys", "PLACE/x-keys is a folder of secret keys"),
        ("x-keys/release", "PLACE/x-keys is a folder of secret keys"),
    ] {
        let said = place.fails(&["sign-release", "x_1", "x-gpg", "--output", folder]);
        let said = said.replace(&place.path("").canonicalize().unwrap().display().to_string(), "PLACE");
        assert_eq!(said, format!("pattern: adding to {folder}: {why}: name another folder with --output\n"));
        assert!(!place.path(folder).join("SHA256SUMS").exists());
    }
    assert!(!place.path("x-gpg/release").exists() && !place.path("x-keys/release").exists());
}

#[test]
#[ignore = "needs gnupg openssl xz-utils; `make test` runs it"]
fn a_release_verifies_with_its_public_key_only() {
    let place = Place::with_keys();
    place.build("1");
    let text = place.sign();
    place.check("release");
    let sums = fs::read_to_string(place.path("release/SHA256SUMS")).unwrap();
    let named = sums.lines().map(|line| &line[66..]).collect::<Vec<_>>();
    assert_eq!(
        named,
        ["x_1.efi", "x_1.raw.xz", "x_1.spdx.json", "x_1_0a_9.usr.raw.xz", "x_1_0b_9.verity.raw.xz"]
    );
    assert!(named.iter().all(|name| text.contains(&format!("release/{name}\n"))), "{text}");
    let signature = fs::read(place.path("release/SHA256SUMS.gpg")).unwrap();
    assert!(!signature.starts_with(b"-----BEGIN"), "armored");
    for name in [named[0], named[1], "SHA256SUMS", "SHA256SUMS.gpg"] {
        assert_eq!(mode(&place.path("release").join(name)), 0o644, "{name}");
    }

    place.succeeds(&["gen-keyring", "y"]);
    assert_eq!(place.verify("release", "y-pubring.pgp").status.code(), Some(2), "another key");
    let good = fs::read(place.path("release/SHA256SUMS")).unwrap();
    flip(&place.path("release/SHA256SUMS"));
    assert_eq!(place.verify("release", "x-pubring.pgp").status.code(), Some(1), "a changed manifest");
    fs::write(place.path("release/SHA256SUMS"), good).unwrap();
    flip(&place.path("release/SHA256SUMS.gpg"));
    assert!(!place.verify("release", "x-pubring.pgp").status.success(), "a changed signature");
}

#[test]
#[ignore = "needs gnupg openssl xz-utils; `make test` runs it"]
fn each_compression_reads_back() {
    let place = Place::with_keys();
    place.build("1");
    for (how, suffix, program) in [("none", "", "cat"), ("gz", ".gz", "zcat"), ("xz", ".xz", "xzcat")] {
        place.succeeds(&["sign-release", "x_1", "x-gpg", "--output", how, "--compress", how]);
        place.check(how);
        for name in BUILT {
            let suffix = if name.ends_with(".raw") { suffix } else { "" };
            let program = if suffix.is_empty() { "cat" } else { program };
            let file = place.path(how).join(format!("{name}{suffix}"));
            let output = Command::new(program).arg(file).output().unwrap();
            assert!(output.status.success(), "{how} {name}");
            assert_eq!(output.stdout, fs::read(place.path("x_1").join(name)).unwrap(), "{how} {name}");
        }
    }
    let error = place.fails(&["sign-release", "x_1", "x-gpg", "--output", "xz", "--compress", "gz"]);
    assert!(error.contains("xz has x_1 already, with x_1.raw.xz: a version that was published"), "{error}");
    place.check("xz");
}

/// NixOS makes no list of what an image is made of.
#[test]
#[ignore = "needs gnupg openssl xz-utils; `make test` runs it"]
fn a_version_without_a_list_of_parts_is_signed_too() {
    let place = Place::with_keys();
    place.build("1");
    fs::remove_file(place.path("x_1/x_1.spdx.json")).unwrap();
    place.sum("x_1");
    let text = place.sign();
    place.check("release");
    assert!(!text.contains("spdx") && text.contains("release/x_1.efi\n"), "{text}");
}

#[test]
#[ignore = "needs gnupg openssl xz-utils; `make test` runs it"]
fn holes_stay_holes() {
    let place = Place::with_keys();
    place.build("1");
    let image = fs::File::options().write(true).open(place.path("x_1/x_1.raw")).unwrap();
    image.set_len(64 << 20).unwrap();
    place.sum("x_1");
    place.succeeds(&["sign-release", "x_1", "x-gpg", "--compress", "none"]);
    let copy = fs::metadata(place.path("pattern-release/x_1.raw")).unwrap();
    assert_eq!(copy.len(), 64 << 20);
    assert!(copy.blocks() * 512 < 1 << 20, "{} blocks", copy.blocks());
}

#[test]
#[ignore = "needs gnupg openssl xz-utils; `make test` runs it"]
fn versions_are_added() {
    let place = Place::with_keys();
    place.build("1");
    place.build("1.2");
    place.sign();
    let first = fs::metadata(place.path("release/x_1.raw.xz")).unwrap().ino();
    place.succeeds(&["sign-release", "x_1.2", "x-gpg", "--output", "release"]);
    place.check("release");
    let sums = fs::read_to_string(place.path("release/SHA256SUMS")).unwrap();
    assert_eq!(sums.lines().count(), 10, "{sums}");
    assert!(sums.contains("  x_1.2_0a_9.usr.raw.xz\n") && sums.contains("  x_1_0a_9.usr.raw.xz\n"), "{sums}");

    // Again: the same files, a new signature.
    place.succeeds(&["sign-release", "x_1.2", "x-gpg", "--output", "release"]);
    place.check("release");
    assert_eq!(fs::read_to_string(place.path("release/SHA256SUMS")).unwrap(), sums);
    assert_eq!(fs::metadata(place.path("release/x_1.raw.xz")).unwrap().ino(), first);
}

#[test]
#[ignore = "needs gnupg openssl xz-utils; `make test` runs it"]
fn a_published_version_never_changes() {
    let place = Place::with_keys();
    place.build("1");
    place.sign();
    flip(&place.path("x_1/x_1.raw"));
    place.sum("x_1");
    let error = place.sign_fails();
    assert!(error.contains("release/x_1.raw.xz has other content than x_1/x_1.raw: a version"), "{error}");
    place.check("release");
}

#[test]
#[ignore = "needs gnupg openssl xz-utils; `make test` runs it"]
fn a_damaged_build_is_not_signed() {
    let damages: [Damage; 6] = [
        (
            |place| flip(&place.path("x_1/x_1_0b_9.verity.raw")),
            "x_1/x_1_0b_9.verity.raw is not what SHA256SUMS beside it says: build again",
        ),
        (
            |place| fs::remove_file(place.path("x_1/x_1.efi")).unwrap(),
            "build again: reading x_1/x_1.efi: No such file or directory",
        ),
        (
            |place| {
                fs::remove_file(place.path("x_1/x_1.efi")).unwrap();
                place.sum("x_1");
            },
            "x_1/SHA256SUMS must name what `pattern build` wrote: build again: 0 files end in .efi, not one",
        ),
        (
            |place| fs::write(place.path("x_1/SHA256SUMS"), "none").unwrap(),
            "reading x_1/SHA256SUMS: line 1 is not a SHA-256 sum",
        ),
        (
            |place| fs::remove_file(place.path("x_1/SHA256SUMS")).unwrap(),
            "x_1: the build of x_1 did not finish, because SHA256SUMS is missing: build it again with --force",
        ),
        (|place| fs::remove_dir_all(place.path("x_1")).unwrap(), "x_1 must be a folder that"),
    ];
    let place = Place::with_keys();
    for (damage, message) in damages {
        place.build("1");
        damage(&place);
        let error = place.sign_fails();
        assert!(error.contains(message), "{message}: {error}");
        assert!(!place.path("release").exists(), "{message}");
    }
}

#[test]
#[ignore = "needs gnupg openssl xz-utils; `make test` runs it"]
fn a_damaged_release_is_not_signed_again() {
    let damages: [Damage; 8] = [
        (
            |place| flip(&place.path("release/x_1.raw.xz")),
            "release/x_1.raw.xz is not what was signed: restore",
        ),
        (
            |place| fs::remove_file(place.path("release/x_1.efi")).unwrap(),
            "checking the release: restore it from a copy: reading release/x_1.efi: No such file",
        ),
        // Somebody who can write to the server changes a file, and the manifest with it.
        (
            |place| {
                flip(&place.path("release/x_1.raw.xz"));
                let signature = fs::read(place.path("release/SHA256SUMS.gpg")).unwrap();
                fs::remove_file(place.path("release/SHA256SUMS.gpg")).unwrap();
                place.sum("release");
                fs::write(place.path("release/SHA256SUMS.gpg"), signature).unwrap();
            },
            CHANGED,
        ),
        (|place| flip(&place.path("release/SHA256SUMS")), CHANGED),
        (|place| fs::write(place.path("release/SHA256SUMS.gpg"), "").unwrap(), CHANGED),
        (|place| fs::write(place.path("release/SHA256SUMS.gpg"), "\u{98}x").unwrap(), CHANGED),
        (
            |place| fs::remove_file(place.path("release/SHA256SUMS.gpg")).unwrap(),
            "adding to release: SHA256SUMS.gpg is missing: restore it from a copy",
        ),
        (|place| fs::write(place.path("release/x_0.raw.xz"), "").unwrap(), "never signed: x_0.raw.xz; move"),
    ];
    for (damage, message) in damages {
        let place = Place::with_keys();
        place.build("1");
        place.sign();
        damage(&place);
        let before = fs::read(place.path("release/SHA256SUMS")).unwrap();
        place.build("2");
        let error = place.fails(&["sign-release", "x_2", "x-gpg", "--output", "release"]);
        assert!(error.contains(message), "{message}: {error}");
        assert_eq!(fs::read(place.path("release/SHA256SUMS")).unwrap(), before, "{message}");
        assert!(!place.path("release/x_2.efi").exists(), "{message}");
    }
}

#[test]
#[ignore = "needs gnupg openssl xz-utils; `make test` runs it"]
fn another_key_does_not_take_a_release_over() {
    let place = Place::with_keys();
    place.build("1");
    place.sign();
    place.succeeds(&["gen-keyring", "y"]);
    place.build_with("2", "y-pubring.pgp");
    let error = place.fails(&["sign-release", "x_2", "y-gpg", "--output", "release"]);
    assert!(error.contains("adding to release: ") && error.contains("No public key"), "{error}");
    place.check("release");
}

/// Machines compare versions, and do not look at which one was added last.
#[test]
#[ignore = "needs gnupg openssl xz-utils; `make test` runs it"]
fn an_older_version_is_told_and_an_equal_one_refused() {
    let place = Place::with_keys();
    for version in ["1.10", "1.9", "1.010"] {
        place.build(version);
    }
    place.succeeds(&["sign-release", "x_1.10", "x-gpg", "--output", "release"]);
    let said = place.warns(&["sign-release", "x_1.9", "x-gpg", "--output", "release"]);
    assert_eq!(said, "warning: release has x_1.10, which is newer than x_1.9: machines take x_1.10\n");
    let error = place.fails(&["sign-release", "x_1.010", "x-gpg", "--output", "release"]);
    let wanted =
        "machines take the versions 1.10 and 1.010 for the same, and release has 1.10: build with a higher";
    assert!(error.contains(wanted), "{error}");
    place.check("release");
}

/// The release is a folder of a web server: what else it offers is its own business.
#[test]
#[ignore = "needs gnupg openssl xz-utils; `make test` runs it"]
fn other_files_of_the_web_server_stay() {
    let place = Place::with_keys();
    place.build("1");
    place.sign();
    fs::write(place.path("release/index.html"), "welcome").unwrap();
    fs::create_dir(place.path("release/older")).unwrap();
    place.build("2");
    place.succeeds(&["sign-release", "x_2", "x-gpg", "--output", "release"]);
    assert_eq!(fs::read_to_string(place.path("release/index.html")).unwrap(), "welcome");
    assert!(place.path("release/older").is_dir());
    let sums = fs::read_to_string(place.path("release/SHA256SUMS")).unwrap();
    assert!(sums.contains("  x_2.efi\n") && !sums.contains("index.html"), "{sums}");
}

#[test]
#[ignore = "needs gnupg openssl xz-utils; `make test` runs it"]
fn a_web_server_reads_a_new_release_whatever_the_umask() {
    let place = Place::with_keys();
    place.build("1");
    let arguments = ["sign-release", "x_1", "x-gpg", "--output", "www/release"];
    place.succeeds_by("umask 077", &arguments);
    assert_eq!(mode(&place.path("www/release")), 0o755);
    // The owner of an existing folder has decided.
    fs::set_permissions(place.path("www/release"), fs::Permissions::from_mode(0o750)).unwrap();
    place.succeeds(&arguments);
    assert_eq!(mode(&place.path("www/release")), 0o750);
}
