//! What is made by the real ukify and signed by the real systemd-sbsign.

use std::fs;

use pattern::uki;

use crate::place::{DATE, Place, by, tools};

fn verifies(place: &Place, tools: &str, name: &str) -> bool {
    let certificate = place.path("x-keys/secure-boot.crt").display().to_string();
    let file = place.path(name).display().to_string();
    by(tools, &["sbverify", "--cert", &certificate, &file]).status.success()
}

fn with_keys(debug: bool) -> Place {
    let place = Place::of(debug);
    place.tells(&["gen-keyring", "x"]);
    place
}

#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn an_add_on_has_the_words_and_a_signature_and_two_have_the_same_bytes() {
    let Some(tools) = tools() else { return };
    let place = with_keys(false);
    let words = ["console=ttyS1,115200n8", "quiet"];
    let line = ["addon", "x", words[0], words[1], "--keys", "x-keys", "--tools", &tools];
    let (made, told) = place.tells(&line);
    assert_eq!(made, "x.addon.efi\n");
    let wanted = "Copy x.addon.efi to the machine, and there, as root: mkdir -p /boot/loader/addons && cp x.addon.efi \
                  /boot/loader/addons\nThen, before the restart: pattern rebind --ahead --additions\n";
    assert_eq!(told, wanted);
    let bytes = fs::read(place.path("x.addon.efi")).unwrap();
    let table = uki::table(&bytes).unwrap();
    let names: Vec<_> = table.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, [".text", ".sdmagic", ".cmdline", ".sbat"]);
    assert_eq!(uki::section(&bytes, ".cmdline"), Some("console=ttyS1,115200n8 quiet".as_bytes()));
    assert!(uki::section(&bytes, ".sbat").unwrap().starts_with(b"sbat,1,"));
    let signature = uki::signature(&bytes).unwrap();
    assert!(signature.windows(DATE.1.len()).any(|window| window == DATE.1.as_bytes()), "the date of signing");
    assert!(verifies(&place, &tools, "x.addon.efi"));

    let again = [&line[..], &["--output", "again.addon.efi", "--quiet"]].concat();
    assert_eq!(place.tells(&again), ("again.addon.efi\n".to_owned(), String::new()));
    assert_eq!(fs::read(place.path("again.addon.efi")).unwrap(), bytes);
    let mut changed = bytes;
    let at = table[2].1.start;
    changed[at] ^= 1;
    fs::write(place.path("again.addon.efi"), changed).unwrap();
    assert!(!verifies(&place, &tools, "again.addon.efi"));
    assert_eq!(fs::read_dir(place.path("temporary")).unwrap().count(), 0);
}

/// Somebody with Secure Boot off may want it.
#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn without_keys_it_is_not_signed_and_that_is_said() {
    let Some(tools) = tools() else { return };
    let place = Place::new();
    let line = ["addon", "x", "quiet", "--tools", &tools, "--json"];
    let (made, told) = place.tells(&line);
    assert_eq!(made, "{\"addon\":\"x.addon.efi\",\"signed\":false,\"words\":[\"quiet\"]}\n");
    let wanted = "The add-on is not signed, because --keys names no keys: with Secure Boot on, a machine starts without it, and \
                  `pattern rebind --ahead --additions` refuses it\nCopy x.addon.efi to the machine, and there, as root: mkdir -p \
                  /boot/loader/addons && cp x.addon.efi /boot/loader/addons\n";
    assert_eq!(told, wanted);
    let bytes = fs::read(place.path("x.addon.efi")).unwrap();
    assert_eq!((uki::section(&bytes, ".cmdline"), uki::signature(&bytes)), (Some(&b"quiet"[..]), None));
}

#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn an_existing_one_is_replaced_only_with_force() {
    let Some(tools) = tools() else { return };
    let place = Place::new();
    place.tells(&["addon", "x", "quiet", "--tools", &tools]);
    let before = fs::read(place.path("x.addon.efi")).unwrap();
    let line = ["addon", "x", "console=tty0", "--tools", &tools];
    let wanted = "pattern: making the add-on x.addon.efi: it exists already: name another file with --output, or replace it with \
                  --force\n";
    assert_eq!(place.fails(&line), wanted);
    assert_eq!(fs::read(place.path("x.addon.efi")).unwrap(), before);
    place.tells(&[&line[..], &["--force"]].concat());
    let bytes = fs::read(place.path("x.addon.efi")).unwrap();
    assert_eq!(uki::section(&bytes, ".cmdline"), Some(&b"console=tty0"[..]));
}

/// Its volume is not bound to what is added. A word that ukify would take for the name of a file is one.
#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn an_image_with_debug_takes_any_words() {
    let Some(tools) = tools() else { return };
    let place = with_keys(true);
    let (_, told) =
        place.tells(&["addon", "x", "@x/pattern.toml", "init=/x", "--keys", "x-keys", "--tools", &tools]);
    assert!(told.ends_with("\nThe image has debug = true: its volume opens with any words\n"), "{told}");
    let bytes = fs::read(place.path("x.addon.efi")).unwrap();
    assert_eq!(uki::section(&bytes, ".cmdline"), Some(&b"@x/pattern.toml init=/x"[..]));
    assert!(verifies(&place, &tools, "x.addon.efi"));
}

#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn keys_that_do_not_belong_together_sign_nothing() {
    let Some(tools) = tools() else { return };
    let place = with_keys(false);
    place.tells(&["gen-keyring", "y"]);
    fs::copy(place.path("y-keys/secure-boot.crt"), place.path("x-keys/secure-boot.crt")).unwrap();
    let line = ["addon", "x", "quiet", "--keys", "x-keys", "--tools", &tools];
    let wanted = "pattern: keys: x-keys/secure-boot.crt is not the certificate of x-keys/secure-boot.key: restore both from your \
                  backup\n";
    assert_eq!(place.fails(&line), wanted);
}
