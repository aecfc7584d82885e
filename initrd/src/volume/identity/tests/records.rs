//! Which volume the TPM knows, by whose record, and in which state of the machine.

use super::*;
use crate::volume::candidate::Candidate;

#[test]
fn another_volume_is_another_one_whatever_it_says() {
    let (machine, other) = (Machine::new("ours", true), Machine::unknown("theirs"));
    fs::copy(&other.device, &machine.device).unwrap();
    let theirs = Machine { swtpm: machine.swtpm, device: machine.device, uuid: other.uuid, key: other.key };
    assert_eq!(theirs.refusal(true), ANOTHER);
}

/// The owner's UUID is not a secret.
#[test]
fn another_volume_with_the_same_uuid_is_another_one() {
    let (machine, other) = (Machine::new("same-uuid", false), Machine::unknown("same-uuid-theirs"));
    let theirs = Machine { key: other.key, ..machine };
    assert_eq!(theirs.refusal(false), ANOTHER);
}

/// A stick with an image of the same signer makes a volume of its own.
#[test]
fn two_volumes_of_a_machine_do_not_disturb_each_other() {
    let machine = Machine::new("two", false);
    let first = (machine.device.clone(), machine.uuid.clone(), VolumeKey::copy(&machine.key));
    assert_eq!(machine.known(), 1);
    let second = machine.other();
    second.with(false, |volume, registry| registry.finish(volume)).unwrap();
    second.opens(false);
    assert_eq!(second.known(), 2);
    let (device, uuid, key) = first;
    let machine = Machine { device, uuid, key, ..second };
    machine.opens(false);
}

#[test]
fn a_volume_that_was_begun_is_recognised_and_does_not_count() {
    let machine = Machine::unknown("begun");
    machine.with(false, |volume, registry| registry.begin(volume)).unwrap();
    assert_eq!(machine.known(), 0);
    machine.opens(false);
    // Opening the volume finished it.
    assert_eq!(machine.known(), 1);
    let other = machine.other();
    other.with(false, |volume, registry| registry.begin(volume)).unwrap();
    assert_eq!(other.known(), 1);
    other.with(false, |_, registry| registry.forget_unfinished()).unwrap();
    assert!(!other.with(false, |volume, registry| registry.has(volume.uuid)).unwrap());
    assert_eq!(other.known(), 1);
}

/// Turning Secure Boot off, or changing its keys, changes PCR 7.
#[test]
fn under_another_secure_boot_state_a_person_is_asked_and_no_record_is_believed() {
    let mut machine = Machine::new("other-state", false);
    machine.restart();
    machine.swtpm.extend(7);
    assert_eq!(machine.prove(false).unwrap(), Proof::Missing(CHANGED));
    // A record written under that state is not valid under the owner's.
    machine.with(false, |volume, registry| registry.finish(volume)).unwrap();
    machine.opens(false);
    machine.restart();
    assert_eq!(machine.prove(false).unwrap(), Proof::Missing(CHANGED));
}

/// With PCR 12 extended, the TPM lets nobody write, and the program does not try.
#[test]
fn what_was_added_writes_no_record_and_does_not_count() {
    let machine = Machine::new("added", true);
    machine.swtpm.extend(12);
    let before = (machine.disk(), machine.count());
    let added = Boot { added: true, ..BOOT.clone() };
    let header = machine.header();
    let proof = machine.with_in(&added, true, |volume, registry| registry.prove(volume, &header)).unwrap();
    assert_eq!(proof, Proof::Given);
    machine.with_in(&added, true, |volume, registry| registry.finish(volume)).unwrap();
    assert!((machine.disk(), machine.count()) == before, "something was written");
    let error = machine.with(true, |volume, registry| registry.keep(volume, true)).unwrap_err().to_string();
    assert!(error.starts_with("counting that the volume is opened: "), "{error}");
    assert!((machine.disk(), machine.count()) == before, "something was written");
}

#[test]
fn without_secure_boot_nothing_is_recorded_where_it_is_required() {
    let machine = Machine::unknown("required");
    let off = Boot { secure_boot: State::Off, ..BOOT.clone() };
    machine.with_in(&off, false, |volume, registry| registry.finish(volume)).unwrap();
    assert_eq!(machine.known(), 0);
    machine.with(false, |volume, registry| registry.finish(volume)).unwrap();
    assert_eq!(machine.known(), 1);
}

impl Machine {
    /// Keeps a record as a version before 0.2 did: the policy has PCR 7 and 15 if the image is not
    /// signed.
    fn keep_as_earlier(&self, kept: Kept) {
        let binding = binding::of_an_earlier_record(&config(false), None, Bank::Sha256);
        let tcti = self.swtpm.tcti();
        let nv = Nv::new(&tcti, binding, None, None).unwrap();
        nv.keep(&EARLIER_IDENTITY, &pattern::record::identity::tag(self.key.as_bytes(), &self.uuid, kept))
            .unwrap();
    }
}

#[test]
fn a_volume_of_an_earlier_version_is_taken_over_once() {
    let machine = Machine::unknown("earlier");
    machine.keep_as_earlier(Kept::Known);
    assert_eq!(machine.known(), 1);
    // Looking changes nothing, however often the boot is cut.
    for _ in 0..3 {
        assert_eq!(machine.prove(false).unwrap(), Proof::Earlier);
    }
    machine.with(false, |volume, registry| registry.finish(volume)).unwrap();
    machine.opens(false);
    assert_eq!(machine.known(), 1);
    // An attacker removes the new record, and forges one of the earlier version.
    machine.swtpm.connect().forget(&Index::identity(&machine.uuid)).unwrap();
    machine.keep_as_earlier(Kept::Known);
    assert_eq!(machine.prove(false).unwrap(), Proof::Missing(CLOSED));
}

#[test]
fn a_machine_of_this_version_believes_no_record_of_an_earlier_one() {
    let machine = Machine::new("forged", false).other();
    machine.keep_as_earlier(Kept::Known);
    assert_eq!(machine.refusal(false), ANOTHER);
    let (index, all) =
        (Index::identity(&machine.uuid), machine.with(false, |_, registry| registry.nv.records()));
    all.unwrap().iter().for_each(|record| machine.swtpm.connect().forget(record).unwrap());
    assert!(machine.swtpm.connect().forget(&index).is_ok());
    assert_eq!(machine.prove(false).unwrap(), Proof::Missing(CLOSED));
}

#[test]
fn an_earlier_record_of_another_volume_or_one_that_counts_is_not_taken_over() {
    let machine = Machine::unknown("earlier-counted");
    machine.keep_as_earlier(Kept::Counted);
    assert_eq!(machine.prove(false).unwrap(), Proof::Missing(CLOSED));
    let other = machine.other();
    assert_eq!(other.refusal(false), ANOTHER);
}

/// A record from before an announced change is carried over with its count. An old copy is still
/// refused.
#[test]
fn a_record_is_carried_over_an_announced_change() {
    for counted in [false, true] {
        let mut machine = Machine::new(if counted { "carry-counted" } else { "carry" }, counted);
        let old_copy = machine.disk();
        machine.opens(counted);
        let seven = sha2_of(&[0; 32], &[0xab; 32]);
        machine.swtpm.restart();
        machine.swtpm.extend(7);
        machine.swtpm.extend(7);
        assert_eq!(machine.prove(counted).unwrap(), Proof::Missing(CHANGED));
        let (tcti, config, header) = (machine.swtpm.tcti(), config(false), machine.header());
        let before = Registry::before(means(&config, &tcti), None, &seven).unwrap();
        let volume = Candidate { device: &machine.device, uuid: &machine.uuid, key: &machine.key };
        assert_eq!(before.prove(&volume, &header).unwrap(), Proof::Given);
        assert_eq!(before.counts(&machine.uuid).unwrap(), counted);
        // Another value of the register gives another policy.
        let other = Registry::before(means(&config, &tcti), None, &[7; 32]).unwrap();
        assert_eq!(other.prove(&volume, &header).unwrap(), Proof::Missing(CHANGED));
        if counted {
            let now = machine.disk();
            File::options().write(true).open(&machine.device).unwrap().write_all_at(&old_copy, 0).unwrap();
            let Proof::Against(reason) = before.prove(&volume, &machine.header()).unwrap() else { panic!() };
            assert!(reason.starts_with("this is an old copy"), "{reason}");
            File::options().write(true).open(&machine.device).unwrap().write_all_at(&now, 0).unwrap();
        }
        machine.with(false, |volume, registry| registry.carry_over(volume, counted)).unwrap();
        machine.opens(false);
        assert_eq!(machine.count().is_some(), counted);
    }
}

fn sha2_of(value: &[u8], extended: &[u8]) -> Vec<u8> {
    use sha2::{Digest as _, Sha256};
    Sha256::digest([value, extended].concat()).to_vec()
}
