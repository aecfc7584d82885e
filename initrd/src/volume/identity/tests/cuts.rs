//! Power cuts between the header and the TPM's count.

use super::*;
use crate::volume::luks::tests::cuts::cuts;

#[test]
fn after_the_latch_the_tpm_does_not_count_and_the_next_boot_goes_on() {
    let mut machine = Machine::new("counted-latched", true);
    let first = machine.count().unwrap();
    machine.swtpm.extend(15);
    let error = format!("{:#}", machine.prove(true).unwrap_err());
    assert!(error.starts_with("counting that the volume is opened: "), "{error}");
    let ahead = machine.disk();
    assert_eq!(machine.generation(), Said::Generation(first + 1));
    machine.restart();
    machine.opens(true);
    assert_eq!(machine.count(), Some(first + 2));
    machine.put(&ahead);
    machine.refusal(true);
}

/// After a cut at any sector, the header has the old generation or the new one. Both open.
#[test]
fn a_cut_at_any_sector_of_the_header_is_opened_by_the_next_boot() {
    let machine = Machine::new("counted-cut", true);
    let (before, count) = (machine.disk(), machine.count().unwrap());
    machine.swtpm.extend(15);
    assert!(machine.prove(true).is_err());
    let after = machine.disk();
    let (mut even, mut ahead) = (0, 0);
    for cut in cuts(&before, &after) {
        machine.put(&cut);
        match machine.generation() {
            Said::Generation(generation) if generation == count => even += 1,
            Said::Generation(generation) if generation == count + 1 => ahead += 1,
            other => panic!("{other:?}"),
        }
        assert!(steps(machine.generation(), count).is_ok());
    }
    assert!(even > 20 && ahead > 20, "{even} {ahead}");
}

/// With all that a boot does after the cut, once for each kind of cut. Also the first boot with the
/// option.
#[test]
fn a_cut_between_any_two_steps_is_opened_by_the_next_boot() {
    let mut machine = Machine::new("counted-steps", false);
    let before = machine.disk();
    machine.with(true, |volume, registry| registry.nv.count(&Index::counter(volume.uuid)).unwrap());
    machine.restart();
    let count = machine.count().unwrap();
    machine.with(true, |volume, _| volume.write(count).unwrap());
    machine.restart();
    machine.opens(true);
    for torn in [4096, HEADER / 2 + 4096] {
        let mut disk = machine.disk();
        disk[torn] ^= 1;
        machine.put(&disk);
        machine.restart();
        machine.opens(true);
        assert!(!machine.header().torn());
    }
    machine.put(&before);
    machine.refusal(true);
}
