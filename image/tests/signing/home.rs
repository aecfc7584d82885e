//! The GnuPG home of `pattern sign-release`: gpg makes files in any folder that it is given, so it is not given any.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::process::Command;

use crate::place::{Place, names};

#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn nothing_is_made_in_a_folder_that_is_not_a_home() {
    let place = Place::with_keys();
    place.build("1");
    fs::create_dir(place.path("empty")).unwrap();
    for folder in ["empty", "x-keys", "x_1"] {
        let before = names(&place.path(folder));
        let error = place.fails(&["sign-release", "x_1", folder]);
        let wanted = format!(
            "pattern: opening the GnuPG home {folder}: it has no folder private-keys-v1.d, so it has no key that can sign; \
             name the NAME-gpg that `pattern gen-keyring NAME` made\n"
        );
        assert_eq!(error, wanted);
        assert_eq!(names(&place.path(folder)), before);
    }
    let error = place.fails(&["sign-release", "x_1", "x-pubring.pgp"]);
    let wanted = "pattern: opening the GnuPG home x-pubring.pgp: it is a file, not a folder; name the NAME-gpg that \
                  `pattern gen-keyring NAME` made\n";
    assert_eq!(error, wanted);
    let error = place.fails(&["sign-release", "x_1/x_1.raw", "x-gpg"]);
    let wanted = "pattern: x_1/x_1.raw is a file: name the folder that `pattern build` wrote it to\n";
    assert_eq!(error, wanted);
    let error = place.fails(&["sign-release", "x_1", "nowhere"]);
    assert!(
        error.contains("opening the GnuPG home nowhere: it does not exist; name the NAME-gpg that"),
        "{error}"
    );
}

#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn a_release_is_a_folder_of_its_own() {
    let place = Place::with_keys();
    place.build("1");
    place.build("2");
    let error = place.fails(&["sign-release", "x_1", "x-gpg", "--output", "x_2/release"]);
    let result = place.path("x_2").canonicalize().unwrap().display().to_string();
    let why = "is the result of a build, and a release is a folder of its own";
    let next = "name another folder with --output";
    assert_eq!(error, format!("pattern: adding to x_2/release: {result} {why}: {next}\n"));
    for (output, why) in [
        ("x_1", "it is the result of a build, and a release is a folder of its own"),
        ("x_2", "it is the result of a build, and a release is a folder of its own"),
        ("x-pubring.pgp", "it is a file, not a folder"),
        ("/dev/null", "it is a device, not a folder"),
    ] {
        let error = place.fails(&["sign-release", "x_1", "x-gpg", "--output", output]);
        assert_eq!(error, format!("pattern: adding to {output}: {why}: name another folder with --output\n"));
    }
}

#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn swapped_arguments_are_known() {
    let place = Place::with_keys();
    place.build("1");
    let before = (names(&place.path("x_1")), names(&place.path("x-gpg")));
    let error = place.fails(&["sign-release", "x-gpg", "x_1"]);
    assert_eq!(error, "pattern: RESULT and GPGHOME are swapped: pattern sign-release x_1 x-gpg\n");
    assert_eq!((names(&place.path("x_1")), names(&place.path("x-gpg"))), before);
}

/// A home without a usable key is a lost one, not a reason for a new one.
#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn a_lost_key_is_to_be_restored() {
    let place = Place::with_keys();
    place.build("1");
    fs::remove_dir_all(place.path("x-gpg/private-keys-v1.d")).unwrap();
    fs::create_dir(place.path("x-gpg/private-keys-v1.d")).unwrap();
    let error = place.fails(&["sign-release", "x_1", "x-gpg"]);
    assert!(
        error.contains("x-gpg has no secret key that can sign: it has none at all: restore the one"),
        "{error}"
    );
    assert!(
        error.ends_with("from your backup; only for a new system: pattern gen-keyring NAME\n"),
        "{error}"
    );
}

fn gpg(place: &Place, home: &str, arguments: &[&str]) {
    let mut command = Command::new("gpg");
    command.args([
        "--homedir",
        home,
        "--batch",
        "--quiet",
        "--pinentry-mode",
        "loopback",
        "--passphrase",
        "",
    ]);
    assert!(command.args(arguments).current_dir(place.path("")).status().unwrap().success(), "{arguments:?}");
}

/// The fingerprints of a home's key and its subkeys.
fn fingerprints(place: &Place, home: &str) -> Vec<String> {
    let mut command = Command::new("gpg");
    command.args(["--homedir", home, "--batch", "--with-colons", "--list-keys"]).current_dir(place.path(""));
    let listing = String::from_utf8(command.output().unwrap().stdout).unwrap();
    let prints = listing.lines().filter_map(|line| line.strip_prefix("fpr:::::::::")?.strip_suffix(':'));
    prints.map(str::to_owned).collect()
}

/// gpg's own words come last, if at all.
#[test]
#[ignore = "needs gnupg openssl xz-utils; `make test` runs it"]
fn what_is_wrong_with_a_home_is_said_in_our_words() {
    let place = Place::with_keys();
    place.build("1");
    let fails = |home: &str| place.fails(&["sign-release", "x_1", home]);
    for home in ["expired", "two"] {
        fs::DirBuilder::new().mode(0o700).create(place.path(home)).unwrap();
    }
    let old = "--faked-system-time=20200101T000000";
    gpg(&place, "expired", &[old, "--quick-generate-key", "a", "ed25519", "sign", "2d"]);
    let error = fails("expired");
    let wanted = "has expired: give it more time: gpg --homedir expired --quick-set-expire ";
    assert!(
        error.starts_with("pattern: expired has no secret key that can sign: ") && error.contains(wanted),
        "{error}"
    );

    fs::DirBuilder::new().mode(0o700).create(place.path("subkey")).unwrap();
    gpg(&place, "subkey", &[old, "--quick-generate-key", "a", "ed25519", "cert", "never"]);
    let [primary] = fingerprints(&place, "subkey").try_into().unwrap();
    gpg(&place, "subkey", &[old, "--quick-add-key", &primary, "ed25519", "sign", "2d"]);
    let [_, subkey] = fingerprints(&place, "subkey").try_into().unwrap();
    let error = fails("subkey");
    let next =
        format!("gpg --homedir subkey --quick-set-expire {primary} 5y {subkey}; and build the image with ");
    let wanted = format!(" has a signing subkey that has expired: give it more time: {next}");
    assert!(error.contains(&wanted), "{error}");
    gpg(&place, "subkey", &["--output", "subkey.pgp", "--export"]);
    let found = place.check_config("subkey.pgp");
    assert!(
        found.contains("no key in it can sign: ") && found.contains(" has a signing subkey that has expired")
    );
    // As it says.
    gpg(&place, "subkey", &["--quick-set-expire", &primary, "5y", &subkey]);
    let error = fails("subkey");
    assert!(!error.contains("has no secret key that can sign"), "{error}");

    for name in ["a", "b"] {
        gpg(&place, "two", &["--quick-generate-key", name, "ed25519", "sign", "never"]);
    }
    let error = fails("two");
    assert!(error.starts_with("pattern: two has 2 secret keys that can sign ("), "{error}");

    let folder = place.path("x-gpg/private-keys-v1.d");
    let secret = names(&folder).remove(0);
    let (file, shown) = (folder.join(&secret), format!("x-gpg/private-keys-v1.d/{secret}"));
    let whole = fs::read(&file).unwrap();
    let changed = [&whole[..60], b"\xff", &whole[61..]].concat();
    for content in [&b""[..], b"garbage", &whole[..20], &changed] {
        fs::write(&file, content).unwrap();
        let error = fails("x-gpg");
        let wanted = format!(
            " of x-gpg: its secret part, {shown}, is damaged: restore that file from your backup; without a backup nobody can sign \
             a version that the machines of this system take, and `pattern gen-keyring NAME` makes keys for a new system only: gpg \
             said: "
        );
        assert!(
            error.starts_with("pattern: trying to sign with the key ") && error.contains(&wanted),
            "{error}"
        );
        assert_eq!(error.matches("gpg said").count(), 1, "{error}");
    }
    fs::write(&file, whole).unwrap();

    let again = "gpg --homedir x-gpg --import NAME-pubring.pgp";
    fs::write(place.path("x-gpg/pubring.kbx"), "garbage").unwrap();
    let error = fails("x-gpg");
    let wanted = "pattern: listing the secret keys of x-gpg: x-gpg/pubring.kbx, the list of its public keys, is damaged: move it \
                  away, and make it again: ";
    assert!(error.starts_with(&format!("{wanted}{again}: gpg said: ")), "{error}");
    fs::remove_file(place.path("x-gpg/pubring.kbx")).unwrap();
    let error = fails("x-gpg");
    let wanted = "its secret keys are there, and x-gpg/pubring.kbx, the list of its public keys, does not have them: make it again: ";
    assert!(error.ends_with(&format!("{wanted}{again}\n")), "{error}");
    // As it says.
    gpg(&place, "x-gpg", &["--import", "x-pubring.pgp"]);
    place.sign();
}

/// Compressing takes minutes, so a key that can't sign is told before.
#[test]
#[ignore = "needs gnupg openssl xz-utils; `make test` runs it"]
fn a_passphrase_is_told_before_anything_is_compressed() {
    let place = Place::new();
    let gpg = |arguments: &[&str]| {
        let mut command = Command::new("gpg");
        command.args(["--homedir", "locked-gpg", "--batch", "--quiet", "--pinentry-mode", "loopback"]);
        command.args(["--passphrase", "secret"]).args(arguments).current_dir(place.path(""));
        assert!(command.status().unwrap().success(), "{arguments:?}");
    };
    let forget = || {
        let mut command = Command::new("gpgconf");
        command.args(["--homedir", "locked-gpg", "--kill", "all"]).current_dir(place.path(""));
        assert!(command.status().unwrap().success());
    };
    fs::DirBuilder::new().mode(0o700).create(place.path("locked-gpg")).unwrap();
    gpg(&["--quick-generate-key", "locked", "ed25519", "sign", "never"]);
    gpg(&["--output", "locked.pgp", "--export"]);
    forget();
    place.build_with("1", "locked.pgp");
    let arguments = ["sign-release", "x_1", "locked-gpg"];
    let error = place.fails(&arguments);
    let wanted = " of locked-gpg: the key has a passphrase, and gpg can't ask for it here: let gpg-agent learn it first: \
                  gpg --homedir locked-gpg --sign --output /dev/null /dev/null: gpg said: ";
    assert!(error.contains("trying to sign with the key ") && error.contains(wanted), "{error}");
    assert!(!place.path("pattern-release").exists());

    gpg(&["--sign", "--output", "/dev/null", "/dev/null"]);
    place.warns(&arguments);
    assert!(place.verify("pattern-release", "locked.pgp").status.success());
    forget();
}
