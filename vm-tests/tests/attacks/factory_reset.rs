//! A factory reset by somebody who only starts `factory-reset.target`: with a credential, which no register tells of.

use pattern_vm_tests::Computer;

use crate::tools::attack::{Attack, BY_STEPS, owners_boot};

const ATTACK: Attack = Attack {
    row: 35,
    name: "factory_reset",
    what: "a credential in an SMBIOS string starts `factory-reset.target`; the next boot is an ordinary one",
    who: "can set SMBIOS strings",
    prepare,
    // The volume was made in this boot.
    used: "etc: new",
    ..BY_STEPS
};

#[test]
#[ignore = "long; `make check-all` runs it"]
fn factory_reset() {
    ATTACK.without_effect();
}

#[test]
#[ignore = "of another system; `make attacks` runs it"]
fn factory_reset_stock() {
    ATTACK.stock();
}

fn prepare(computer: &mut Computer) {
    computer.credential("systemd.unit-dropin.sysinit.target", "[Unit]\nWants=factory-reset.target\n");
    owners_boot(computer);
    computer.no_credentials();
}
