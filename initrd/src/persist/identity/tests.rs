//! A volume in a plain file, and a software TPM that counts its openings.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use pattern::generation::Said;
use pattern::recovery::RecoveryKey;
use pattern::secure_boot::State;
use pattern::token::Bank;
use pattern::volume::Seen;

use super::*;
use crate::luks;
use crate::tpm::swtpm::Swtpm;

const BYTES: u64 = 32 << 20;
/// Both copies of the header.
const HEADER: u64 = 32 << 10;
const BOOT: Boot = Boot { secure_boot: State::On, added: false, degraded: false };

/// An image for use without signatures, so that the policy has PCR 7, 12 and 15.
fn config(counter: bool) -> Config {
    let text = format!(
        "[image]\nid = \"demo\"\nversion = \"1\"\n\
         updates = {{ url = \"https://example.org/\", pubring = \"demo.pgp\" }}\n\
         [partitions]\nsizes = {{ esp = \"200M\", verity = \"200M\", usr = \"2G\" }}\n[volume]\ncounter = {counter}\n"
    );
    pattern::config::parse("pattern.toml", &text).unwrap()
}

/// What the initrd has at hand once the key is there.
struct Machine {
    swtpm: Swtpm,
    device: PathBuf,
    uuid: String,
    key: VolumeKey,
}

impl Machine {
    /// One whose TPM knows its volume, and counts it or not.
    fn new(name: &str, counted: bool) -> Self {
        let machine = Self::unknown(name);
        machine.with(counted, |volume, registry| registry.finish(volume)).unwrap();
        machine
    }

    /// One whose TPM knows nothing.
    fn unknown(name: &str) -> Self {
        let swtpm = Swtpm::start(name);
        swtpm.extend(7);
        let (device, uuid, key) = volume(swtpm.folder().join("partition"));
        Self { swtpm, device, uuid, key }
    }

    fn with<T>(&self, counted: bool, act: impl FnOnce(&Candidate<'_>, &Registry<'_>) -> T) -> T {
        self.with_in(BOOT, counted, act)
    }

    fn with_in<T>(
        &self,
        boot: Boot,
        counted: bool,
        act: impl FnOnce(&Candidate<'_>, &Registry<'_>) -> T,
    ) -> T {
        let (tcti, config) = (self.swtpm.tcti(), config(counted));
        let registry = Registry::open(&config, boot, &tcti, (None, None), None).unwrap();
        act(&Candidate { device: &self.device, uuid: &self.uuid, key: &self.key }, &registry)
    }

    /// Another volume of the same machine.
    fn other(self) -> Self {
        let (device, uuid, key) = volume(self.swtpm.folder().join("other"));
        Self { device, uuid, key, ..self }
    }

    fn restart(&mut self) {
        self.swtpm.restart();
        self.swtpm.extend(7);
    }

    fn known(&self) -> usize {
        self.with(false, |_, registry| registry.known().unwrap())
    }

    fn header(&self) -> Header {
        let Seen::Luks2(header) = luks::look(&self.device).unwrap() else { panic!("no volume") };
        header
    }

    fn prove(&self, wanted: bool) -> Result<Proof> {
        let header = self.header();
        self.with(wanted, |volume, registry| registry.prove(volume, &header))
    }

    fn opens(&self, wanted: bool) {
        assert_eq!(self.prove(wanted).unwrap(), Proof::Given);
    }

    /// Why it does not.
    fn refusal(&self, wanted: bool) -> String {
        let before = (self.disk(), self.count());
        let Proof::Against(reason) = self.prove(wanted).unwrap() else { panic!("it is used") };
        assert!((self.disk(), self.count()) == before, "something was written");
        reason
    }

    fn count(&self) -> Option<u64> {
        self.with(false, |volume, registry| registry.nv.counted(&Index::counter(volume.uuid)).unwrap())
    }

    fn generation(&self) -> Said {
        self.header().generation(self.key.as_bytes(), &self.uuid)
    }

    fn disk(&self) -> Vec<u8> {
        let mut bytes = vec![0; HEADER as usize];
        File::open(&self.device).unwrap().read_exact_at(&mut bytes, 0).unwrap();
        bytes
    }

    fn put(&self, disk: &[u8]) {
        File::options().write(true).open(&self.device).unwrap().write_all_at(disk, 0).unwrap();
    }
}

fn volume(device: PathBuf) -> (PathBuf, String, VolumeKey) {
    File::create(&device).unwrap().set_len(BYTES).unwrap();
    let recovery = RecoveryKey::from_bytes(&[7; 32]);
    let mut volume = Volume::format(&device, BYTES).unwrap();
    let _slot = volume.add_recovery(None, &recovery, None).unwrap();
    let (uuid, key) = (volume.uuid().unwrap(), volume.unlock_entered(recovery.as_str()).unwrap());
    (device, uuid, key)
}

fn old(said: &str, count: u64) -> String {
    format!(
        "this is an old copy of this machine's volume: {said}, and the TPM has counted to {count}; nothing of it was used."
    )
}

#[test]
fn the_newest_copy_opens_and_no_other() {
    let machine = Machine::new("counted", true);
    let first = machine.count().unwrap();
    let mut copies = vec![machine.disk()];
    for boot in 1..4 {
        machine.opens(true);
        assert_eq!(machine.count(), Some(first + boot));
        assert_eq!(machine.generation(), Said::Generation(first + boot));
        copies.push(machine.disk());
    }
    let newest = copies.pop().unwrap();
    for (copy, generation) in copies.iter().zip(first..) {
        machine.put(copy);
        let refusal = machine.refusal(true);
        let expected = old(&format!("its header says generation {generation}"), first + 3);
        assert!(refusal.starts_with(&expected), "{refusal}");
        assert!(refusal.ends_with("enter the volume's recovery key, and run: pattern rebind"), "{refusal}");
    }
    machine.put(&newest);
    machine.opens(true);
}

#[test]
fn without_the_option_nothing_is_counted_or_written() {
    let machine = Machine::new("uncounted", false);
    let before = machine.disk();
    machine.opens(false);
    assert_eq!((machine.count(), machine.generation()), (None, Said::Nothing));
    assert!(machine.disk() == before, "the header was written");
}

#[test]
fn a_machine_that_counts_from_now_on_refuses_copies_from_before() {
    let machine = Machine::new("counts-now", false);
    let before = machine.disk();
    machine.opens(true);
    machine.opens(true);
    let count = machine.count().unwrap();
    machine.put(&before);
    // An image that does not ask for it is no way around either.
    for wanted in [true, false] {
        let refusal = machine.refusal(wanted);
        assert!(refusal.starts_with(&old("its header says nothing of its generation", count)), "{refusal}");
    }
}

#[test]
fn an_image_that_does_not_ask_for_it_counts_on() {
    let machine = Machine::new("counts-on", true);
    let (before, first) = (machine.disk(), machine.count().unwrap());
    machine.opens(false);
    assert_eq!(machine.count(), Some(first + 1));
    machine.put(&before);
    let _old = machine.refusal(false);
}

#[test]
fn with_the_tag_or_the_counter_gone_a_person_is_asked_and_then_earlier_copies_are_old() {
    for (is_counter, reason) in [(false, UNKNOWN), (true, UNCOUNTED)] {
        let machine = Machine::new("gone", true);
        let before = machine.disk();
        machine.opens(true);
        let index = if is_counter { Index::counter(&machine.uuid) } else { Index::identity(&machine.uuid) };
        machine.swtpm.connect().forget(&index).unwrap();
        assert_eq!(machine.prove(true).unwrap(), Proof::Missing(reason));
        machine.with(true, |volume, registry| registry.finish(volume)).unwrap();
        let newest = machine.disk();
        machine.put(&before);
        let _old = machine.refusal(true);
        machine.put(&newest);
        machine.opens(true);
        // So it ends, once an image does not ask for it any more.
        machine.swtpm.connect().forget(&index).unwrap();
        machine.with(false, |volume, registry| registry.finish(volume)).unwrap();
        let before = machine.disk();
        machine.opens(false);
        assert!(machine.disk() == before, "the header was written");
    }
}

#[test]
fn another_volume_is_another_one_whatever_it_says() {
    let (machine, other) = (Machine::new("ours", true), Machine::unknown("theirs"));
    let _ = fs::copy(&other.device, &machine.device).unwrap();
    let theirs = Machine { swtpm: machine.swtpm, device: machine.device, uuid: other.uuid, key: other.key };
    assert_eq!(theirs.refusal(true), ANOTHER);
}

/// The owner's UUID is no secret.
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
    // Opening it has finished it.
    assert_eq!(machine.known(), 1);
    let other = machine.other();
    other.with(false, |volume, registry| registry.begin(volume)).unwrap();
    assert_eq!(other.known(), 1);
    other.with(false, |_, registry| registry.forget_unfinished()).unwrap();
    assert!(!other.with(false, |volume, registry| registry.has(volume.uuid)).unwrap());
    assert_eq!(other.known(), 1);
}

/// Who turns Secure Boot off, or changes its keys, changes PCR 7.
#[test]
fn under_another_secure_boot_state_a_person_is_asked_and_no_record_is_believed() {
    let mut machine = Machine::new("other-state", false);
    machine.restart();
    machine.swtpm.extend(7);
    assert_eq!(machine.prove(false).unwrap(), Proof::Missing(CHANGED));
    // A record that was written under that state is not believed under the owner's.
    machine.with(false, |volume, registry| registry.finish(volume)).unwrap();
    machine.opens(false);
    machine.restart();
    assert_eq!(machine.prove(false).unwrap(), Proof::Missing(CHANGED));
}

/// With PCR 12 extended the TPM lets nobody write, and nothing is tried.
#[test]
fn what_was_added_writes_no_record_and_does_not_count() {
    let machine = Machine::new("added", true);
    machine.swtpm.extend(12);
    let before = (machine.disk(), machine.count());
    let added = Boot { added: true, ..BOOT };
    let header = machine.header();
    let proof = machine.with_in(added, true, |volume, registry| registry.prove(volume, &header)).unwrap();
    assert_eq!(proof, Proof::Given);
    machine.with_in(added, true, |volume, registry| registry.finish(volume)).unwrap();
    assert!((machine.disk(), machine.count()) == before, "something was written");
    let error = machine.with(true, |volume, registry| registry.finish(volume)).unwrap_err().to_string();
    assert!(error.starts_with("counting that the volume is opened: "), "{error}");
    assert!((machine.disk(), machine.count()) == before, "something was written");
}

#[test]
fn without_secure_boot_nothing_is_recorded_where_it_is_required() {
    let machine = Machine::unknown("required");
    let off = Boot { secure_boot: State::Off, ..BOOT };
    machine.with_in(off, false, |volume, registry| registry.finish(volume)).unwrap();
    assert_eq!(machine.known(), 0);
    machine.with(false, |volume, registry| registry.finish(volume)).unwrap();
    assert_eq!(machine.known(), 1);
}

impl Machine {
    /// As a version before 0.2 kept it: the policy has PCR 7 and 15 where the image is not signed.
    fn keep_as_earlier(&self, kept: Kept) {
        let binding = binding::of_an_earlier_record(&config(false), None, Bank::Sha256);
        let tcti = self.swtpm.tcti();
        let nv = Nv::new(&tcti, binding, None, None).unwrap();
        nv.keep(&EARLIER_IDENTITY, &pattern::identity::tag(self.key.as_bytes(), &self.uuid, kept)).unwrap();
    }
}

#[test]
fn a_volume_of_an_earlier_version_is_taken_over_once() {
    let machine = Machine::unknown("earlier");
    machine.keep_as_earlier(Kept::Known);
    assert_eq!(machine.known(), 1);
    // Looking changes nothing, however often a boot is cut.
    for _ in 0..3 {
        assert_eq!(machine.prove(false).unwrap(), Proof::Earlier);
    }
    machine.with(false, |volume, registry| registry.finish(volume)).unwrap();
    machine.opens(false);
    assert_eq!(machine.known(), 1);
    // Somebody removes the new record, and forges one of the earlier version.
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
    let _old = machine.refusal(true);
}

/// The states of the disk while one copy of the header after the other is written: first without checksum, then the
/// metadata, then with checksum, flushed before the other copy (`hdr_write_disk` of libcryptsetup).
fn cuts(before: &[u8], after: &[u8]) -> Vec<Vec<u8>> {
    let mut disk = before.to_vec();
    let mut cuts = vec![disk.clone()];
    for copy in [0, HEADER as usize / 2] {
        let mut unsummed = after[copy..copy + 4096].to_vec();
        unsummed[448..512].fill(0);
        let metadata = &after[copy + 4096..copy + HEADER as usize / 2];
        for (start, bytes) in
            [(copy, &unsummed[..]), (copy + 4096, metadata), (copy, &after[copy..copy + 4096])]
        {
            for (sector, bytes) in bytes.chunks(512).enumerate() {
                disk[start + sector * 512..][..bytes.len()].copy_from_slice(bytes);
                cuts.push(disk.clone());
            }
        }
    }
    assert!(disk == after);
    cuts
}

/// Each is opened, and closes the door behind it.
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

/// With all that a boot does after it, for one of each kind; the first time the option is on too.
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
    for torn in [4096, HEADER as usize / 2 + 4096] {
        let mut disk = machine.disk();
        disk[torn] ^= 1;
        machine.put(&disk);
        machine.restart();
        machine.opens(true);
        assert!(!machine.header().torn());
    }
    machine.put(&before);
    let _old = machine.refusal(true);
}

/// What was recorded before an announced change is carried over, with its count; an old copy stays one.
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
        let before = Registry::before(&config, &tcti, None, None, &seven).unwrap();
        let volume = Candidate { device: &machine.device, uuid: &machine.uuid, key: &machine.key };
        assert_eq!(before.prove(&volume, &header).unwrap(), Proof::Given);
        assert_eq!(before.counts(&machine.uuid).unwrap(), counted);
        // Another value of the register is another policy.
        let other = Registry::before(&config, &tcti, None, None, &[7; 32]).unwrap();
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
