//! What is not signed.

use std::fs;

use crate::place::Place;

#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn keys_that_are_missing_or_do_not_belong_together_sign_nothing() {
    let Some(place) = Place::new() else { return };
    place.tells(&["gen-keyring", "other"]);
    let lost = "restore it from your backup; only for a new system: pattern gen-keyring NAME\n";
    for name in ["secure-boot.key", "secure-boot.crt", "pcr-private.pem"] {
        let kept = place.read(&format!("x-keys/{name}"));
        fs::remove_file(place.path(&format!("x-keys/{name}"))).unwrap();
        let said = place.refuses(&["made", "x-keys"]);
        assert_eq!(said, format!("pattern: keys: x-keys/{name} is missing: {lost}"));
        place.write(&format!("x-keys/{name}"), place.read(&format!("other-keys/{name}")));
        let said = place.refuses(&["made", "x-keys"]);
        let wanted =
            if name == "pcr-private.pem" { "is not the public half of" } else { "is not the certificate of" };
        assert!(said.contains(wanted), "{name}: {said}");
        place.write(&format!("x-keys/{name}"), kept);
    }
    let said = place.refuses(&["made", "none-keys"]);
    assert!(said.starts_with("pattern: keys: the folder none-keys does not exist: "), "{said}");
    // Those of another system are warned of, as by `pattern build`.
    let output = place.pattern(&["sign-image", "made", "other-keys", "--tools", &place.tools, "--quiet"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with("warning: the keys in other-keys are those of \"other\""), "{said}");
}

#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn an_image_that_was_changed_or_is_signed_is_left_alone() {
    let Some(place) = Place::new() else { return };
    place.tells(&["sign-image", "made", "x-keys", "--tools", &place.tools, "--output", "signed"]);
    let said = place.refuses(&["signed/x_1", "x-keys"]);
    assert_eq!(said, "pattern: signing signed/x_1/x_1.efi: it is signed already\n");
    let said = place.refuses(&["made", "x-keys", "--output", "signed"]);
    let wanted = "x_1 was built already (signed/x_1/x_1_";
    assert!(
        said.contains(wanted) && said.ends_with("raise image.version, or replace it with --force\n"),
        "{said}"
    );
    place.tells(&["sign-image", "made", "x-keys", "--tools", &place.tools, "--output", "signed", "--force"]);

    // systemd-boot-update.service would take it from there, and firmware would not start it.
    place.write("root/usr/lib/systemd/boot/efi/systemd-bootx64.efi", "");
    place.image();
    let said = place.refuses(&["made", "x-keys"]);
    let wanted = "pattern: signing the image in made: /usr/lib/systemd/boot/efi has a boot loader that is not signed, which ";
    assert!(said.starts_with(wanted) && said.ends_with("`pattern build --keys`\n"), "{said}");
    fs::remove_dir_all(place.path("root/usr/lib/systemd")).unwrap();
    place.image();

    let said = place.refuses(&["made", "x-keys", "--output", "x-keys/images"]);
    assert!(said.contains("x-keys is a folder of secret keys"), "{said}");
    let mut changed = place.read("made/x_1.efi");
    let last = changed.len() - 1;
    changed[last] ^= 1;
    place.write("made/x_1.efi", changed);
    let said = place.refuses(&["made", "x-keys"]);
    assert_eq!(said, "pattern: made/x_1.efi is not what SHA256SUMS beside it says: build again\n");
    place.write("made/x_1.efi", b"MZ");
    place.sum();
    let said = place.refuses(&["made", "x-keys"]);
    assert_eq!(said, "pattern: signing made/x_1.efi: it is not a unified kernel image\n");
}
