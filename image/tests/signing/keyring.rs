//! `pattern gen-keyring`.

use std::fs;
use std::process::Command;

use crate::place::{Place, mode, names};

/// What a program prints that succeeds.
fn said(program: &str, arguments: &[&str], place: &Place) -> String {
    let output = Command::new(program).args(arguments).current_dir(place.path("")).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn three_parts_are_made_and_only_the_owner_reads_the_secret_ones() {
    let place = Place::new();
    let (made, told) = place.tells(&["gen-keyring", "x"]);
    assert_eq!(made, "x-pubring.pgp\nx-gpg\nx-keys\n");
    assert!(told.contains("x-gpg is SECRET") && told.contains("x-keys is SECRET"), "{told}");
    assert_eq!(names(&place.path("")), ["x-gpg", "x-keys", "x-pubring.pgp"]);
    assert_eq!(mode(&place.path("x-gpg")), 0o700);
    assert_eq!(mode(&place.path("x-gpg/private-keys-v1.d")), 0o700);
    assert_eq!(mode(&place.path("x-pubring.pgp")), 0o644);
    assert_eq!(mode(&place.path("x-keys")), 0o700);
    for (file, expected) in [
        ("pcr-debug-private.pem", 0o600),
        ("pcr-debug-public.pem", 0o644),
        ("pcr-private.pem", 0o600),
        ("pcr-public.pem", 0o644),
        ("secure-boot.crt", 0o644),
        ("secure-boot.key", 0o600),
    ] {
        assert_eq!(mode(&place.path("x-keys").join(file)), expected, "{file}");
    }
    let left = names(&place.path("x-gpg"));
    assert!(!left.iter().any(|name| name.starts_with("S.")), "sockets: {left:?}");
}

#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn the_openpgp_key_signs_and_never_expires() {
    let place = Place::with_keys();
    let listing = said("gpg", &["--with-colons", "--show-keys", "x-pubring.pgp"], &place);
    let lines = listing.lines().map(|line| line.split(':').collect::<Vec<_>>()).collect::<Vec<_>>();
    let keys = lines.iter().filter(|line| ["pub", "sub"].contains(&line[0])).collect::<Vec<_>>();
    assert_eq!(keys.len(), 1, "{listing}");
    // 22 is EdDSA. No date of expiry. What it can do: certify its user id, and sign.
    assert_eq!((keys[0][3], keys[0][6], keys[0][16]), ("22", "", "ed25519"), "{listing}");
    assert_eq!(keys[0][11].to_lowercase(), "scsc", "{listing}");
    assert!(lines.iter().any(|line| line[0] == "uid" && line[9] == "x <x@pattern.invalid>"), "{listing}");
    let content = fs::read(place.path("x-pubring.pgp")).unwrap();
    assert!(!content.starts_with(b"-----BEGIN"), "armored");
}

#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn openssl_reads_the_other_keys() {
    let place = Place::with_keys();
    let public = |key: &str| said("openssl", &["pkey", "-in", key, "-pubout"], &place);
    let text = said("openssl", &["pkey", "-in", "x-keys/pcr-private.pem", "-noout", "-text"], &place);
    assert!(text.contains("Private-Key: (2048 bit"), "{text}");
    let written = |key: &str| fs::read_to_string(place.path(key)).unwrap();
    assert_eq!(public("x-keys/pcr-private.pem"), written("x-keys/pcr-public.pem"));
    assert_eq!(public("x-keys/pcr-debug-private.pem"), written("x-keys/pcr-debug-public.pem"));
    assert_ne!(written("x-keys/pcr-public.pem"), written("x-keys/pcr-debug-public.pem"));

    let x509 =
        |option: &str| said("openssl", &["x509", "-in", "x-keys/secure-boot.crt", "-noout", option], &place);
    assert_eq!(public("x-keys/secure-boot.key"), x509("-pubkey"));
    assert!(x509("-text").contains("Public-Key: (2048 bit)"));
    assert!(x509("-subject").contains("x-secure-boot"));
    let fifteen_years = (15 * 365 * 86400).to_string();
    let check = ["x509", "-in", "x-keys/secure-boot.crt", "-noout", "-checkend", &fifteen_years];
    said("openssl", &check, &place);
    let _ =
        said("openssl", &["verify", "-CAfile", "x-keys/secure-boot.crt", "x-keys/secure-boot.crt"], &place);
}

/// A keyring of a version that made no key for debug images gets one; each other key stays as it is. So does a key that is there.
#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn an_older_keyring_gets_what_it_lacks() {
    let place = Place::with_keys();
    let error = place.fails(&["gen-keyring", "y", "--add-missing"]);
    assert!(
        error.contains("adding to the keyring y: the folder y-keys does not exist; if there was one, restore it from your backup"),
        "{error}"
    );
    let all = names(&place.path("x-keys"));
    let older = ["pcr-private.pem", "pcr-public.pem", "secure-boot.crt", "secure-boot.key"];
    let content = || older.map(|name| fs::read(place.path("x-keys").join(name)).unwrap());
    let before = content();
    for name in ["pcr-debug-private.pem", "pcr-debug-public.pem"] {
        fs::remove_file(place.path("x-keys").join(name)).unwrap();
    }
    let (added, text) = place.tells(&["gen-keyring", "x", "--add-missing"]);
    assert_eq!(added, "x-keys/pcr-debug-private.pem\nx-keys/pcr-debug-public.pem\n");
    assert!(text.contains("Back up x-keys again"), "{text}");
    assert_eq!((names(&place.path("x-keys")), content()), (all.clone(), before));
    assert_eq!(mode(&place.path("x-keys/pcr-debug-private.pem")), 0o600);

    // As after a cut between the two.
    let private = fs::read(place.path("x-keys/pcr-debug-private.pem")).unwrap();
    fs::remove_file(place.path("x-keys/pcr-debug-public.pem")).unwrap();
    place.succeeds(&["gen-keyring", "x", "--add-missing"]);
    assert_eq!(fs::read(place.path("x-keys/pcr-debug-private.pem")).unwrap(), private);
    let public = said("openssl", &["pkey", "-in", "x-keys/pcr-debug-private.pem", "-pubout"], &place);
    assert_eq!(public, fs::read_to_string(place.path("x-keys/pcr-debug-public.pem")).unwrap());
    let nothing = (String::new(), "x-keys: no key is missing\n".to_owned());
    assert_eq!(place.tells(&["gen-keyring", "x", "--add-missing"]), nothing);
}

/// Another private key would not fit the public one, which images have.
#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn a_lost_private_key_is_not_replaced() {
    let place = Place::with_keys();
    place.succeeds(&["gen-keyring", "x", "--epoch", "2"]);
    fs::remove_file(place.path("x-keys/pcr-epoch-2-private.pem")).unwrap();
    let error = place.fails(&["gen-keyring", "x", "--epoch", "2"]);
    let lost = "x-keys/pcr-epoch-2-private.pem is missing, and x-keys/pcr-epoch-2-public.pem is there: restore it from your backup";
    assert!(error.contains(lost), "{error}");
    let error = place.fails(&["gen-keyring", "x", "--add-missing"]);
    let next = "and can't be made again: restore";
    assert_eq!(
        error,
        format!("pattern: x-keys: pcr-epoch-2-private.pem is missing, {next} it from your backup\n")
    );
    for name in ["pcr-debug-private.pem", "secure-boot.crt"] {
        fs::remove_file(place.path("x-keys").join(name)).unwrap();
    }
    let error = place.fails(&["gen-keyring", "x", "--add-missing"]);
    let lost = "pcr-debug-private.pem and pcr-epoch-2-private.pem and secure-boot.crt are missing";
    assert_eq!(error, format!("pattern: x-keys: {lost}, {next} them from your backup\n"));
    assert!(
        !place.path("x-keys/secure-boot.crt").exists()
            && !place.path("x-keys/pcr-debug-private.pem").exists()
    );
}

/// The machine that builds images need not be the one that signs releases.
#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn what_lies_beside_the_keys_is_missed_too() {
    let place = Place::with_keys();
    fs::remove_dir_all(place.path("x-gpg")).unwrap();
    let (_, text) = place.tells(&["gen-keyring", "x", "--add-missing"]);
    let warning = "warning: x-gpg is missing: restore it from your backup, unless it is on another machine\n";
    assert_eq!(text, format!("{warning}x-keys: no key is missing\n"));
}

/// A new keyring would end the updates of machines in use.
#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn a_lost_public_key_is_exported_again() {
    let place = Place::with_keys();
    let before = fs::read(place.path("x-pubring.pgp")).unwrap();
    let gone = || fs::remove_file(place.path("x-pubring.pgp")).unwrap();
    gone();
    let error = place.fails(&["gen-keyring", "x"]);
    let command = "gpg --homedir x-gpg --output x-pubring.pgp --export";
    assert!(
        error.contains(&format!("export x-pubring.pgp: {command}, or copy ID_VERSION.pubring.pgp")),
        "{error}"
    );
    let _ = said("sh", &["-c", command], &place);
    assert_eq!(fs::read(place.path("x-pubring.pgp")).unwrap(), before);
    gone();
    let (added, text) = place.tells(&["gen-keyring", "x", "--add-missing"]);
    assert_eq!(added, "x-pubring.pgp\n");
    assert_eq!(text, "x-pubring.pgp was missing, and is the public key of x-gpg again.\n");
    assert_eq!(fs::read(place.path("x-pubring.pgp")).unwrap(), before);
    assert_eq!(mode(&place.path("x-pubring.pgp")), 0o644);
    assert_eq!(names(&place.path("")), ["x-gpg", "x-keys", "x-pubring.pgp"]);
    fs::remove_dir_all(place.path("x-keys")).unwrap();
    let error = place.fails(&["gen-keyring", "x", "--add-missing"]);
    assert!(error.contains("x-keys is missing: restore x-keys from your backup; machines in use"), "{error}");
}

/// A machine may have its volume bound to an epoch's key alone: no run makes another in its place.
#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn the_key_of_an_epoch_is_added_once() {
    let place = Place::with_keys();
    let error = place.fails(&["gen-keyring", "y", "--epoch", "2"]);
    assert!(error.contains("adding to the keyring y: the folder y-keys does not exist"), "{error}");
    let older = fs::read(place.path("x-keys/pcr-private.pem")).unwrap();
    let (added, text) = place.tells(&["gen-keyring", "x", "--epoch", "2"]);
    assert_eq!(added, "x-keys/pcr-epoch-2-private.pem\nx-keys/pcr-epoch-2-public.pem\n");
    assert!(
        text.contains("signs PCR policies of images with image.epoch = 2. Back up x-keys again."),
        "{text}"
    );
    assert_eq!(mode(&place.path("x-keys/pcr-epoch-2-private.pem")), 0o600);
    let key = fs::read(place.path("x-keys/pcr-epoch-2-private.pem")).unwrap();
    let nothing = (String::new(), "x-keys: the key of epoch 2 is there already\n".to_owned());
    assert_eq!(place.tells(&["gen-keyring", "x", "--epoch", "2"]), nothing);
    assert_eq!(fs::read(place.path("x-keys/pcr-epoch-2-private.pem")).unwrap(), key);
    assert_eq!(fs::read(place.path("x-keys/pcr-private.pem")).unwrap(), older);
    // As after a cut between the two halves.
    fs::remove_file(place.path("x-keys/pcr-epoch-2-public.pem")).unwrap();
    place.succeeds(&["gen-keyring", "x", "--epoch", "2"]);
    let public = said("openssl", &["pkey", "-in", "x-keys/pcr-epoch-2-private.pem", "-pubout"], &place);
    assert_eq!(public, fs::read_to_string(place.path("x-keys/pcr-epoch-2-public.pem")).unwrap());
}

#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn what_is_there_is_not_overwritten() {
    let place = Place::with_keys();
    let before = fs::read(place.path("x-pubring.pgp")).unwrap();
    let error = place.fails(&["gen-keyring", "x"]);
    assert!(
        error.contains("x-gpg and x-keys and x-pubring.pgp exist already: go on with this keyring: "),
        "{error}"
    );
    assert_eq!(fs::read(place.path("x-pubring.pgp")).unwrap(), before);
    assert_eq!(names(&place.path("")), ["x-gpg", "x-keys", "x-pubring.pgp"]);

    for part in ["y-gpg", "y-keys", "y-pubring.pgp"] {
        fs::write(place.path(part), "mine").unwrap();
        let error = place.fails(&["gen-keyring", "y"]);
        assert!(
            error.contains(&format!("keyring y: it has {part}, and y-"))
                && error.contains(" are missing: restore y-"),
            "{error}"
        );
        assert_eq!(names(&place.path("")), ["x-gpg", "x-keys", "x-pubring.pgp", part]);
        fs::remove_file(place.path(part)).unwrap();
    }
}

#[test]
#[ignore = "needs gnupg openssl; `make test` runs it"]
fn a_name_may_be_a_long_path() {
    let place = Place::new();
    let folder = "long".repeat(40);
    fs::create_dir(place.path(&folder)).unwrap();
    place.succeeds(&["gen-keyring", &format!("{folder}/x")]);
    assert_eq!(names(&place.path(&folder)), ["x-gpg", "x-keys", "x-pubring.pgp"]);
    place.build_with("1", &format!("{folder}/x-pubring.pgp"));
    place.succeeds(&["sign-release", "x_1", &format!("{folder}/x-gpg")]);
    assert!(place.verify("pattern-release", &format!("{folder}/x-pubring.pgp")).status.success());
    let left = names(&place.path(&folder).join("x-gpg"));
    assert!(!left.iter().any(|name| name.starts_with("S.")), "sockets: {left:?}");

    let error = place.fails(&["gen-keyring", "nowhere/x"]);
    assert!(
        error.contains("the folder nowhere does not exist; to make it, run: mkdir -p nowhere"),
        "{error}"
    );
}

#[test]
fn a_failure_leaves_nothing() {
    let place = Place::new();
    let output = Command::new(env!("CARGO_BIN_EXE_pattern"))
        .args(["gen-keyring", "x"])
        .env("PATH", "/nonexistent")
        .env("XDG_CACHE_HOME", "/nonexistent")
        .current_dir(place.path(""))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("this host has no openssl, and /nonexistent/pattern/tools has no tools tree"),
        "{error}"
    );
    assert!(error.contains("apt-get install openssl"), "{error}");
    assert!(names(&place.path("")).is_empty());
}

/// A release is published, an image is given away, and a folder of secrets has its own backups.
#[test]
#[ignore = "needs gnupg openssl xz-utils; `make test` runs it"]
fn no_keys_are_made_where_others_get_them() {
    let place = Place::with_keys();
    place.build("1");
    place.sign();
    fs::create_dir_all(place.path("image/mkosi.extra/usr")).unwrap();
    fs::write(place.path("image/pattern.toml"), "").unwrap();
    let own = place.path("").canonicalize().unwrap();
    for (folder, found, kind) in [
        ("release", "release", "a release"),
        ("x_1", "x_1", "the result of a build"),
        ("image/mkosi.extra/usr", "image/mkosi.extra", "what mkosi reads for an image"),
        ("x-keys", "x-keys", "a folder of secret keys"),
        ("x-gpg", "x-gpg", "a GnuPG home"),
    ] {
        let before = names(&place.path(folder));
        let (name, found) = (format!("{folder}/kk"), own.join(found).display().to_string());
        let why = format!("{name}: {found} is {kind}");
        let said = place.fails(&["gen-keyring", &name]);
        assert_eq!(said, format!("pattern: making the keyring {why}: choose another place\n"));
        let said = place.fails(&["gen-keyring", &name, "--epoch", "1"]);
        assert_eq!(
            said,
            format!("pattern: adding to the keyring {why}: move the keyring to another place first\n")
        );
        let said = place.fails(&["init", &name]);
        assert_eq!(said, format!("pattern: making {why}: choose another place\n"));
        assert_eq!(names(&place.path(folder)), before);
    }
}
