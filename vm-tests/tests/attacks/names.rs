//! Names on the disk that are commands to a terminal: a partition's label, and the volume's own.

use pattern_vm_tests::Computer;

use crate::tools::attack::{Attack, BY_STEPS, NO_EFFECT, on_stock, owners_boot};
use crate::tools::{header, table};

const ATTACK: Attack = Attack {
    row: 39,
    name: "names",
    what: "labels of a partition and of the volume hold commands to the terminal",
    who: "writes the disk",
    ..BY_STEPS
};
/// Red, and a title for the window.
const COMMANDS: &str = "\u{1b}[41mTHEIRS\u{1b}]0;THEIRS\u{7}";
/// The label, as LUKS2 has it (On-Disk Format Specification, 2.1).
const LABEL: std::ops::Range<usize> = 24..72;

#[test]
#[ignore = "long; `make check-all` runs it"]
fn names() {
    let console = boot(Computer::production(ATTACK.name));
    assert!(!obeys(&console), "{console:?}");
    ATTACK.note("ours", NO_EFFECT);
}

#[test]
#[ignore = "of another system; `make attacks` runs it"]
fn names_stock() {
    on_stock(ATTACK.name, |computer| {
        let words = if obeys(&boot(computer)) { "**used**" } else { NO_EFFECT };
        vec![(ATTACK, words.to_owned())]
    });
}

fn boot(mut computer: Computer) -> String {
    let disk = computer.disk();
    header::edit(&disk, disk.partition("persist"), |binary, _| {
        binary[LABEL].fill(0);
        binary[LABEL][..COMMANDS.len()].copy_from_slice(COMMANDS.as_bytes());
    });
    table::set(&computer, "--part-label", "5", COMMANDS);
    owners_boot(&mut computer)
}

fn obeys(console: &str) -> bool {
    console.contains("\u{1b}[41m") || console.contains("\u{1b}]0;THEIRS")
}
