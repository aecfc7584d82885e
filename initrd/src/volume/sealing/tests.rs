//! A volume in a plain file, and a software TPM that counts which of its keys is valid. The images
//! are not signed, so the policy has PCR 7, 12 and 15.

mod faults;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use pattern::sealing::revocation::is_cut;
use pattern::volume::recovery::RecoveryKey;
use pattern_machine::random;
use zeroize::Zeroizing;

use super::*;
use crate::tpm::Tpm;
use crate::tpm::swtpm::Swtpm;
use crate::tpm::{Presented, TpmError};
use crate::volume::candidate::Candidate;
use crate::volume::luks::tests::machine;
use crate::volume::luks::{Draft, VolumeKey};
use crate::volume::place::recognised;
use crate::volume::renewal;
use crate::volume::samples::{config, means};

/// Both copies of the header, and the key slots.
const HEADER: usize = 16 << 20;

/// A machine whose volume was just made.
struct Machine {
    swtpm: Swtpm,
    device: PathBuf,
    uuid: String,
    key: VolumeKey,
}

impl Machine {
    fn new(name: &str, counter: bool) -> Self {
        let (swtpm, device) = machine(name);
        let guid = random::uuid().unwrap();
        let (uuid, secret) = (guid.to_string(), [7; 32]);
        let (tcti, config) = (swtpm.tcti(), config(counter));
        let sealer = Sealer { means: means(&config, &tcti), pin: None };
        let token = sealer.seal_first(&secret, &uuid).unwrap();
        let mut draft = Draft::new(&device, 32 << 20, guid).unwrap();
        draft.add_sealed(&token, &secret).unwrap();
        draft.add_recovery(&RecoveryKey::from_bytes(&[7; 32]), None).unwrap();
        draft.write(&device).unwrap();
        let key = Volume::load(&device).unwrap().unlock_sealed(&token, &secret).unwrap();
        Self { swtpm, device, uuid, key }
    }

    fn with<T>(&self, pin: Option<&str>, act: impl FnOnce(&Sealer<'_>, &Candidate<'_>) -> T) -> T {
        let (tcti, config, pin) = (self.swtpm.tcti(), config(true), pin.map(str::to_owned));
        let sealer = Sealer { means: means(&config, &tcti), pin: pin.as_ref() };
        act(&sealer, &Candidate { device: &self.device, uuid: &self.uuid, key: &self.key })
    }

    fn tokens(&self) -> Vec<Tpm2Token> {
        recognised(&self.device).unwrap().1.tokens
    }

    fn unseal(&self, token: &Tpm2Token, pin: Option<&str>) -> Result<Zeroizing<Vec<u8>>, TpmError> {
        Tpm::unseal(&self.swtpm.tcti(), token, Presented { signatures: None, pin })
    }

    /// Opens the volume by any token, as a boot does. Returns the token that opened it.
    fn opened(&self) -> Tpm2Token {
        let found = self.tokens().into_iter().find_map(|token| {
            let secret = self.unseal(&token, None).ok()?;
            let key = Volume::load(&self.device).unwrap().unlock_sealed(&token, &secret).unwrap();
            assert!(key.as_bytes() == self.key.as_bytes());
            Some(token)
        });
        found.expect("the TPM does not open it")
    }

    /// Does what a boot does to the tokens, without the other steps after opening.
    fn boot(&self) {
        let used = self.opened();
        let tokens = self.tokens();
        self.with(None, |sealer, volume| {
            if renewal::is_due(&sealer.means, &tokens, &used) {
                renewal::renew(sealer, volume, (&tokens, &used)).unwrap();
            }
        });
    }

    fn replace(&self) -> Result<(u32, usize)> {
        self.with(None, |sealer, volume| sealer.replace(volume, true, |binding| binding, |_| true))
    }

    fn count(&self) -> u64 {
        self.swtpm.connect().key_count(&Index::revocation(&self.uuid)).unwrap().unwrap()
    }

    fn disk(&self) -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        File::open(&self.device).unwrap().read_exact_at(&mut bytes, 0).unwrap();
        bytes
    }

    fn put(&self, disk: &[u8]) {
        File::options().write(true).open(&self.device).unwrap().write_all_at(disk, 0).unwrap();
    }

    /// Returns why each token is refused.
    fn refusals(&self) -> Vec<String> {
        self.tokens().iter().map(|token| self.unseal(token, None).unwrap_err().to_string()).collect()
    }

    /// Replaces a key up to the point right before the TPM counts.
    fn cut_before_the_count(&self) {
        self.with(None, |sealer, volume| {
            let counter = Index::revocation(volume.uuid);
            let at = Counted { handle: counter.handle, count: sealer.next_count(volume, &counter).unwrap() };
            let token = sealer.seal(&[8; 32], |binding| Binding { counted: Some(at), ..binding }).unwrap();
            let mut header = Volume::load(volume.device).unwrap();
            let cut = || anyhow::bail!("cut");
            let done = header.replace_sealed(volume.key, token, &[8; 32], |_| true, cut);
            assert_eq!(done.unwrap_err().to_string(), "cut");
        });
    }

    /// Goes on from there to the point right before the old key slots are removed.
    fn count_to(&self, count: u64) {
        self.swtpm.connect().count_keys_to(&Index::revocation(&self.uuid), count).unwrap();
    }
}

fn is_replaced(refusals: &[String]) -> bool {
    !refusals.is_empty() && refusals.iter().all(|refusal| refusal.starts_with("this key was replaced: "))
}

/// The promise: after `pattern rebind`, the TPM gives out no key of any earlier header.
#[test]
fn what_is_replaced_is_worth_nothing_whoever_copied_it() {
    let machine = Machine::new("revoked", true);
    let mut copies = Vec::new();
    for _ in 0..3 {
        assert_eq!(machine.tokens().len(), 1);
        machine.boot();
        copies.push(machine.disk());
        let (_, removed) = machine.replace().unwrap();
        assert_eq!(removed, 1);
    }
    let newest = machine.disk();
    for copy in copies {
        machine.put(&copy);
        assert!(is_replaced(&machine.refusals()), "{:?}", machine.refusals());
    }
    machine.put(&newest);
    let before = machine.count();
    machine.boot();
    assert!(machine.disk() == newest && machine.count() == before, "a boot with nothing to do wrote");
}

/// A power cut after each step. The next boot opens the volume without a person and finishes. What
/// was sealed before, or before the cut, is worthless then.
#[test]
fn after_each_cut_the_next_boot_opens_and_goes_on() {
    for counts in [0, 1] {
        let machine = Machine::new("revoked-cut", true);
        let (old, before) = (machine.disk(), machine.count());
        machine.cut_before_the_count();
        machine.count_to(before + counts);
        let cut = machine.disk();
        assert!(is_cut(&machine.tokens(), machine.opened().counted));
        machine.boot();
        assert_eq!((machine.tokens().len(), machine.count()), (1, before + 2), "{counts}");
        let newest = machine.disk();
        for copy in [&old, &cut] {
            machine.put(copy);
            assert!(is_replaced(&machine.refusals()), "{:?}", machine.refusals());
        }
        machine.put(&newest);
        machine.opened();
        machine.boot();
        assert!(machine.disk() == newest);
    }
}

/// Several cuts in a row. At each count there is a key.
#[test]
fn cuts_in_a_row_leave_a_way_in_at_each_count() {
    let machine = Machine::new("revoked-cuts", true);
    let before = machine.count();
    for _ in 0..3 {
        machine.cut_before_the_count();
    }
    for count in before..before + 4 {
        machine.count_to(count);
        assert_eq!(machine.opened().counted.unwrap().count, count);
    }
    machine.boot();
    assert_eq!((machine.tokens().len(), machine.count()), (1, before + 4));
}

#[test]
fn a_volume_that_is_to_be_counted_from_now_on_gets_a_counted_key() {
    let machine = Machine::new("revocable-now", false);
    assert_eq!(machine.opened().counted, None);
    machine.boot();
    let tokens = machine.tokens();
    assert_eq!((tokens.len(), tokens[0].counted.unwrap().count), (1, machine.count()));
    machine.opened();
}

/// After a change that was not announced: the recovery key is entered, and `pattern rebind` is cut.
#[test]
fn a_cut_where_the_tpm_does_not_open_the_volume_costs_no_data() {
    let machine = Machine::new("revoked-asked", true);
    machine.swtpm.extend(7);
    machine.cut_before_the_count();
    assert_eq!(machine.refusals().len(), 2);
    machine.replace().unwrap();
    assert_eq!(machine.tokens().len(), 1);
    machine.opened();
}

#[test]
fn a_removed_counter_asks_for_the_recovery_key_and_brings_no_old_key_back() {
    let machine = Machine::new("revoked-removed", true);
    let copy = machine.disk();
    machine.swtpm.connect().forget(&Index::revocation(&machine.uuid)).unwrap();
    let removed = machine.refusals();
    assert!(removed[0].contains("the counter was removed"), "{removed:?}");
    machine.replace().unwrap();
    machine.opened();
    machine.put(&copy);
    assert!(is_replaced(&machine.refusals()));
}

#[test]
fn a_pin_is_asked_for_by_the_good_key_alone() {
    let machine = Machine::new("revoked-pin", true);
    let pin = "271828";
    let replace = || {
        machine.with(Some(pin), |sealer, volume| {
            sealer.replace(volume, true, |binding| binding, |_| true).unwrap()
        })
    };
    replace();
    let old = machine.tokens().remove(0);
    replace();
    assert!(matches!(machine.unseal(&old, None), Err(TpmError::Revoked(..))));
    let new = machine.tokens().remove(0);
    assert!(matches!(machine.unseal(&new, None), Err(TpmError::NoPin)));
    assert!(machine.unseal(&new, Some(pin)).is_ok());
}

/// Without the option, the binding is that of stock systemd, and keys sealed to a count are
/// worthless.
#[test]
fn an_image_without_the_option_binds_as_systemd_does() {
    let machine = Machine::new("revoked-off", true);
    let copy = machine.disk();
    machine.with(None, |sealer, volume| sealer.replace(volume, false, |binding| binding, |_| true)).unwrap();
    assert_eq!(machine.opened().counted, None);
    assert!(machine.tokens()[0].to_json().contains("\"systemd-tpm2\""));
    machine.put(&copy);
    assert!(machine.refusals()[0].contains("the counter was removed"));
}
