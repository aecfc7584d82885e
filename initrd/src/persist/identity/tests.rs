//! A volume in a plain file, and a software TPM that counts its openings.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use pattern::generation::Said;
use pattern::recovery::RecoveryKey;
use pattern::token::{Bank, Binding, Pcrs};
use pattern::volume::Seen;

use super::*;
use crate::luks;
use crate::tpm::swtpm::Swtpm;

const BYTES: u64 = 32 << 20;
/// Both copies of the header.
const HEADER: u64 = 32 << 10;

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
        let swtpm = Swtpm::start(name);
        swtpm.extend(7);
        let device = swtpm.folder().join("partition");
        File::create(&device).unwrap().set_len(BYTES).unwrap();
        let recovery = RecoveryKey::from_bytes(&[7; 32]);
        let mut volume = Volume::format(&device, BYTES).unwrap();
        let _slot = volume.add_recovery(None, &recovery, None).unwrap();
        let (uuid, key) = (volume.uuid().unwrap(), volume.unlock_entered(recovery.as_str()).unwrap());
        let machine = Self { swtpm, device, uuid, key };
        machine.with(|volume, nv| volume.keep(nv, counted)).unwrap();
        machine
    }

    fn with<T>(&self, act: impl FnOnce(&Candidate<'_>, &Nv<'_>) -> T) -> T {
        let binding = Binding::new(Bank::Sha256, None, Pcrs::new([7]).ok());
        let binding = Binding { untouched: Pcrs::new([15]).ok(), ..binding };
        let tcti = self.swtpm.tcti();
        let nv = Nv::new(&tcti, binding, None).unwrap();
        act(&Candidate { device: &self.device, uuid: &self.uuid, key: &self.key }, &nv)
    }

    fn header(&self) -> Header {
        let Seen::Luks2(header) = luks::look(&self.device).unwrap() else { panic!("no volume") };
        header
    }

    fn prove(&self, wanted: bool) -> Result<Proof> {
        let header = self.header();
        self.with(|volume, nv| volume.prove(nv, &header, wanted))
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
        self.with(|_, nv| nv.counted().unwrap())
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
    for (index, reason) in [("0x1807074", UNKNOWN), ("0x1807075", UNCOUNTED)] {
        let machine = Machine::new(&format!("gone-{index}"), true);
        let before = machine.disk();
        machine.opens(true);
        machine.swtpm.tool(&format!("tpm2_nvundefine -C o {index}"));
        assert_eq!(machine.prove(true).unwrap(), Proof::Missing(reason));
        machine.with(|volume, nv| volume.keep(nv, true)).unwrap();
        let newest = machine.disk();
        machine.put(&before);
        let _old = machine.refusal(true);
        machine.put(&newest);
        machine.opens(true);
        // So it ends, once an image does not ask for it any more.
        machine.swtpm.tool(&format!("tpm2_nvundefine -C o {index}"));
        machine.with(|volume, nv| volume.keep(nv, false)).unwrap();
        let before = machine.disk();
        machine.opens(false);
        assert!(machine.disk() == before, "the header was written");
    }
}

#[test]
fn another_volume_is_another_one_whatever_it_says() {
    let (machine, other) = (Machine::new("ours", true), Machine::new("theirs", true));
    let _ = fs::copy(&other.device, &machine.device).unwrap();
    let theirs = Machine { swtpm: machine.swtpm, device: machine.device, uuid: other.uuid, key: other.key };
    assert_eq!(theirs.refusal(true), ANOTHER);
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
    machine.swtpm.restart();
    machine.swtpm.extend(7);
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
    let restart = |machine: &mut Machine| {
        machine.swtpm.restart();
        machine.swtpm.extend(7);
    };
    let before = machine.disk();
    machine.with(|_, nv| nv.count().unwrap());
    restart(&mut machine);
    machine.with(|volume, nv| volume.write(nv.counted().unwrap().unwrap()).unwrap());
    restart(&mut machine);
    machine.opens(true);
    for torn in [4096, HEADER as usize / 2 + 4096] {
        let mut disk = machine.disk();
        disk[torn] ^= 1;
        machine.put(&disk);
        restart(&mut machine);
        machine.opens(true);
        assert!(!machine.header().torn());
    }
    machine.put(&before);
    let _old = machine.refusal(true);
}
