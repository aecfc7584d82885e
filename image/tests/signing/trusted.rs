//! `pattern sign-release` signs with a key that the image has, or not at all: a machine whose image does not have the key
//! takes no later version, and has no way to get the right keyring.

use std::fs;
use std::process::Command;

use crate::place::Place;

/// Runs gpg in the folder, on a home.
fn gpg(place: &Place, arguments: &[&str]) {
    let mut command = Command::new("gpg");
    command.args(["--batch", "--quiet", "--homedir"]).args(arguments).current_dir(place.path(""));
    assert!(command.status().unwrap().success(), "{arguments:?}");
}

/// What `sign-release` says when version 1 has this keyring.
fn refusal(place: &Place, pubring: &str) -> String {
    place.build_with("1", pubring);
    let error = place.sign_fails();
    assert!(!place.path("release/SHA256SUMS").exists(), "it was signed");
    error
}

#[test]
#[ignore = "needs gnupg openssl xz-utils; `make test` runs it"]
fn a_key_that_the_image_does_not_have_is_refused() {
    let place = Place::with_keys();
    place.succeeds(&["gen-keyring", "y"]);
    let error = refusal(&place, "y-pubring.pgp");
    assert!(error.contains("the image x_1 does not have the key "), "{error}");
    assert!(
        error.contains("so its machines would take no later version of this release: sign with "),
        "{error}"
    );
    // With both keys the image can go from one to the other.
    let both =
        [fs::read(place.path("y-pubring.pgp")).unwrap(), fs::read(place.path("x-pubring.pgp")).unwrap()]
            .concat();
    fs::write(place.path("both.pgp"), both).unwrap();
    place.build_with("1", "both.pgp");
    place.sign();
    place.check("release");
}

#[test]
#[ignore = "needs gnupg openssl xz-utils; `make test` runs it"]
fn what_machines_can_not_use_is_refused() {
    let place = Place::with_keys();
    gpg(&place, &["x-gpg", "--armor", "--output", "armored.pgp", "--export"]);
    gpg(&place, &["x-gpg", "--output", "secret.pgp", "--export-secret-keys"]);
    gpg(&place, &["x-gpg", "--armor", "--output", "secret.asc", "--export-secret-keys"]);
    fs::write(place.path("empty.pgp"), "").unwrap();
    fs::write(place.path("other.pgp"), "not a keyring").unwrap();
    for (pubring, message) in [
        (
            "armored.pgp",
            "x_1.pubring.pgp: it is armored text, which systemd can't read: make a binary file with `gpg --dearmor`",
        ),
        ("secret.pgp", "x_1.pubring.pgp: it has a secret key, which every machine with the image would have"),
        ("secret.asc", "x_1.pubring.pgp: it has a secret key, which every machine with the image would have"),
        ("empty.pgp", "x_1.pubring.pgp: it is empty: write a file that `gpg --export` makes"),
        ("other.pgp", "x_1.pubring.pgp: it is not a keyring: write a file that `gpg --export` makes"),
    ] {
        let error = refusal(&place, pubring);
        assert!(error.contains(message), "{pubring}: {error}");
    }
}

#[test]
#[ignore = "needs gnupg openssl xz-utils; `make test` runs it"]
fn a_keyring_whose_keys_have_all_expired_is_refused() {
    let place = Place::with_keys();
    fs::create_dir(place.path("old")).unwrap();
    let old = [
        "--faked-system-time",
        "20200101T000000",
        "--passphrase",
        "",
        "--quick-generate-key",
        "old",
        "ed25519",
        "sign",
        "1d",
    ];
    gpg(&place, &[&["old"], &old[..]].concat());
    gpg(&place, &["old", "--output", "old.pgp", "--export"]);
    let error = refusal(&place, "old.pgp");
    assert!(
        error.contains("x_1.pubring.pgp: no key in it can sign: ") && error.contains(" has expired"),
        "{error}"
    );
    let found = place.check_config("old.pgp");
    let start = "pattern.toml:5: image.updates.pubring: keyring old.pgp: no key in it can sign: ";
    assert!(found.starts_with(start) && found.ends_with(" has expired\n"), "{found}");
}

#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn a_key_is_looked_at_before_the_build() {
    let place = Place::with_keys();
    assert_eq!(place.check_config("x-pubring.pgp"), "");
    // A public key first does not hide the secret one.
    gpg(&place, &["x-gpg", "--output", "secret.pgp", "--export-secret-keys"]);
    let both = [fs::read(place.path("x-pubring.pgp")).unwrap(), fs::read(place.path("secret.pgp")).unwrap()];
    fs::write(place.path("both.pgp"), both.concat()).unwrap();
    let found = place.check_config("both.pgp");
    let start = "pattern.toml:5: image.updates.pubring: keyring both.pgp: it has a secret key, ";
    assert!(found.starts_with(start), "{found}");
}

#[test]
#[ignore = "needs gnupg openssl xz-utils; `make test` runs it"]
fn a_version_without_its_keyring_is_built_again() {
    let place = Place::with_keys();
    place.build("1");
    fs::remove_file(place.path("x_1/x_1.pubring.pgp")).unwrap();
    place.sum("x_1");
    let error = place.sign_fails();
    assert!(
        error.contains("must name what `pattern build` wrote: build again: x_1.pubring.pgp is missing"),
        "{error}"
    );
}
