//! A software TPM, and a folder in place of the volume.

use std::path::PathBuf;

use pattern::token::{Bank, Binding, Pcrs, Tpm2Token};
use pattern::tpm::lockout::State;

use super::*;
use crate::tpm::Tpm;
use crate::tpm::swtpm::Swtpm;
use crate::tpm::{NewPin, Presented};

const SECRET: [u8; 32] = [0xa5; 32];
const PIN: &str = "271828";

const FOREIGN: &str = "the TPM has a lockout password that this volume does not have: somebody set it, \
    or it was in a volume that is gone. Anyone who knows it can try PINs without end. To have one of this volume's: \
    clear the TPM in the firmware's setup, enter the recovery key, and run: pattern rebind";

struct Machine {
    swtpm: Swtpm,
    token: Tpm2Token,
}

impl Machine {
    /// Makes a machine with a PIN, and a TPM in its delivery state.
    fn new(name: &str) -> Self {
        let swtpm = Swtpm::start(name);
        swtpm.extend(7);
        let binding = Binding::new(Bank::Sha256, None, Pcrs::new([7]).ok());
        let pin = NewPin { text: PIN, salt: [3; 32] };
        let token = swtpm.connect().seal(&SECRET, &binding, Some(&pin), 0).unwrap();
        fs::create_dir(swtpm.folder().join("volume")).unwrap();
        Self { swtpm, token }
    }

    fn volume(&self) -> PathBuf {
        self.swtpm.folder().join("volume")
    }

    fn tend(&self, certain: bool) -> Result<()> {
        tend(&self.swtpm.tcti(), &self.volume(), certain)
    }

    fn commands(&self, certain: bool) -> Vec<String> {
        self.swtpm.tcti();
        let (tcti, heard) = self.swtpm.observed();
        tend(&tcti, &self.volume(), certain).unwrap();
        heard.lock().unwrap().names()
    }

    fn state(&self) -> State {
        self.swtpm.connect().lockout().unwrap()
    }

    fn enter(&self, pin: &str) -> tpm::Result<Zeroizing<Vec<u8>>> {
        Tpm::unseal(&self.swtpm.tcti(), &self.token, Presented { signatures: None, pin: Some(pin) })
    }

    fn password(&self) -> Option<Password> {
        read(&self.volume()).unwrap()
    }
}

fn sevens() -> Password {
    let mut password = Zeroizing::new([7; BYTES]);
    make_password(&mut password);
    password
}

fn modes(volume: &Path) -> [u32; 2] {
    [FOLDER, "tpm/lockout-password"]
        .map(|name| volume.join(name).metadata().unwrap().permissions().mode() & 0o7777)
}

#[test]
fn the_tpm_gets_a_password_that_only_root_reads_and_nobody_hears() {
    let machine = Machine::new("lockout-set");
    assert_eq!(machine.state(), State { set: false, wrong: 0 });
    machine.swtpm.tcti();
    let (tcti, heard) = machine.swtpm.observed();
    tend(&tcti, &machine.volume(), false).unwrap();
    assert_eq!(machine.state(), State { set: true, wrong: 0 });
    assert_eq!(modes(&machine.volume()), [0o700, 0o600]);
    let password = machine.password().unwrap();
    let heard = heard.lock().unwrap();
    assert!(!heard.bytes.windows(8).any(|window| password.starts_with(window)), "the password was heard");
    assert_eq!(heard.names().last().unwrap(), "HierarchyChangeAuth");
    assert!(!machine.volume().join("tpm/lockout-password.new").exists());
}

/// The experiment of the audit: an attacker with the machine made the TPM forget wrong PINs every
/// 20 tries, and found the PIN.
#[test]
fn nobody_but_the_volume_has_the_tpm_forget_wrong_pins() {
    let machine = Machine::new("lockout-forget");
    let reset = |options: &str| machine.swtpm.try_tool(&format!("tpm2_dictionarylockout {options}"));
    assert!(reset("-c"), "a TPM without a lockout password forgets for anybody");
    machine.tend(false).unwrap();
    for left in (0..LIMITS.tries).rev() {
        match machine.enter("314159").unwrap_err() {
            TpmError::WrongPin(said) => assert_eq!(said, Some(left)),
            TpmError::Lockout => assert_eq!(left, 0),
            other => panic!("{other}"),
        }
        // An attacker with the machine can neither reset the count nor raise the limits.
        if left % 16 == 0 {
            assert!(!reset("-s -n 1000 -t 1 -l 1"), "the limits were raised");
        }
    }
    assert!(matches!(machine.enter(PIN), Err(TpmError::Lockout)));
    assert!(!reset("-c"), "the count was reset without the password");
    assert!(!reset("-c -p guess"), "the count was reset with another password");
    assert!(matches!(machine.enter(PIN), Err(TpmError::Lockout)));
}

#[test]
fn whoever_opened_the_volume_gets_all_tries_back() {
    let machine = Machine::new("lockout-opened");
    machine.tend(false).unwrap();
    for _ in 0..LIMITS.tries {
        assert!(machine.enter("314159").is_err());
    }
    assert!(matches!(machine.enter(PIN), Err(TpmError::Lockout)));
    assert_eq!(machine.state(), State { set: true, wrong: LIMITS.tries });
    // The owner's recovery key opened the volume.
    let all = ["GetCapability", "StartAuthSession", "DictionaryAttackLockReset"];
    assert_eq!(machine.commands(false), all);
    assert_eq!(*machine.enter(PIN).unwrap(), SECRET);
    assert_eq!(machine.commands(false), all[..1]);
    // tpm2-tools accept the file unchanged.
    assert!(machine.enter("314159").is_err());
    machine.swtpm.tool("tpm2_dictionarylockout -c -p file:volume/tpm/lockout-password");
    assert_eq!(machine.state().wrong, 0);
}

#[test]
fn each_boot_makes_good_what_is_missing() {
    let mut machine = Machine::new("lockout-repair");
    // The power was cut after the file was written and before the TPM was told.
    write(&machine.volume(), &sevens()).unwrap();
    machine.tend(false).unwrap();
    assert_eq!(machine.password(), Some(sevens()));
    assert!(machine.state().set);
    machine.swtpm.restart();
    machine.tend(true).unwrap();
    // The TPM was cleared since. The same file is used again.
    machine.swtpm.tool("tpm2_clear -c p");
    assert!(!machine.state().set);
    machine.tend(false).unwrap();
    assert!(machine.state().set);
    machine.tend(true).unwrap();
    assert_eq!(machine.password(), Some(sevens()));
}

#[test]
fn a_password_of_somebody_else_is_told_and_left_alone() {
    let machine = Machine::new("lockout-foreign");
    machine.swtpm.tool("tpm2_changeauth -c l theirs");
    for certain in [false, true] {
        assert_eq!(machine.tend(certain).unwrap_err().to_string(), FOREIGN);
    }
    assert!(machine.password().is_none());
    // The volume has a password, but the TPM was cleared and has the password of another.
    write(&machine.volume(), &sevens()).unwrap();
    assert_eq!(machine.tend(true).unwrap_err().to_string(), FOREIGN);
    // The TPM then accepts no password for a while, not even the right one.
    let paused = machine.tend(true).unwrap_err().to_string();
    assert!(paused.starts_with("somebody gave the TPM a wrong lockout password"), "{paused}");
}

#[test]
fn a_file_of_another_length_is_not_used() {
    let machine = Machine::new("lockout-short");
    fs::create_dir(machine.volume().join(FOLDER)).unwrap();
    fs::write(machine.volume().join(FOLDER).join(FILE), "short").unwrap();
    let error = machine.tend(false).unwrap_err().to_string();
    assert!(
        error.ends_with("tpm/lockout-password has 5 bytes, not 32: it is not the TPM's lockout password"),
        "{error}"
    );
    assert!(!machine.state().set);
}

/// A factory reset: if this volume's lockout password stayed set, the next volume could not have
/// one.
#[test]
fn a_volume_that_is_to_be_erased_gives_the_password_back() {
    let machine = Machine::new("lockout-release");
    let release = || release(&machine.swtpm.tcti(), &machine.volume());
    release().unwrap();
    machine.tend(false).unwrap();
    release().unwrap();
    assert!(!machine.state().set);
    // The volume is kept after all.
    machine.tend(true).unwrap();
    assert!(machine.state().set);
    release().unwrap();
    fs::remove_dir_all(machine.volume().join(FOLDER)).unwrap();
    machine.tend(true).unwrap();
    // The password of another volume is not given back by this one.
    write(&machine.volume(), &sevens()).unwrap();
    let doing = "taking the lockout password of this volume from the TPM";
    assert_eq!(format!("{:#}", release().unwrap_err()), format!("{doing}: {FOREIGN}"));
    assert!(machine.state().set);
}
