//! A second disk with a volume of the same label and UUIDs, which the attacker can open.

use pattern_vm_tests::{Computer, Disk};

use crate::tools::attack::{Attack, PLANTED};
use crate::tools::header::{self, UUID};
use crate::tools::planted::{self, KNOWN, PASSPHRASE};

const ATTACK: Attack = Attack {
    row: 8,
    name: "second_disk",
    what: "a second disk has a volume with the same label and UUIDs",
    who: "plugs a disk in; at the console at the next boot",
    prepare,
    enters: Some(PASSPHRASE),
    used: PLANTED,
};

#[test]
#[ignore = "long; `make check-all` runs it"]
fn second_disk_of_an_attacker() {
    ATTACK.without_effect();
}

#[test]
#[ignore = "of another system; `make attacks` runs it"]
fn second_disk_stock() {
    ATTACK.stock();
}

fn prepare(computer: &mut Computer) {
    let path = planted::disk(computer, &KNOWN);
    let (disk, planted) = (computer.disk(), Disk::open(&path));
    let uuid = disk.partition_uuid("persist");
    planted::run(computer.command("sfdisk").args(["--quiet", "--part-uuid"]).arg(&path).args(["1", &uuid]));
    let (owners, _) = header::read(&disk, disk.partition("persist"));
    header::edit(&planted, planted.partition("persist"), |binary, _| {
        binary[UUID].copy_from_slice(&owners[UUID])
    });
    computer.attach(path);
}
