//! A FIFO in the place of a file of a result or a release: nobody may ever write to it.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::place::Place;

fn in_place_of(file: &Path) {
    // There may be none.
    fs::remove_file(file).ok();
    assert!(Command::new("mkfifo").arg(file).status().unwrap().success());
}

#[test]
#[ignore = "needs gnupg openssl xz-utils; `make test` runs it"]
fn a_fifo_is_neither_signed_nor_waited_for() {
    for (file, wanted) in [
        (
            "x_1/x_1.efi",
            "checking what `pattern build` wrote: build again: reading FILE: it is a FIFO, not a file",
        ),
        ("x_1/SHA256SUMS", "reading FILE: it is a FIFO, not a file"),
        ("release/x_1.efi", "FILE: it is a FIFO, not a file"),
        ("release/SHA256SUMS", "FILE: it is a FIFO, not a file"),
        ("release/SHA256SUMS.gpg", "FILE: it is a FIFO, not a file"),
    ] {
        let place = Place::with_keys();
        place.build("1");
        place.sign();
        in_place_of(&place.path(file));
        let said = place.sign_fails();
        assert!(said.ends_with(&format!("{}\n", wanted.replace("FILE", file))), "{file}: {said}");
    }
    let place = Place::with_keys();
    place.build("1");
    fs::create_dir(place.path("release")).unwrap();
    in_place_of(&place.path("release/x_1.efi"));
    let said = place.sign_fails();
    assert_eq!(said, "pattern: adding release/x_1.efi: move it away: it is a FIFO, not a file\n");
    let burn = ["burn", "release", "vm.raw", "--keyring", "x-pubring.pgp", "--erase", "vm.raw"];
    place.build_with("2", "x-pubring.pgp");
    fs::File::create(place.path("vm.raw")).unwrap().set_len(64 << 20).unwrap();
    fs::remove_file(place.path("release/x_1.efi")).unwrap();
    place.sign();
    in_place_of(&place.path("release/SHA256SUMS"));
    let said = place.fails(&burn);
    assert!(said.ends_with("reading release/SHA256SUMS: it is a FIFO, not a file\n"), "{said}");
}
