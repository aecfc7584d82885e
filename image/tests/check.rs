//! `pattern config check` reports what is wrong in each file and in its folder: one array with
//! `--json`, whatever happens. `pattern build` says the same before it builds anything.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

const GOOD: &str = r#"[image]
id = "demo"
version = "1"
updates = { url = "https://example.org/demo", pubring = "demo-pubring.pgp" }

[partitions]
sizes = { esp = "200M", verity = "64M", usr = "2G" }

[userspace]
homed = true
"#;
/// A packet that says that it is a public key. gpg takes it for none.
const PUBLIC: &[u8] = b"\x98\x01\0";
const KERNEL: &str = "[Content]\nPackages=linux-image-amd64\n";

/// A folder `image` to build from, as good as one without a key can be.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.write("image/pattern.toml", GOOD);
        place.write("image/mkosi.conf", KERNEL);
        place.write("image/demo-pubring.pgp", PUBLIC);
        place
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Runs `pattern` on a host that has no gpg.
    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pattern"));
        command.args(arguments).current_dir(self.0.path()).env("PATH", self.0.path()).output().unwrap()
    }

    /// The findings and the exit status.
    fn check(&self, files: &[&str]) -> (String, i32) {
        let output = self.run(&[&["config", "check"], files].concat());
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        (String::from_utf8(output.stdout).unwrap(), output.status.code().unwrap())
    }

    fn json(&self, files: &[&str]) -> (Value, i32) {
        let (text, status) = self.check(&[&["--json"], files].concat());
        (serde_json::from_str(&text).unwrap(), status)
    }
}

const NO_GPG: &str = "image/pattern.toml:4: image.updates.pubring: note: whether a key in the keyring can sign was not checked, \
                      because this host has no gpg; `pattern build` checks it with the gpg of its tools tree\n";

#[test]
fn notes_alone_are_success() {
    assert_eq!(Place::new().check(&["image/pattern.toml"]), (NO_GPG.to_owned(), 0));
}

#[test]
fn a_quiet_check_shows_errors_alone() {
    let place = Place::new();
    assert_eq!(place.check(&["-q", "image"]), (String::new(), 0));
    assert_eq!(place.check(&["-q", "--json", "image"]), ("[]\n".to_owned(), 0));
    place.write("image/pattern.toml", GOOD.replace("demo-pubring.pgp", "none.pgp"));
    let (found, status) = place.check(&["-q", "image"]);
    assert_eq!((found.lines().count(), status), (1, 1), "{found}");
    assert_eq!(found, place.check(&["image"]).0);
}

/// What is wrong in a folder can be known before a build, from the line of the key that names it.
#[test]
fn the_folder_is_looked_at() {
    for (pubring, message) in [
        (&b"\x94\x01\0"[..], "it has a secret key, which every machine with the image would have: "),
        (b"\x98\x01\0\x95\0\x01\0", "it has a secret key, which every machine with the image would have: "),
        (b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n", "it is armored text, which systemd can't read: "),
        (b"", "it is empty: "),
        (b"random", "it is not a keyring: "),
    ] {
        let place = Place::new();
        place.write("image/demo-pubring.pgp", pubring);
        let (found, status) = place.check(&["image/pattern.toml"]);
        let start = "image/pattern.toml:4: image.updates.pubring: keyring image/demo-pubring.pgp: ";
        assert!(found.starts_with(&format!("{start}{message}")), "{found}");
        assert_eq!((found.lines().count(), status), (1, 1), "{found}");
    }
    let place = Place::new();
    fs::remove_file(place.0.path().join("image/demo-pubring.pgp")).unwrap();
    let (found, status) = place.check(&["image/pattern.toml"]);
    let start = "image/pattern.toml:4: image.updates.pubring: keyring image/demo-pubring.pgp is missing: copy the one that ";
    assert!(found.starts_with(start) && status == 1, "{found}");
}

#[test]
fn an_image_that_nobody_can_start_or_use_is_noted() {
    let place = Place::new();
    place.write("image/mkosi.conf", "[Content]\nPackages=less\n");
    place.write("image/pattern.toml", GOOD.replace("homed = true", ""));
    let (found, status) = place.check(&["image/pattern.toml"]);
    let kernel = "image/pattern.toml:1: note: as far as this folder shows, the image has no kernel, ";
    let login =
        "image/pattern.toml:9: userspace.homed: note: as far as this folder shows, nobody can log in: ";
    assert!([kernel, NO_GPG, login].iter().all(|line| found.contains(line)) && status == 0, "{found}");
    place.write("image/mkosi.conf", format!("{KERNEL}RootPassword=hashed:$6$x\n"));
    assert_eq!(place.check(&["image/pattern.toml"]), (NO_GPG.to_owned(), 0));
}

/// Whoever has the image would have them.
#[test]
fn secret_keys_do_not_go_into_an_image() {
    const PEM: &str = "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n";
    let gpg = "has secret keys of a GnuPG home, and everybody who has the image would have them: move it out";
    let ours = "is a secret key of a NAME-keys, and everybody who has the image would have it: move it out";
    for (file, named, message) in [
        (
            "mkosi.extra/root/.gnupg/private-keys-v1.d/AB.key",
            "mkosi.extra/root/.gnupg/private-keys-v1.d",
            gpg,
        ),
        ("mkosi.skeleton/demo-gpg/secring.gpg", "mkosi.skeleton/demo-gpg/secring.gpg", gpg),
        ("mkosi.extra/usr/keys/secure-boot.key", "mkosi.extra/usr/keys/secure-boot.key", ours),
        (
            "mkosi.images/initrd/mkosi.extra/pcr-epoch-2-private.pem",
            "mkosi.images/initrd/mkosi.extra/pcr-epoch-2-private.pem",
            ours,
        ),
        ("tree/pcr-private.pem", "tree/pcr-private.pem", ours),
    ] {
        let place = Place::new();
        place.write("image/mkosi.conf", format!("{KERNEL}ExtraTrees=tree:/usr/x\n"));
        place.write("image/tree/empty", "");
        place.write(&format!("image/{file}"), PEM);
        let (found, status) = place.check(&["image"]);
        let wanted = format!("image/pattern.toml:1: image/{named} {message}");
        assert!(found.starts_with(&wanted) && status == 1, "{found}");
        let output = place.run(&["build", "image"]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.starts_with(&wanted) && output.status.code() == Some(1), "{said}");
    }
}

/// `%D` is the folder of the image. What else stands for something is for mkosi to resolve.
#[test]
fn secret_keys_behind_a_specifier_are_found_or_the_specifier_is_named() {
    let place = Place::new();
    place.write("image/m-keys/pcr-private.pem", "-----BEGIN PRIVATE KEY-----\nAA==\n");
    place.write("image/mkosi.conf", format!("{KERNEL}ExtraTrees=%D/m-keys:/usr/share/k\n"));
    let (found, status) = place.check(&["image"]);
    let wanted =
        "/image/m-keys/pcr-private.pem is a secret key of a NAME-keys, and everybody who has the image would";
    assert!(found.contains(wanted) && status == 1, "{found}");
    place.write("image/mkosi.conf", format!("{KERNEL}ExtraTrees=%I-keys:/usr/share/k\n"));
    let (found, status) = place.check(&["image"]);
    let wanted = "image/pattern.toml:1: note: ExtraTrees=%I-keys:/usr/share/k of image/mkosi.conf: what %I stands for is not known \
                  here, so secret keys were not looked for there; `pattern build` looks for them before the image is made";
    assert!(found.contains(wanted) && status == 0, "{found}");
}

#[test]
fn configuration_that_mkosi_would_wait_for_is_an_error() {
    let place = Place::new();
    place.write("image/mkosi.conf", KERNEL);
    for name in ["mkosi.local.conf", "mkosi.postinst", "mkosi.conf"] {
        let file = place.0.path().join("image").join(name);
        std::fs::remove_file(&file).ok();
        assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
        let (found, status) = place.check(&["image"]);
        let wanted = format!("image/{name} is a FIFO, not a file, and mkosi would wait for it: remove it");
        assert!(found.contains(&wanted) && status == 1, "{found}");
        std::fs::remove_file(&file).unwrap();
    }
}

/// A person may mean it.
#[test]
fn other_private_keys_are_noted() {
    let place = Place::new();
    let names = ["etc/ssh/ssh_host_ed25519_key", "usr/lib/web/server.pem"];
    for name in names {
        place.write(&format!("image/mkosi.extra/{name}"), "-----BEGIN OPENSSH PRIVATE KEY-----\nAA==\n");
    }
    place.write("image/mkosi.extra/etc/ssh/ssh_host_ed25519_key.pub", "ssh-ed25519 AAAA");
    place.write("image/mkosi.extra/usr/lib/secure-boot.key", "where the key is: on paper");
    std::os::unix::fs::symlink("web/server.pem", place.0.path().join("image/mkosi.extra/usr/lib/link"))
        .unwrap();
    let (found, status) = place.check(&["image"]);
    let noted = |name: &str| {
        format!("image/pattern.toml:1: note: image/mkosi.extra/{name} is a private key, which all machines ")
    };
    let lines: Vec<_> = found.lines().collect();
    assert!(lines.iter().zip(names).all(|(line, name)| line.starts_with(&noted(name))), "{found}");
    assert_eq!((lines.len(), status), (3, 0), "{found}");
}

/// The build would say so after minutes.
#[test]
fn an_image_without_packages_has_no_kernel_for_sure() {
    let place = Place::new();
    fs::remove_file(place.0.path().join("image/mkosi.conf")).unwrap();
    let (found, status) = place.check(&["image/pattern.toml"]);
    let missing =
        "image/pattern.toml:1: the image has no kernel, because mkosi.conf beside this file does not exist: ";
    assert!(found.starts_with(missing) && status == 1, "{found}");
    fs::write(place.0.path().join("image/mkosi.conf"), "[Content]\n").unwrap();
    let (found, status) = place.check(&["image/pattern.toml"]);
    let kernel = "image/pattern.toml:1: the image has no kernel, because mkosi.conf beside this file names no packages: ";
    assert!(found.starts_with(kernel) && status == 1, "{found}");
    let output = place.run(&["build", "image"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with(kernel) && output.status.code() == Some(1), "{said}");
}

#[test]
fn a_folder_stands_for_the_file_in_it() {
    let place = Place::new();
    assert_eq!(place.check(&["image"]), (NO_GPG.to_owned(), 0));
    fs::create_dir(place.0.path().join("empty")).unwrap();
    let none = "empty/pattern.toml:1: can't be read: No such file or directory (os error 2); name an image's folder, or make one: \
                pattern init DIR\n";
    assert_eq!(place.check(&["empty"]), (none.to_owned(), 1));
}

/// `config check` takes either, so a build does, too.
#[test]
fn a_build_takes_the_folder_or_the_file_in_it_and_no_other_file() {
    let place = Place::new();
    place.write("image/demo-pubring.pgp", "");
    let said = |of: &str| String::from_utf8(place.run(&["build", of]).stderr).unwrap();
    assert!(said("image").starts_with("image/pattern.toml:4: "), "{}", said("image"));
    assert_eq!(said("image/pattern.toml"), said("image"));
    let wanted = "pattern: building from image/mkosi.conf: it is a file: name the folder that has the image's pattern.toml\n";
    assert_eq!(said("image/mkosi.conf"), wanted);
}

#[test]
fn files_that_can_not_be_read_do_not_hide_the_others() {
    let place = Place::new();
    place.write("empty.toml", "");
    place.write("binary.toml", b"# text\n\xff");
    let fifo = place.0.path().join("fifo");
    assert!(Command::new("mkfifo").arg(fifo).status().unwrap().success());
    let (found, status) = place.check(&["none.toml", "fifo", "/dev/zero", "-", "binary.toml", "empty.toml"]);
    let mut lines = found.lines();
    for start in [
        "none.toml:1: can't be read: No such file or directory",
        "fifo:1: can't be read: it is a FIFO, not a file",
        "/dev/zero:1: can't be read: it is a device, not a file",
        "-:1: standard input is not read, because a build also needs what lies beside pattern.toml: ",
        "binary.toml:2: is not text in UTF-8",
    ] {
        let line = lines.next().unwrap();
        assert!(line.starts_with(start), "{line}\n{start}");
    }
    assert!(lines.clone().all(|line| line.starts_with("empty.toml:1: ")), "{found}");
    assert_eq!((lines.count(), status), (7, 1));
}

#[test]
fn json_is_one_array_in_every_case() {
    let place = Place::new();
    let (found, status) = place.json(&["image/pattern.toml"]);
    let note = &found[0];
    assert_eq!(note["message"].as_str(), NO_GPG.trim_end().split_once("note: ").map(|(_, message)| message));
    let expected = ["note", "image/pattern.toml", "image.updates.pubring"].map(Some);
    assert_eq!([&note["severity"], &note["file"], &note["key"]].map(Value::as_str), expected);
    assert_eq!((note["line"].as_u64(), found.as_array().unwrap().len(), status), (Some(4), 1, 0));

    let (found, status) = place.json(&["none.toml", "image/pattern.toml"]);
    let severities: Vec<_> = found.as_array().unwrap().iter().map(|one| one["severity"].as_str()).collect();
    assert_eq!((severities, status), (vec![Some("error"), Some("note")], 1));
}

#[test]
fn a_build_says_the_same_and_makes_nothing() {
    let place = Place::new();
    place.write("image/demo-pubring.pgp", "");
    place.write("image/pattern.toml", GOOD.replace("\"1\"", "\"latest\""));
    let (found, _) = place.check(&["image/pattern.toml"]);
    assert_eq!(found.lines().count(), 2, "{found}");
    let output = place.run(&["build", "image"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.starts_with(&found) && output.status.code() == Some(1), "{said}");
    assert!(!Path::new(place.0.path()).join("build").exists());
}
