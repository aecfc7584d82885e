//! A `/usr` of the attacker's, with a good hash tree, and a second `usrhash=` on the kernel command line that names it.

use crate::tools::attack::{Attack, BY_STEPS, on_stock};

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
    on_stock(ATTACK.name, |mut computer| {
        (ATTACK.prepare)(&mut computer);
        let waits = "5a5a5a5a-5a5a-5a5a-5a5a-5a5a5a5a5a5a";
        let (which, _) = computer.start().expect_any(&[waits, "report: end"]);
        let used = "**used**: the other `/usr`; the volume's key stays with the TPM";
        vec![(ATTACK, if which == 0 { used } else { "no effect" }.to_owned())]
    });
}
