//! `pattern burn` from a release: the signature is checked with a key of one's own before anything is written.

use std::fs::{self, File};

use crate::image::{assert_burned, image};
use crate::place::Place;

/// A release of version 1 by the key x, and a blank disk.
fn released(compression: &str) -> Place {
    let place = Place::with_keys();
    place.build("1");
    fs::write(place.path("x_1/x_1.raw"), image()).unwrap();
    place.sum("x_1");
    place.succeeds(&["sign-release", "x_1", "x-gpg", "--output", "release", "--compress", compression]);
    File::create(place.path("vm.raw")).unwrap().set_len(64 << 20).unwrap();
    place
}

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or_default()
}

fn refused(place: &Place, arguments: &[&str]) -> String {
    let said = place.fails(&[&["burn"], arguments].concat());
    assert!(fs::read(place.path("vm.raw")).unwrap().iter().all(|byte| *byte == 0), "written: {said}");
    last_line(&said).to_owned()
}

/// gpg and others would take them for options.
#[test]
#[ignore = "needs gnupg openssl xz-utils; `make test` runs it"]
fn paths_may_begin_with_a_dash() {
    let place = released("none");
    fs::create_dir(place.path("-keys")).unwrap();
    place.succeeds(&["gen-keyring", "--", "-keys/y"]);
    for (from, to) in [("-keys/y-gpg", "-gpg"), ("-keys/y-pubring.pgp", "-y.pgp")] {
        fs::rename(place.path(from), place.path(to)).unwrap();
    }
    fs::rename(place.path("x_1"), place.path("-x")).unwrap();
    fs::copy(place.path("-y.pgp"), place.path("-x/x_1.pubring.pgp")).unwrap();
    place.sum("-x");
    place.succeeds(&["sign-release", "--output=-out", "--", "-x", "-gpg"]);
    place.warns(&["burn", "--keyring=-y.pgp", "--erase=vm.raw", "--", "-out", "vm.raw"]);
    assert_burned(&fs::read(place.path("vm.raw")).unwrap(), &image());
}

#[test]
#[ignore = "needs gnupg openssl xz-utils; `make test` runs it"]
fn a_signed_image_is_unpacked_and_burned() {
    for (compression, file) in [("xz", "x_1.raw.xz"), ("gz", "x_1.raw.gz"), ("none", "x_1.raw")] {
        let place = released(compression);
        let named = format!("release/{file}");
        for image_or_folder in ["release", &named] {
            let arguments =
                ["burn", image_or_folder, "vm.raw", "--keyring", "x-pubring.pgp", "--erase", "vm.raw"];
            place.warns(&arguments);
            assert_burned(&fs::read(place.path("vm.raw")).unwrap(), &image());
        }
    }
}

#[test]
#[ignore = "needs gnupg openssl xz-utils; `make test` runs it"]
fn what_is_not_signed_by_the_key_that_was_given_is_refused() {
    let place = released("xz");
    place.succeeds(&["gen-keyring", "y"]);
    let refusal = refused(&place, &["release", "vm.raw"]);
    assert!(
        refusal.contains("it is of a release: add --keyring NAME-pubring.pgp, the public key that"),
        "{refusal}"
    );
    let other = refused(&place, &["release", "vm.raw", "--keyring", "y-pubring.pgp"]);
    let wanted = "pattern: no key in y-pubring.pgp signed release/SHA256SUMS: it is the release of another publisher: verifying ";
    assert!(other.starts_with(wanted), "{other}");
    let none = refused(&place, &["release", "vm.raw", "--keyring", "none.pgp"]);
    assert!(none.starts_with("pattern: keyring none.pgp does not exist: get it from "), "{none}");

    fs::rename(place.path("release/SHA256SUMS.gpg"), place.path("signature")).unwrap();
    let unsigned = refused(&place, &["release", "vm.raw", "--keyring", "x-pubring.pgp"]);
    assert!(unsigned.ends_with("no SHA256SUMS.gpg lies beside it: it is not signed"), "{unsigned}");
    let alone = refused(&place, &["release", "vm.raw"]);
    assert!(
        alone.contains("it is of a release, but SHA256SUMS and SHA256SUMS.gpg do not lie beside it"),
        "{alone}"
    );
}

#[test]
#[ignore = "needs gnupg openssl xz-utils; `make test` runs it"]
fn what_was_changed_since_it_was_signed_is_refused() {
    let place = released("xz");
    let burn = ["release", "vm.raw", "--keyring", "x-pubring.pgp"];
    for file in ["release/x_1.raw.xz", "release/SHA256SUMS", "release/SHA256SUMS.gpg"] {
        let good = fs::read(place.path(file)).unwrap();
        let mut changed = good.clone();
        changed[good.len() / 2] ^= 1;
        fs::write(place.path(file), changed).unwrap();
        let refusal = refused(&place, &burn);
        let expected = if file.ends_with(".xz") {
            "pattern: release/x_1.raw.xz is not what SHA256SUMS beside it says: nothing was written"
        } else {
            "pattern: release/SHA256SUMS was changed, or its signature is damaged: fetch both again: verifying "
        };
        assert!(refusal.starts_with(expected), "{file}: {refusal}");
        fs::write(place.path(file), good).unwrap();
    }
    place.warns(&[&["burn"], &burn[..]].concat());
}
