//! A `/usr` of the attacker's, with a good hash tree, and a second `usrhash=` on the kernel command line that names it.

use pattern_vm_tests::Computer;

use crate::attack::{Attack, BY_STEPS};

const ATTACK: Attack = Attack {
    row: 41,
    name: "another_usr",
    what: "a second `usrhash=` on the kernel command line names another `/usr`",
    who: "writes the disk; adds to the kernel command line, by SMBIOS",
    prepare: |computer| {
        computer.words(&format!("usrhash={}", "5a".repeat(32)));
    },
    ..BY_STEPS
};

#[test]
#[ignore = "long; `make check-all` runs it"]
fn another_usr() {
    ATTACK.refused("usrhash= names more than one /usr to boot");
}

/// Nothing there has that hash: what is waited for shows which of the two counts.
#[test]
#[ignore = "of another system; `make attacks` runs it"]
fn another_usr_stock() {
    let mut computer = Computer::stock(&ATTACK.on_stock());
    (ATTACK.prepare)(&mut computer);
    let waits = "5a5a5a5a-5a5a-5a5a-5a5a-5a5a5a5a5a5a";
    let (which, _) = computer.start().expect_any(&[waits, "report: end"]);
    let words = if which == 0 {
        "**used**: the other `/usr`; the volume's key stays with the TPM"
    } else {
        "no effect"
    };
    ATTACK.note("stock", words);
}
