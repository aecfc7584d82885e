//! A volume of one epoch on a machine that moves on to the next.

use std::path::{Path, PathBuf};

use pattern::config::Config;
use pattern::token::Signatures;
use pattern::volume::Seen;
use pattern::volume::admission::Proof;
use pattern::volume::recovery::RecoveryKey;
use pattern_machine::random;

use super::*;
use crate::tpm::Tpm;
use crate::tpm::swtpm::Swtpm;
use crate::tpm::tests::signed::{KERNEL, PHASE, image_digests, make_key, sign};
use crate::tpm::{Presented, Tcti};
use crate::volume::candidate::Candidate;
use crate::volume::identity::Registry;
use crate::volume::luks::tests::machine;
use crate::volume::luks::{self, Draft, VolumeKey};
use crate::volume::place::recognised;
use crate::volume::renewal;
use crate::volume::samples::{BOOT, config};

/// What an image brings: the key of its epoch, and its signatures.
struct Image {
    key: PublicKey,
    signatures: Signatures,
}

struct Machine {
    swtpm: Swtpm,
    device: PathBuf,
    uuid: String,
    key: VolumeKey,
    config: Config,
    /// The images of epochs 1 and 2. The second one is also signed with the key of the first.
    images: [Image; 2],
}

impl Machine {
    /// Makes a machine whose volume was made by the image of the first epoch.
    fn new(name: &str, counter: bool) -> Self {
        let (swtpm, device) = machine(name);
        let keys = ["one", "two"].map(|name| make_key(&swtpm, name));
        let [one, two] = ["one", "two"].map(|name| sign(&swtpm, name, &[PHASE]));
        let both = format!(
            "{}, {}",
            one.trim_end().trim_end_matches("]}"),
            two.trim().trim_start_matches("{\"sha256\":[")
        );
        let [first, second] = keys;
        let images = [
            Image { key: first, signatures: Signatures::parse(&one).unwrap() },
            Image { key: second, signatures: Signatures::parse(&both).unwrap() },
        ];
        for digest in image_digests(KERNEL) {
            swtpm.tool(&format!("tpm2_pcrextend 11:sha256={digest}"));
        }
        let mut draft = Draft::new(&device, 32 << 20, random::uuid().unwrap()).unwrap();
        let recovery = RecoveryKey::from_bytes(&[7; 32]);
        draft.add_recovery(&recovery, None).unwrap();
        draft.write(&device).unwrap();
        let mut volume = Volume::load(&device).unwrap();
        let (uuid, key) = (volume.uuid().unwrap(), volume.unlock_entered(recovery.as_str()).unwrap());
        let made = Self { swtpm, device, uuid, key, config: config(counter), images };
        let _done =
            made.sealer(0, |sealer| sealer.replace(&made.candidate(), counter, |one| one, |_| true)).unwrap();
        made.registry(0, 0, |registry| registry.finish(&made.candidate())).unwrap();
        made
    }

    fn candidate(&self) -> Candidate<'_> {
        Candidate { device: &self.device, uuid: &self.uuid, key: &self.key }
    }

    /// Returns the means of a boot of this image, with a key that signed it.
    fn means<'a>(&'a self, image: usize, key: usize, tcti: &'a Tcti) -> Means<'a> {
        let (key, signatures) = (&self.images[key].key, &self.images[image].signatures);
        Means { config: &self.config, boot: &BOOT, tcti, image: Some(key), signatures: Some(signatures) }
    }

    fn sealer<T>(&self, image: usize, act: impl FnOnce(&Sealer<'_>) -> T) -> T {
        let tcti = self.swtpm.tcti();
        act(&Sealer { means: self.means(image, image, &tcti), pin: None })
    }

    /// Opens the records as this image meets their policy with a key.
    fn registry<T>(&self, image: usize, key: usize, act: impl FnOnce(&Registry<'_>) -> T) -> T {
        let tcti = self.swtpm.tcti();
        act(&Registry::open(self.means(image, key, &tcti), None).unwrap())
    }

    fn prove(&self, image: usize, key: usize) -> Proof {
        let Seen::Luks2(header) = luks::look(&self.device).unwrap() else { panic!("no volume") };
        self.registry(image, key, |registry| registry.prove(&self.candidate(), &header).unwrap())
    }

    fn tokens(&self) -> Vec<Tpm2Token> {
        recognised(&self.device).unwrap().1.tokens
    }

    /// Returns the token by which an image opens the volume, or why none opens it.
    fn opened(&self, image: usize) -> Result<Tpm2Token, String> {
        let presented = Presented { signatures: Some(&self.images[image].signatures), pin: None };
        let mut reasons = String::new();
        for token in self.tokens() {
            match Tpm::unseal(&self.swtpm.tcti(), &token, presented) {
                Ok(_) => return Ok(token),
                Err(error) => reasons = error.to_string(),
            }
        }
        Err(reasons)
    }

    fn key_before(&self, image: usize, token: &Tpm2Token) -> Option<PublicKey> {
        let tcti = self.swtpm.tcti();
        key_before(token, &self.means(image, image, &tcti)).cloned()
    }

    /// Writes the record, as a boot of the second image after its trial does.
    fn roll_the_record(&self) {
        assert!(matches!(self.prove(1, 1), Proof::Missing(_)));
        assert_eq!(self.prove(1, 0), Proof::Given);
        let counted = self.registry(1, 0, |registry| registry.counts(&self.uuid).unwrap());
        assert_eq!(counted, self.config.volume.counter);
        self.registry(1, 1, |registry| registry.carry_over(&self.candidate(), counted)).unwrap();
    }

    /// Replaces the slot after the record.
    fn roll_the_slot(&self) {
        let (used, tokens) = (self.opened(1).unwrap(), self.tokens());
        self.sealer(1, |sealer| {
            assert!(renewal::is_due(&sealer.means, &tokens, &used));
            renewal::renew(sealer, &self.candidate(), (&tokens, &used)).unwrap();
        });
    }
}

fn copy(device: &Path) -> Vec<u8> {
    std::fs::read(device).unwrap()
}

/// The promise: once the version of the second epoch has bound the volume, the TPM refuses the key
/// to the image of the first.
#[test]
fn after_the_roll_an_image_of_the_epoch_before_is_refused() {
    for counter in [false, true] {
        let machine = Machine::new("epoch", counter);
        let before = copy(&machine.device);
        // Nothing is written during the trial, and both versions open the volume.
        let used = machine.opened(1).unwrap();
        assert_eq!(machine.key_before(1, &used), Some(machine.images[0].key.clone()));
        assert_eq!((machine.prove(1, 0), machine.prove(0, 0)), (Proof::Given, Proof::Given));
        assert!(machine.opened(0).is_ok());

        machine.roll_the_record();
        machine.roll_the_slot();
        let used = machine.opened(1).unwrap();
        assert_eq!((machine.tokens().len(), machine.key_before(1, &used)), (1, None));
        assert_eq!(machine.prove(1, 1), Proof::Given);
        let refused = machine.opened(0).unwrap_err();
        assert!(
            refused
                .starts_with("no signature for PCR 11 (sha256) in this image is by the key that the volume"),
            "{refused}"
        );
        assert!(matches!(machine.prove(0, 0), Proof::Missing(_)));
        assert_eq!(machine.key_before(0, &used), None);

        // With a copy of the header from before.
        std::fs::write(&machine.device, before).unwrap();
        match counter {
            true => assert!(machine.opened(0).unwrap_err().starts_with("this key was replaced: ")),
            false => assert!(machine.opened(0).is_ok(), "only the TPM's count ends it"),
        }
    }
}

/// A cut between the record and the slot. The next boot opens by the old slot, finds the new
/// record, and goes on.
#[test]
fn a_cut_between_record_and_slot_is_made_good() {
    let machine = Machine::new("epoch-cut", true);
    machine.roll_the_record();
    let used = machine.opened(1).unwrap();
    assert!(machine.key_before(1, &used).is_some());
    assert_eq!(machine.prove(1, 1), Proof::Given);
    machine.roll_the_slot();
    assert_eq!(machine.key_before(1, &machine.opened(1).unwrap()), None);
    assert_eq!(machine.prove(1, 1), Proof::Given);
}

/// The image of the epoch before writes a record after the roll. The new image does not accept it
/// for this volume's slot.
#[test]
fn a_record_that_an_image_of_the_epoch_before_writes_after_the_roll_is_not_believed() {
    let machine = Machine::new("epoch-forged", false);
    machine.roll_the_record();
    machine.roll_the_slot();
    machine.registry(0, 0, |registry| registry.finish(&machine.candidate())).unwrap();
    let used = machine.opened(1).unwrap();
    assert!(matches!(machine.prove(1, 1), Proof::Missing(_)));
    assert_eq!(machine.key_before(1, &used), None, "a person is asked");
}

/// A fallback to the epoch before needs the recovery key and `pattern rebind` there. Then the way
/// forward is open again.
#[test]
fn a_way_back_and_forth_costs_no_data() {
    let machine = Machine::new("epoch-back", true);
    machine.roll_the_record();
    machine.roll_the_slot();
    let _done =
        machine.sealer(0, |sealer| sealer.replace(&machine.candidate(), true, |one| one, |_| true)).unwrap();
    machine.registry(0, 0, |registry| registry.finish(&machine.candidate())).unwrap();
    assert!(machine.opened(0).is_ok());
    assert_eq!(machine.prove(0, 0), Proof::Given);
    machine.roll_the_record();
    machine.roll_the_slot();
    assert!(machine.opened(0).is_err() && machine.opened(1).is_ok());
}
