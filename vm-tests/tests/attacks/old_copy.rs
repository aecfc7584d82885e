//! An earlier state of the owner's own volume, written back: all of it, or its header alone.

use pattern_vm_tests::{Computer, Disk, Guest, Heard, Partition};

use crate::tools::attack::{Attack, KEPT, owners_boot};
use crate::tools::header::DATA;

const ATTACK: Attack = Attack {
    row: 7,
    name: "old_copy",
    what: "the volume is replaced by an earlier copy of itself",
    who: "writes the disk; has read it before",
    prepare: |computer| write_back(computer, u64::MAX),
    enters: None,
    used: KEPT,
};
const HEADER: Attack = Attack {
    row: 46,
    name: "old_header",
    what: "the volume's header alone is replaced by an earlier copy; key slots that were removed since are there again",
    who: "writes the disk; has read it before, and has a recovery key that was replaced",
    prepare: |computer| write_back(computer, DATA),
    ..ATTACK
};

/// With `volume.counter`: whatever opens it, it is not used; the newest copy is.
#[test]
#[ignore = "long; `make check-all` runs it"]
fn old_copy() {
    let mut computer = Computer::new(ATTACK.name);
    let all = include_str!("../../../demo/pattern.toml");
    let toml = all.replace("[volume]\n", "[volume]\ncounter = true\n");
    assert_ne!(toml, all);
    computer.configure(&toml);
    let ear = computer.listen_to_tpm();
    boot(&mut computer, "echo old >/sysroot/home/file");
    let old = computer.copy_disk("old.raw");
    drop(ear.take());
    boot(&mut computer, "grep old /sysroot/home/file && echo new >/sysroot/home/file");
    counted(&ear.take());
    let newest = computer.copy_disk("newest.raw");

    computer.insert(&old);
    is_refused(&mut computer.start_initrd());
    let volume = computer.disk().partition("persist");
    let header = |disk: &Disk| disk.read(volume.start, DATA);
    assert!(header(&computer.disk()) == header(&old), "the old copy was written");

    computer.insert(&newest);
    computer.disk().write(volume.start, &header(&old));
    is_refused(&mut computer.start_initrd());

    computer.disk().write(volume.start, &header(&newest));
    boot(&mut computer, "grep new /sysroot/home/file");
    for attack in [ATTACK, HEADER] {
        attack.note("ours", "refused, with `volume.counter`: this is an old copy of this machine's volume");
    }
}

fn is_refused(guest: &mut Guest) {
    let said = guest.expect("; nothing of it was used");
    let generation =
        number(&said, "this is an old copy of this machine's volume: its header says generation ");
    assert_eq!(number(&said, "and the TPM has counted to "), generation + 1);
    let said = guest.expect("emergency mode");
    assert!(!said.contains("Recovery key for"), "{said}");
    guest.greet();
    guest.must_fail("ls /dev/mapper/persist");
}

fn boot(computer: &mut Computer, command: &str) {
    let mut guest = computer.boot_initrd();
    guest.must(command);
    guest.power_off();
}

#[test]
#[ignore = "of another system; `make attacks` runs it"]
fn old_copy_stock() {
    ATTACK.stock();
}

#[test]
#[ignore = "of another system; `make attacks` runs it"]
fn old_header_stock() {
    HEADER.stock();
}

/// Writes the first bytes of the volume back. The boot in between is what they know nothing of.
fn write_back(computer: &mut Computer, length: u64) {
    let copy = computer.folder().join("copy.raw");
    let volume = computer.disk().partition("persist");
    let place = Partition { length: length.min(volume.length), ..volume };
    computer.disk().extract(place, &copy);
    owners_boot(computer);
    computer.disk().insert(place, &copy);
}

/// What the option adds to a boot is between the key and the measurement of the volume.
fn counted(heard: &[Heard]) {
    let names: Vec<String> = heard.iter().map(|heard| heard.name()).collect();
    let secret = names.iter().rposition(|name| name == "Unseal").expect("something is unsealed");
    let after = names.iter().skip(secret + 1).position(|name| name == "PCR_Extend").expect("the latch");
    let between = &heard[secret + 1..secret + 1 + after];
    // The kernel draws random numbers whenever it wants some.
    let ours = |heard: &&Heard| !heard.moves_context() && heard.name() != "GetRandom";
    let own = between.iter().filter(ours).count();
    let names = names[secret + 1..secret + 1 + after].join(" ");
    println!("proving and counting: {own} commands of our own, {} at the chip: {names}", between.len());
    assert!(names.contains("NV_Increment") && own <= 10, "{own}: {names}");
}

fn number(text: &str, before: &str) -> u64 {
    let (_, rest) = text.rsplit_once(before).unwrap_or_else(|| panic!("no {before:?} in\n{text}"));
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
    digits.and_then(|digits| digits.parse().ok()).unwrap_or_else(|| panic!("no number in {rest}"))
}
