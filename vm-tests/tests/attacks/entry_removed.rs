//! The volume's entry is taken out of the partition table: by somebody who wants a fresh system whose key is shown on the
//! console, or by an accident.

use pattern_vm_tests::{Computer, Partition};

use crate::tools::attack::{Attack, BY_STEPS, KEPT, on_stock};
use crate::tools::header::DATA;
use crate::tools::table;

const ATTACK: Attack = Attack {
    row: 23,
    name: "entry_removed",
    what: "the volume's entry is removed from the partition table",
    who: "writes the disk; or an accident",
    // A volume that was made in this boot, over the owner's.
    used: "etc: new",
    ..BY_STEPS
};
/// Nothing is lost by it.
const SAYS: &str = "listed it again";

#[test]
#[ignore = "long; `make check-all` runs it"]
fn entry_removed() {
    let (outcome, kept) = after(Computer::production(ATTACK.name));
    assert!(!outcome.used, "{}", outcome.words);
    assert!(kept, "the owner's header was overwritten");
    assert!(outcome.console.contains(SAYS), "{SAYS:?} was not said: {}", outcome.console);
    assert!(outcome.console.contains(&format!("report: {KEPT}")), "{}", outcome.console);
    ATTACK.note("ours", "no effect: the owner's volume is opened, and listed again");
}

#[test]
#[ignore = "of another system; `make attacks` runs it"]
fn entry_removed_stock() {
    on_stock(ATTACK.name, |computer| {
        let (outcome, _) = after(computer);
        let used = "**used**: a new volume, over the owner's; nobody is asked";
        vec![(ATTACK, if outcome.used { used.to_owned() } else { outcome.words })]
    });
}

/// What a boot comes to, and whether the owner's header is there as it was.
fn after(mut computer: Computer) -> (crate::tools::attack::Outcome, bool) {
    let volume = Partition { length: DATA, ..computer.disk().partition("persist") };
    let header = computer.disk().read(volume.start, volume.length);
    table::delete(&computer, "6");
    let outcome = ATTACK.judge(&mut computer.start());
    let kept = computer.disk().read(volume.start, volume.length) == header;
    (outcome, kept)
}
