//! Power cuts while the volume is being made: until it is whole no copy of the table has it, and the next boot makes it anew,
//! with nobody's help; from then on it opens.

use pattern_vm_tests::{Chip, Computer, Cuts, Each};

const MADE: &str = "made one with xfs";
const OPENED: &str = "opened it by the TPM";

#[test]
fn power_cut() {
    let mut computer = Computer::new("power_cut");
    let writes = computer.record_writes();
    computer.boot_initrd().power_off();
    computer.keep_tpm();

    let mut cuts = writes.cuts(Each::Write);
    let mut listed = Vec::new();
    while cuts.advance().is_some() {
        listed.push(cuts.disk().lists("persist"));
    }
    let entry = |wanted| listed.iter().position(|copies| *copies == wanted).expect("a volume in the table");
    let (second, both) = (entry((false, true)), entry((true, true)));
    assert!(listed[..second].iter().all(|copies| *copies == (false, false)), "{listed:?}");
    assert!(listed[both..].iter().all(|copies| *copies == (true, true)), "{listed:?}");

    let mut cuts = writes.cuts(Each::Write);
    let mut at = 0;
    // Half-made; whole, and in no table; in the second one.
    for (cut, what) in [(second / 2, MADE), (second - 1, MADE), (second, OPENED)] {
        while at <= cut {
            cuts.advance();
            at += 1;
        }
        println!("{}: {what}", cuts.place());
        boots(&mut computer, &cuts, what);
    }
}

fn boots(computer: &mut Computer, cuts: &Cuts, what: &str) {
    computer.insert(cuts.disk());
    computer.rewind_tpm();
    // The TPM of that moment knew of no volume that was finished.
    if what == MADE {
        Chip::of(computer).forget_volumes();
    }
    let mut guest = computer.boot_initrd();
    assert!(guest.console().contains(what), "{}: {what:?} is not on the console", cuts.place());
    assert_eq!(guest.must("findmnt -no SOURCE /sysroot/home"), "/dev/mapper/persist[/root/home]");
    assert_eq!(guest.must("systemctl --failed --no-legend"), "");
    guest.power_off();
}
