//! A volume in a plain file, and a software TPM that counts its openings. The images are not
//! signed, so the policy has PCR 7, 12 and 15.

mod cuts;
mod faults;
mod records;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use pattern::firmware::secure_boot::State;
use pattern::record::generation::Said;
use pattern::token::Bank;
use pattern::volume::Seen;
use pattern::volume::recovery::RecoveryKey;
use pattern_machine::boot::Boot;
use pattern_machine::random;

use super::*;
use crate::tpm::swtpm::Swtpm;
use crate::volume::candidate::Candidate;
use crate::volume::luks::tests::cuts::HEADER;
use crate::volume::luks::{self, Draft, VolumeKey};
use crate::volume::samples::{BOOT, config, means};

const BYTES: u64 = 32 << 20;

/// What the initrd has once the key is known.
struct Machine {
    swtpm: Swtpm,
    device: PathBuf,
    uuid: String,
    key: VolumeKey,
}

impl Machine {
    /// Makes a machine whose TPM knows its volume. `counted`: whether it counts openings.
    fn new(name: &str, counted: bool) -> Self {
        let machine = Self::unknown(name);
        machine.with(counted, |volume, registry| registry.finish(volume)).unwrap();
        machine
    }

    /// Makes a machine whose TPM knows nothing.
    fn unknown(name: &str) -> Self {
        let swtpm = Swtpm::start(name);
        swtpm.extend(7);
        let (device, uuid, key) = volume(swtpm.folder().join("partition"));
        Self { swtpm, device, uuid, key }
    }

    fn with<T>(&self, counted: bool, act: impl FnOnce(&Candidate<'_>, &Registry<'_>) -> T) -> T {
        self.with_in(&BOOT, counted, act)
    }

    fn with_in<T>(
        &self,
        boot: &Boot,
        counted: bool,
        act: impl FnOnce(&Candidate<'_>, &Registry<'_>) -> T,
    ) -> T {
        let (tcti, config) = (self.swtpm.tcti(), config(counted));
        let registry = Registry::open(Means { boot, ..means(&config, &tcti) }, None).unwrap();
        act(&Candidate { device: &self.device, uuid: &self.uuid, key: &self.key }, &registry)
    }

    /// Returns the same machine with another volume.
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

    /// Returns why the volume is refused.
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
        let mut bytes = vec![0; HEADER];
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
    let mut draft = Draft::new(&device, BYTES, random::uuid().unwrap()).unwrap();
    draft.add_recovery(&recovery, None).unwrap();
    draft.write(&device).unwrap();
    let mut volume = Volume::load(&device).unwrap();
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
    // An image without the option is not a way around the counter either.
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
    machine.refusal(false);
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
        machine.refusal(true);
        machine.put(&newest);
        machine.opens(true);
        // So counting ends, once an image no longer asks for it.
        machine.swtpm.connect().forget(&index).unwrap();
        machine.with(false, |volume, registry| registry.finish(volume)).unwrap();
        let before = machine.disk();
        machine.opens(false);
        assert!(machine.disk() == before, "the header was written");
    }
}
