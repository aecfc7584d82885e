//! A program of the attacker's in the owner's own initrd: a file on the EFI system partition, which systemd-stub hands to the
//! initrd as a credential, and words that have it started. systemd-stub takes them from SMBIOS strings, with
//! Secure Boot too.

use std::fs;
use std::process::Command;

use pattern_vm_tests::Computer;

use crate::tools::attack::{Attack, BY_STEPS, on_stock};
use crate::tools::esp::CREDENTIALS;

const CODE: Attack =
    Attack { who: "writes the disk; adds to the kernel command line, by SMBIOS", ..BY_STEPS };
const PRELOADED: Attack = Attack {
    row: 33,
    name: "code_preloaded",
    what: "`LD_PRELOAD=` on the kernel command line names a file on the EFI system partition",
    prepare: |computer| {
        plant(computer, &["-shared", "-fPIC"], LIBRARY);
        computer.words("LD_PRELOAD=/.extra/global_credentials/planted.cred");
    },
    ..CODE
};
const FIRST: Attack = Attack {
    row: 34,
    name: "code_first",
    what: "`rdinit=` has such a file run in the place of systemd",
    prepare: |computer| {
        plant(computer, &[], PROGRAM);
        let loader = "/usr/lib64/ld-linux-x86-64.so.2";
        computer.words(&format!("rdinit={loader} -- /.extra/global_credentials/planted.cred"));
    },
    ..CODE
};
/// Each process that takes it says so, on the console.
const LIBRARY: &str = r#"
#include <fcntl.h>
#include <unistd.h>
__attribute__((constructor)) static void planted(void) {
    int console = open("/dev/console", O_WRONLY | O_NOCTTY);
    if (console >= 0) { write(console, "planted code runs\n", 18); close(console); }
}
"#;
const PROGRAM: &str = r#"
#include <unistd.h>
int main(void) { for (;;) { write(1, "planted code runs\n", 18); sleep(5); } }
"#;
const RUNS: &str = "planted code runs";
/// The program goes on for ever: nothing else is to be waited for.
const OUTCOMES: [&str; 6] = [
    "Recovery key for /dev/",
    "This image gives nobody a shell here.",
    "enter passphrase for disk",
    "emergency",
    RUNS,
    "report: end",
];

#[test]
#[ignore = "long; `make check-all` runs it"]
fn code_preloaded() {
    ours(PRELOADED);
}

#[test]
#[ignore = "of another system; `make attacks` runs it"]
fn code_preloaded_stock() {
    stock(PRELOADED);
}

#[test]
#[ignore = "long; `make check-all` runs it"]
fn code_first() {
    ours(FIRST);
}

#[test]
#[ignore = "of another system; `make attacks` runs it"]
fn code_first_stock() {
    stock(FIRST);
}

/// It may run, and is given nothing: what it could ask of the TPM is tried in `secure_boot_off.rs`.
fn ours(attack: Attack) {
    let words = result(attack, Computer::production(attack.name));
    assert!(!words.contains("**used**"), "{words}");
    attack.note("ours", &words);
}

fn stock(attack: Attack) {
    on_stock(attack.name, |computer| vec![(attack, result(attack, computer))]);
}

fn result(attack: Attack, mut computer: Computer) -> String {
    (attack.prepare)(&mut computer);
    let mut guest = computer.start();
    let (mut which, _) = guest.expect_any(&OUTCOMES);
    // A library is there while the boot goes on.
    while attack.row == PRELOADED.row && OUTCOMES[which] == RUNS {
        (which, _) = guest.expect_any(&OUTCOMES);
    }
    let console = guest.console();
    let opened = console.contains("opened it by the TPM") || console.contains("report: etc: kept");
    let words = match (opened, console.contains(RUNS)) {
        (true, true) => "**used**: it runs while the volume is open",
        (true, false) => "no effect: the system starts with the owner's files",
        (false, true) => "it runs; the volume stays closed",
        (false, false) => "refused: it does not run, and the volume stays closed",
    };
    println!("{}: {words}", attack.name);
    words.to_owned()
}

fn plant(computer: &Computer, options: &[&str], source: &str) {
    let folder = computer.folder();
    fs::write(folder.join("planted.c"), source).expect("writing a program");
    // What links Rust programs compiles it.
    let mut compiler = Command::new("cc");
    compiler.current_dir(folder).args(["-w", "-o", "planted.cred", "planted.c"]).args(options);
    crate::tools::planted::run(&mut compiler);
    computer.copy_to_esp(CREDENTIALS, "planted.cred");
}
