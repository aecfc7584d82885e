//! A debug image by the same maker is put into the other slot, its kernel image in place of the owner's: it is signed for
//! Secure Boot with the same key, and logs root in on the console.

use std::path::PathBuf;

use pattern_vm_tests::{Computer, Partition};

use crate::tools::attack::{Attack, BY_STEPS};
use crate::tools::esp::IMAGES;
use crate::tools::table;

const ATTACK: Attack = Attack {
    row: 43,
    name: "debug_image",
    what: "a debug image of the same keyring is put into the other slot, and started",
    who: "has the machine for a while, and any debug image that was ever signed",
    ..BY_STEPS
};
/// Its signatures are by the keyring's other key.
const SAYS: &str = "no signature for PCR 11 (sha256) in this image is by the key that the volume is bound to";
const OUTCOMES: [&str; 3] = ["Recovery key for /dev/", "(automatic login)", "emergency mode"];

#[test]
#[ignore = "long; `make check-all` runs it"]
fn debug_image() {
    let mut computer = Computer::production(ATTACK.name);
    let demo = Computer::new("debug_image-demo");
    install(&computer, &demo);
    let mut guest = computer.start();
    let (which, said) = guest.expect_any(&OUTCOMES);
    assert_eq!(OUTCOMES[which], OUTCOMES[0], "{said}");
    assert!(said.contains(SAYS), "{said}");
    ATTACK.note("ours", &format!("refused: {SAYS}"));
}

/// Writes its `/usr` where the empty slot is, and its kernel image where the owner's was.
fn install(computer: &Computer, demo: &Computer) {
    let (disk, theirs) = (computer.disk(), demo.disk());
    // The second slot: its hash tree, and its data.
    for (number, label) in [("4", "verity-0.0.1"), ("5", "usr-0.0.1")] {
        let from = theirs.partition(label);
        let content = computer.folder().join("theirs.partition");
        theirs.extract(from, &content);
        let place = if number == "4" { "theirs-verity" } else { "theirs-usr" };
        table::set(computer, "--part-label", number, place);
        table::set(computer, "--part-uuid", number, &theirs.partition_uuid(label));
        let place = disk.partition(place);
        disk.insert(Partition { length: from.length.min(place.length), ..place }, &content);
    }
    let owners = computer.kernel_image();
    let owners = owners.file_name().and_then(|name| name.to_str()).expect("a name");
    computer.remove_from_esp(&format!("{IMAGES}/{owners}"));
    let image: PathBuf = demo.kernel_image();
    computer.write_to_esp(IMAGES, "demo_0.0.1.efi", &std::fs::read(image).expect("reading the kernel image"));
}
