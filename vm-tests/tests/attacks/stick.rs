//! A stick with an image of the same signer is started once: by its owner, who tries it, or by anybody.

use pattern_vm_tests::{Computer, Disk};

use crate::attack::{Attack, BY_STEPS, KEPT};

const ATTACK: Attack = Attack {
    row: 24,
    name: "stick",
    what: "an image of the same signer is started once from a stick; it makes a volume of its own there",
    who: "plugs a disk in; or the owner",
    prepare,
    used: "etc: new",
    ..BY_STEPS
};

#[test]
#[ignore = "long; `make check-all` runs it"]
fn stick() {
    ATTACK.without_effect();
}

#[test]
#[ignore = "of another system; `make attacks` runs it"]
fn stick_stock() {
    ATTACK.stock();
}

/// The owner's disk is put back after it.
fn prepare(computer: &mut Computer) {
    let owners = computer.copy_disk("owners.raw");
    computer.insert(&Disk::open(&computer.kernel_image().with_extension("raw")));
    computer.enlarge("+6G");
    let said = computer.start().expect("report: end");
    assert!(said.contains("report: etc: new") && !said.contains(KEPT), "{said}");
    computer.insert(&owners);
}
