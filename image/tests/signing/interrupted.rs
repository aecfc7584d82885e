//! Runs that ended early: what they leave, and what the next one makes of it.

use std::fs;

use crate::place::{Place, names};

#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn a_keyring_that_was_half_made_is_made_anew() {
    let place = Place::new();
    let staging = place.path(".x.gen-keyring/x-gpg");
    fs::create_dir_all(&staging).unwrap();
    fs::write(staging.join("pubring.kbx"), "half").unwrap();
    place.succeeds(&["gen-keyring", "x"]);
    assert_eq!(names(&place.path("")), ["x-gpg", "x-keys", "x-pubring.pgp"]);
    place.build("1");
    place.sign();
    place.check("release");
}

#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn a_keyring_whose_moves_were_interrupted_is_finished() {
    let place = Place::with_keys();
    let before = fs::read(place.path("x-pubring.pgp")).unwrap();
    fs::create_dir(place.path(".x.gen-keyring")).unwrap();
    for part in ["x-keys", "x-pubring.pgp"] {
        fs::rename(place.path(part), place.path(".x.gen-keyring").join(part)).unwrap();
    }
    let (made, text) = place.tells(&["gen-keyring", "x"]);
    assert_eq!(made, "x-pubring.pgp\nx-gpg\nx-keys\n");
    assert!(text.starts_with("Finishing what an interrupted run left"), "{text}");
    assert_eq!(names(&place.path("")), ["x-gpg", "x-keys", "x-pubring.pgp"]);
    assert_eq!(fs::read(place.path("x-pubring.pgp")).unwrap(), before);
}

#[test]
#[ignore = "needs gnupg openssl xz-utils; `make test` runs it"]
fn files_that_were_not_signed_yet_are_taken_or_replaced() {
    let place = Place::with_keys();
    place.build("1");
    place.sign();
    // As after a cut before the manifest had its name: one file whole, one broken, one half written.
    for name in ["SHA256SUMS", "SHA256SUMS.gpg", "x_1.efi"] {
        fs::remove_file(place.path("release").join(name)).unwrap();
    }
    fs::write(place.path("release/x_1.raw.xz"), "broken").unwrap();
    fs::write(place.path("release/.x_1.efi.new"), "half").unwrap();
    fs::write(place.path("release/.SHA256SUMS.new"), "half").unwrap();
    place.sign();
    place.check("release");
}

#[test]
#[ignore = "needs gnupg openssl xz-utils; `make test` runs it"]
fn a_signature_that_was_not_published_yet_is() {
    let place = Place::with_keys();
    place.build("1");
    place.sign();
    let older = fs::read(place.path("release/SHA256SUMS.gpg")).unwrap();
    place.build("2");
    let second = ["sign-release", "x_2", "x-gpg", "--output", "release"];
    place.succeeds(&second);
    // As after a cut between the two last names: the new manifest, the older signature.
    let signature = place.path("release/SHA256SUMS.gpg");
    fs::rename(&signature, place.path("release/.SHA256SUMS.gpg.new")).unwrap();
    fs::write(&signature, older).unwrap();
    assert_eq!(place.verify("release", "x-pubring.pgp").status.code(), Some(1));
    place.succeeds(&second);
    place.check("release");
}

#[test]
#[ignore = "needs gnupg openssl xz-utils; `make test` runs it"]
fn a_failure_leaves_what_was_published() {
    let place = Place::with_keys();
    place.build("1");
    place.sign();
    let before = fs::read(place.path("release/SHA256SUMS")).unwrap();
    place.build("2");
    // No file can take this name.
    fs::create_dir_all(place.path("release/x_2.raw.xz/in the way")).unwrap();
    let error = place.fails(&["sign-release", "x_2", "x-gpg", "--output", "release"]);
    assert!(error.contains("x_2.raw.xz"), "{error}");
    assert_eq!(fs::read(place.path("release/SHA256SUMS")).unwrap(), before);
    assert!(place.verify("release", "x-pubring.pgp").status.success());
    let left = names(&place.path("release"));
    assert!(!left.iter().any(|name| name.starts_with('.')), "{left:?}");
}
