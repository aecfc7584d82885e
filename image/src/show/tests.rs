//! The text for people, and what is new in a version: from facts that a test makes up.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use super::facts::Partition;
use super::kernel::Kernel;
use super::signature::Signature;
use super::signature::Signed;
use super::system::System;
use super::*;
use crate::host::screen::Screen;
use crate::host::temporary;

fn signed(file: &str) -> Signed {
    let signature = Signature {
        subject: "CN=x-secure-boot".into(),
        fingerprint: "3A:9A".into(),
        until: "2041-11-26".into(),
        valid: true,
    };
    Signed { file: file.into(), bytes: 23 << 20, signature: Some(signature) }
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A small image with epoch 1.
fn facts() -> Facts {
    let part = |label: &str, mib: u64| Partition { label: label.into(), bytes: mib << 20, start: 0 };
    let settings = [
        ("image.id", "\"x\""),
        ("image.version", "\"1\""),
        ("image.epoch", "1"),
        ("partitions.sizes.esp", "\"200M\""),
        ("partitions.sizes.usr", "\"2G\""),
    ];
    let system = System {
        id: "x".into(),
        version: "1".into(),
        distribution: "Debian GNU/Linux 13 (trixie)".into(),
        settings: map(&settings),
        login: vec![],
    };
    let kernel = Kernel {
        signed: signed("EFI/Linux/x_1.efi"),
        release: "6.12".into(),
        linux_bytes: 11 << 20,
        initrd_bytes: 12 << 20,
        command_line: "root=tmpfs".into(),
        pcr_key: Some("aa".into()),
        pcr_signers: vec!["aa".into(), "bb".into()],
    };
    Facts {
        file: "x_1/x_1.raw".into(),
        bytes: 360 << 20,
        partitions: vec![part("esp", 200), part("verity-1", 50), part("usr-1", 100)],
        kernel: Some(kernel),
        boot_loader: Some(signed("EFI/BOOT/BOOTX64.EFI")),
        system: Some(system),
        update_keys: Some(vec!["54A6".into()]),
        packages: Some(map(&[("bash", "5"), ("dash", "1")])),
        unread: vec![],
    }
}

const TEXT: &str = "\
x 1
Debian GNU/Linux 13 (trixie), 2 packages
x_1/x_1.raw

Layout
  esp                200 MiB ########################################
  verity-1            50 MiB ##########
  usr-1              100 MiB ####################
  together           360 MiB

Sizes
  /usr               100 MiB, 4 % of the 2 GiB that each version may have
  kernel image        23 MiB, 11 % of the 200 MiB that two versions share with the boot loader
  - Linux             11 MiB
  - initrd            12 MiB

Signed
  boot loader     CN=x-secure-boot, certificate until 2041-11-26
                  SHA-256 3A:9A
  kernel image    CN=x-secure-boot, certificate until 2041-11-26
                  SHA-256 3A:9A
  PCR 11          signed by aa: the image's key, of epoch 1
                  signed by bb: another key, as of the epoch before
  updates         verified with the OpenPGP key 54A6

Settings
  image.epoch = 1
  partitions.sizes.esp = \"200M\"
  partitions.sizes.usr = \"2G\"

Who can log in
  nobody
";

#[test]
fn the_text_has_everything() {
    assert_eq!(text::facts(&facts()), TEXT);
}

#[test]
fn what_is_wrong_or_unknown_is_said() {
    let mut facts = facts();
    let kernel = facts.kernel.as_mut().unwrap();
    kernel.signed.signature.as_mut().unwrap().valid = false;
    kernel.pcr_signers.clear();
    facts.boot_loader.as_mut().unwrap().signature = None;
    let value: Option<()> = facts.keep(Err(anyhow::anyhow!("no list")));
    assert_eq!(value, None);
    facts.system.as_mut().unwrap().settings.insert("debug".into(), "true".into());
    let said = text::facts(&facts);
    for line in [
        "x 1, debug = true: for development\n",
        "  kernel image    NOT VALID: CN=x-secure-boot",
        "  boot loader     NOT SIGNED: firmware with Secure Boot does not start it\n",
        "  PCR 11          NOT SIGNED: ",
        "\nNot read\n  no list\n",
    ] {
        assert!(said.contains(line), "{line:?} is not in:\n{said}");
    }
}

#[test]
fn an_image_whose_files_can_t_be_read_still_has_its_layout() {
    let bare = Facts { file: "x.raw".into(), partitions: facts().partitions, ..Facts::default() };
    let said = text::facts(&bare);
    assert!(said.starts_with("x.raw\n\nLayout\n  esp "), "{said}");
    assert!(said.contains("  /usr               100 MiB\n"), "{said}");
    assert!(!said.contains("Who can log in") && !said.contains("Signed"), "{said}");
}

/// An image is somebody else's text.
#[test]
fn an_image_commands_no_terminal_and_adds_no_lines() {
    let mut facts = facts();
    facts.partitions[0].label = "esp\u{1b}[2J".into();
    facts.system.as_mut().unwrap().distribution = "good\nWho can log in".into();
    let said = text::facts(&facts);
    assert!(
        said.contains("  esp\\u{1b}[2J ") && said.contains("\ngood Who can log in, 2 packages\n"),
        "{said}"
    );
}

#[test]
fn the_changes_are_those_since_the_older_version() {
    let (old, mut new) = (facts(), facts());
    new.partitions[2].bytes = 101 << 20;
    let system = new.system.as_mut().unwrap();
    system.login = vec!["root, on each console".into()];
    system.settings.insert("image.version".into(), "\"2\"".into());
    system.settings.remove("image.epoch");
    new.packages = Some(map(&[("bash", "5.1"), ("zsh", "9")]));
    let change = Change::between(&old, &new);
    let expected = "
Changes since 1
  /usr               101 MiB (+1 MiB)
  image.epoch: 1 -> -
  image.version: \"1\" -> \"2\"
  who can log in: - -> root, on each console
  packages: 1 added, 1 removed, 1 changed
  + zsh 9
  - dash 1
    bash 5 -> 5.1
";
    assert_eq!(text::change(&change), expected);
    let back = text::change(&Change::between(&new, &old));
    assert!(back.starts_with("\nChanges since 1\n  /usr               100 MiB (-1 MiB)\n"), "{back}");
}

#[test]
fn what_can_t_be_compared_is_said() {
    let bare = Facts { file: "old.raw".into(), ..Facts::default() };
    let said = text::change(&Change::between(&bare, &facts()));
    assert!(said.starts_with("\nChanges since old.raw\n  settings and signers: not compared"), "{said}");
    assert!(said.contains("packages: not compared: an image has no manifest beside it"), "{said}");
}

#[test]
fn another_file_is_not_an_image() {
    let place = temporary::folder().unwrap();
    let file = place.path().join("x.raw");
    fs::write(&file, "hello").unwrap();
    let options = Show { image: file.clone(), old: None, json: false, tools: Tools::At("t".into()) };
    let error = read(&options, Screen::new(true)).unwrap_err().to_string();
    let expected = "is not an image: it has no partition table";
    assert_eq!(error, format!("{} {expected}", file.display()));
    // Nobody writes to it: whoever opens it waits for ever.
    let fifo = place.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    for (image, what) in [(fifo, "a FIFO"), ("/dev/zero".into(), "a device")] {
        let error = read(&Show { image: image.clone(), ..options.clone() }, Screen::new(true)).unwrap_err();
        assert_eq!(error.to_string(), format!("{} is {what}, not an image", image.display()));
    }
}
