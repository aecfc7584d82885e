//! A stick with an image of the same signer is started once: by its owner, who tries it, or by anybody. A volume of its own there
//! would be one that this machine made, with a recovery key that was on the console.

use pattern_vm_tests::{Computer, Disk};

use crate::tools::attack::{Attack, BY_STEPS, KEPT};

const NONE_MADE: &str = "this machine's TPM knows a volume that is";
const BEFORE: Attack = Attack {
    row: 24,
    name: "stick",
    what: "an image of the same signer is started once from a stick, and would make a volume of its own there",
    who: "plugs a disk in; or the owner",
    prepare: |computer| drop(start_stick(computer)),
    used: "etc: new",
    ..BY_STEPS
};
const MOVED: Attack = Attack {
    row: 25,
    name: "stick_volume",
    what: "the volume that the stick's system made on this machine is put in the place of the owner's",
    who: "at the console for a while; writes the disk",
    prepare: |computer| {
        let stick = start_stick(computer);
        let volume = computer.folder().join("theirs.volume");
        stick.extract(stick.partition("persist"), &volume);
        let disk = computer.disk();
        disk.insert(disk.partition("persist"), &volume);
    },
    // Its own files have the same words.
    used: KEPT,
    ..BY_STEPS
};

#[test]
#[ignore = "long; `make check-all` runs it"]
fn stick() {
    BEFORE.without_effect();
}

#[test]
#[ignore = "of another system; `make attacks` runs it"]
fn stick_stock() {
    BEFORE.stock();
}

#[test]
#[ignore = "long; `make check-all` runs it"]
fn stick_volume() {
    let mut computer = Computer::production(MOVED.name);
    let stick = start_stick(&mut computer);
    assert!(!stick.labels().contains(&"persist".to_owned()), "the stick has a volume: {:?}", stick.labels());
    MOVED.note("ours", &format!("refused: {NONE_MADE} not on this disk, and makes no other beside"));
}

#[test]
#[ignore = "of another system; `make attacks` runs it"]
fn stick_volume_stock() {
    MOVED.stock();
}

/// The stick is the only disk then; the owner's is put back after it.
fn start_stick(computer: &mut Computer) -> Disk {
    let owners = computer.copy_disk("owners.raw");
    computer.insert(&Disk::open(&computer.kernel_image().with_extension("raw")));
    computer.enlarge("+6G");
    let mut guest = computer.start();
    if guest.expect_any(&[NONE_MADE, "report: end"]).0 == 1 {
        assert!(guest.console().contains("report: etc: new"), "the stick has a volume of its own");
    }
    drop(guest);
    let stick = computer.copy_disk("stick.raw");
    computer.insert(&owners);
    stick
}
