//! An image with `debug = false` opens its volume by itself and gives nobody a shell. Words that somebody adds to its kernel
//! command line, and credentials, give no shell either, and keep the volume closed. An add-on that is not signed is not used.

use std::fs;

use pattern_vm_tests::{Computer, Guest, recovery_key_in};

/// No way into the initrd, and no other system after it.
const WORDS: &str = "rd.systemd.debug_shell=ttyS0 rd.systemd.wants=debug-shell.service systemd.setenv=SYSTEMD_SULOGIN_FORCE=1 \
    systemd.crash_shell=yes pattern.break=persist pattern.volatile init=/bin/bash root=/dev/vda1 rootfstype=vfat \
    systemd.mount-extra=/dev/vda1:/sysroot/mnt:vfat systemd.verity_usr_options=ignore-corruption";
/// Each makes somebody root, or runs a program that says so on the console.
const PLANTED: [(&str, &str); 5] = [
    ("agetty.autologin", "root"),
    ("login.noauth", "yes"),
    (
        "systemd.extra-unit.planted.service",
        "[Service]\nExecStart=/bin/sh -c 'echo planted was here >/dev/console'\n",
    ),
    ("systemd.unit-dropin.multi-user.target", "[Unit]\nWants=planted.service\n"),
    ("tmpfiles.extra", "f+ /etc/issue.d/60-planted.issue 0644 - - - planted was here\\n\n"),
];
/// Where a boot ends otherwise.
const NO_SHELL: &str = "This image gives nobody a shell here.";
const ADDED: &str = "PCR 12 (sha256) was extended: something was added to the kernel image from outside";
const CREDENTIAL: &str = "tmpfiles.extra.cred";
const ASKED: &str = "Recovery key for /dev/vda6:";

#[test]
#[ignore = "long; `make check-all` runs it"]
fn production() {
    let mut computer = Computer::of_image("production", "production");
    computer.secure_boot_with_keys();
    let mut guest = computer.start();
    guest.expect("made one with xfs");
    starts(&mut guest);
    let key = recovery_key_in(guest.console());
    drop(guest);
    opens_by_itself(&mut computer);

    words_on_the_command_line(&mut computer, &key);
    ends_without_a_shell(
        &mut computer,
        "rd.systemd.unit=emergency.target",
        "or the kernel command line asked for this.",
    );
    skips_the_latch(&mut computer);
    let another = format!("usrhash={}", "5a".repeat(32));
    ends_without_a_shell(&mut computer, &another, "usrhash= names more than one /usr to boot");
    credential_and_add_on(&mut computer);
}

fn opens_by_itself(computer: &mut Computer) {
    let mut guest = computer.start();
    guest.expect("opened it by the TPM");
    starts(&mut guest);
}

/// It comes up, and lets nobody in.
fn starts(guest: &mut Guest) {
    let said = guest.expect("production login:");
    assert!(!said.contains("automatic login"), "{said}");
    no_shell(guest);
}

/// Of the credentials that firmware has none is measured, and none reaches the system but the one that the image lists. What
/// comes of a listed one, `userspace::homed` shows.
#[test]
#[ignore = "long; `make check-all` runs it"]
fn credentials_by_firmware() {
    let mut computer = Computer::of_image("production", "production_credentials");
    computer.secure_boot_with_keys();
    for (name, value) in PLANTED {
        computer.credential(name, value);
    }
    computer.credential("login.issue", "listed\n");
    let mut guest = computer.start();
    let said = guest.expect("production login:");
    assert!(said.contains("gave the system login.issue"), "{said}");
    assert!(said.contains("systemd.import_credentials=no is set"), "{said}");
    for word in ["automatic login", "planted"] {
        assert!(!said.contains(word), "{word:?}: {said}");
    }
    no_shell(&mut guest);
    assert!(!guest.console().contains("planted was here"), "{}", guest.console());
}

/// Not even the owner's key makes them count.
fn words_on_the_command_line(computer: &mut Computer, key: &str) {
    let mut guest = with(computer, WORDS);
    let said = guest.expect(ASKED);
    assert!(said.contains(ADDED), "{said}");
    assert!(said.contains("pattern.break: ignored: this image has debug = false"), "{said}");
    guest.send(key);
    starts(&mut guest);
}

fn ends_without_a_shell(computer: &mut Computer, words: &str, reason: &str) {
    let mut guest = with(computer, words);
    guest.expect(NO_SHELL);
    assert!(guest.console().contains(reason), "{reason:?} was not said");
    assert!(!guest.console().contains("opened it by the TPM"), "the volume was opened");
    no_shell(&mut guest);
}

/// Whatever starts the system, the key is locked first; started this way, nobody looks for disks.
fn skips_the_latch(computer: &mut Computer) {
    let mut guest = with(computer, "rd.systemd.unit=initrd-switch-root.target");
    for text in ["ended the initrd's phase", NO_SHELL] {
        if !guest.console().contains(text) {
            guest.expect(text);
        }
    }
    assert!(!guest.console().contains("opened it by the TPM"), "the volume was opened");
    no_shell(&mut guest);
}

fn with(computer: &mut Computer, words: &str) -> Guest {
    computer.words(words);
    let guest = computer.start();
    computer.no_words();
    guest
}

fn no_shell(guest: &mut Guest) {
    assert!(!guest.has_a_shell(), "a shell answers");
    for prompt in ["sh-5", "bash-5", "root@", "Press Enter for", "Give root password"] {
        assert!(!guest.console().contains(prompt), "{prompt:?} is on the console");
    }
}

/// By files on the EFI system partition, which everyone with the disk can write. A credential keeps the volume closed. An
/// add-on that is not signed is not used at all while Secure Boot is on.
fn credential_and_add_on(computer: &mut Computer) {
    let folder = computer.folder().to_owned();
    fs::write(folder.join(CREDENTIAL), "f /run/planted 0644 - - - planted\n").expect("writing a credential");
    computer.copy_to_esp("::/loader/credentials", CREDENTIAL);
    let mut guest = computer.start();
    let said = guest.expect(ASKED);
    assert!(said.contains(ADDED), "{said}");
    no_shell(&mut guest);
    drop(guest);
    computer.remove_from_esp(&format!("::/loader/credentials/{CREDENTIAL}"));

    computer.make_add_on("word", "rd.systemd.debug_shell=ttyS0");
    computer.copy_to_esp("::/loader/addons", "word.addon.efi");
    let mut guest = computer.start();
    guest.expect("opened it by the TPM");
    assert!(!guest.console().contains("rd.systemd.debug_shell"), "{}", guest.console());
    starts(&mut guest);
}
