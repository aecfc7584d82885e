//! Opening a volume that is there: by the TPM, else by a person. Nothing in it is overwritten.

use std::path::Path;

use anyhow::{Result, bail};
use pattern::config::Config;
use pattern::token::{Signatures, Tpm2Token};
use pattern::volume::{Header, Locks};
use zeroize::Zeroizing;

use super::filesystem::{self, Mounted};
use super::identity::{self, Candidate, Proof};
use super::{DEVICE, NAME, WORK, ask, extra, request};
use crate::luks::{self, Volume, VolumeKey};
use crate::tpm::{self, Presented, Tcti, Tpm, TpmError};
use crate::trial;
use crate::{latch, seed, usr};

/// How often a person may mistype.
const TRIES: u32 = 5;

/// Opens the volume by a vetted header; answers with its key, and how, in words.
///
/// # Errors
/// When neither the TPM nor a person has a key.
pub(super) fn open(
    device: &Path,
    header: &Header,
    locks: &Locks,
    config: &Config,
) -> Result<(VolumeKey, String)> {
    let mut volume = Volume::vetted(device, header)?;
    latch::enter()?;
    let (key, how) = unlock(&mut volume, device, (header, locks), config)?;
    latch::volume(NAME, &volume.uuid()?, key.as_bytes())?;
    volume.activate(NAME, &key)?;
    if header.torn() {
        let repaired = luks::repair(device);
        repaired.unwrap_or_else(|error| log::warn!("{}: {error:#}", device.display()));
    }
    Ok((key, how))
}

/// The volume's key, and whom it came from, in words.
fn unlock(
    volume: &mut Volume,
    device: &Path,
    (header, locks): (&Header, &Locks),
    config: &Config,
) -> Result<(VolumeKey, String)> {
    let uuid = volume.uuid()?;
    let (key, mut reasons) = by_any_token(volume, device, locks, &Tcti::default());
    if let Some(key) = key {
        match identity::prove(config, &Candidate { device, uuid: &uuid, key: &key }, header) {
            Ok(Proof::Given) => return Ok((key, "opened it by the TPM".to_owned())),
            Ok(Proof::Against(reason)) => bail!(reason),
            Ok(Proof::Missing(reason)) => reasons.push(reason.to_owned()),
            Err(error) => reasons.push(format!("{error:#}")),
        }
    }
    let reason = reasons.join("; ");
    if trial::running() {
        bail!(
            "the TPM does not open it: {reason}; this version is on trial, so nobody is asked for the recovery key"
        );
    }
    log::error!("the TPM does not open {}: {reason}; enter the recovery key", device.display());
    let key = by_person(volume, device, &reason)?;
    vouched_for(config, &Candidate { device, uuid: &uuid, key: &key }, header)?;
    if usr::degraded().is_none() {
        log::warn!("to bind the volume to the TPM again, run: pattern rebind");
    }
    Ok((key, format!("opened it by an entered key, as the TPM did not ({reason})")))
}

/// A person knew the key. Where the TPM can't tell whether the volume is the machine's, that has to do.
fn vouched_for(config: &Config, volume: &Candidate<'_>, header: &Header) -> Result<()> {
    let kept = match identity::prove(config, volume, header) {
        Ok(Proof::Given) => Ok(()),
        Ok(Proof::Against(reason)) => bail!(reason),
        Ok(Proof::Missing(_)) => identity::keep(config, volume),
        Err(error) => Err(error),
    };
    kept.unwrap_or_else(|error| log::warn!("{error:#}"));
    Ok(())
}

/// The key by the first token that gives it, and what the others say.
fn by_any_token(
    volume: &mut Volume,
    device: &Path,
    locks: &Locks,
    tcti: &Tcti,
) -> (Option<VolumeKey>, Vec<String>) {
    // Whoever changed /usr chose what is missing from it: that is not the system that the key is for.
    if let Some(damage) = usr::degraded() {
        return (None, vec![damage]);
    }
    let mut reasons: Vec<String> = locks.unusable.clone();
    let signatures = extra::signatures().unwrap_or_else(|error| {
        reasons.push(format!("{error:#}"));
        None
    });
    // Nobody is asked for a PIN where the TPM needs none.
    let (asking, silent): (Vec<_>, Vec<_>) = locks.tokens.iter().partition(|token| token.pin.is_some());
    for token in silent.into_iter().chain(asking) {
        match by_tpm(volume, device, token, signatures.as_ref(), tcti) {
            Ok(key) => return (Some(key), reasons),
            Err(error) => reasons.push(format!("{error:#}")),
        }
    }
    if reasons.is_empty() {
        reasons.push("it has no TPM token".to_owned());
    }
    (None, reasons)
}

fn by_tpm(
    volume: &mut Volume,
    device: &Path,
    token: &Tpm2Token,
    signatures: Option<&Signatures>,
    tcti: &Tcti,
) -> Result<VolumeKey> {
    let unseal = |pin: Option<&str>| Tpm::unseal(tcti, token, Presented { signatures, pin });
    let secret = match unseal(None) {
        Err(TpmError::NoPin) => with_pin(device, ask::secret, |pin| unseal(Some(pin)))?,
        answer => answer?,
    };
    volume.unlock_sealed(token, &secret)
}

/// Asks for the PIN until it is right; an empty one means that the recovery key is at hand instead.
fn with_pin<T>(
    device: &Path,
    ask: impl Fn(&str) -> Result<Zeroizing<String>>,
    try_pin: impl Fn(&str) -> tpm::Result<T>,
) -> Result<T> {
    let device = device.display();
    let mut before = String::new();
    loop {
        let pin = ask(&format!("{before}PIN for {device} (empty for the recovery key):"))?;
        if pin.is_empty() {
            bail!("no PIN was entered");
        }
        match try_pin(&pin) {
            Err(error @ TpmError::WrongPin(_)) => {
                log::error!("{device}: {error}");
                before = format!("{error}. ");
            }
            answer => return Ok(answer?),
        }
    }
}

fn by_person(volume: &mut Volume, device: &Path, reason: &str) -> Result<VolumeKey> {
    let device = device.display();
    for left in (0..TRIES).rev() {
        let question = format!("The TPM does not open {device}: {reason}. Recovery key for {device}:");
        let entered = ask::secret(&question)?;
        match volume.unlock_entered(&entered) {
            Ok(key) => return Ok(key),
            Err(error) => log::error!("{device}: {error:#}; {left} tries left"),
        }
    }
    bail!("no key that opens it in {TRIES} tries; nothing was changed; restart to try again")
}

/// Makes directories that the image asks for only since the volume was made; answers with their names, and with whether
/// the boot before asked for a new recovery key.
///
/// # Errors
/// When the file system can't be mounted, or a directory can't be made.
pub(super) fn directories(config: &Config) -> Result<(Vec<String>, bool)> {
    let asked = &config.partitions.persist;
    let (device, work) = (Path::new(DEVICE), Path::new(WORK));
    let kind = filesystem::of(device)?;
    // Read-only first: nearly every boot finds all of them, and then writes nothing.
    let mounted = Mounted::new(device, work, kind, true)?;
    let missing = seed::missing(mounted.path(), asked)?;
    let new_key = request::is_left(mounted.path());
    mounted.unmount()?;
    if missing.is_empty() {
        return Ok((missing, new_key));
    }
    let mounted = Mounted::new(device, work, kind, false)?;
    let made = seed::ensure(mounted.path(), asked)?;
    mounted.unmount()?;
    Ok((made, new_key))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use pattern::token::{Bank, Binding, Pcrs};

    use super::*;
    use crate::luks::tests::machine;
    use crate::persist::recognised;

    /// What came of it, and the questions, when these are the answers and only `1234` is right.
    fn entered(answers: &[&str]) -> (Result<u32>, Vec<String>) {
        let questions = RefCell::new(Vec::new());
        let ask = |question: &str| {
            questions.borrow_mut().push(question.to_owned());
            Ok(Zeroizing::new(answers[questions.borrow().len() - 1].to_owned()))
        };
        let secret = with_pin(Path::new("/dev/vda3"), ask, |pin| match pin {
            "1234" => Ok(7),
            "locked" => Err(TpmError::Lockout),
            _ => Err(TpmError::WrongPin(Some(3))),
        });
        (secret, questions.into_inner())
    }

    #[test]
    fn a_wrong_pin_is_asked_for_again() {
        let (secret, questions) = entered(&["12", "1234"]);
        assert_eq!(secret.unwrap(), 7);
        assert_eq!(questions[0], "PIN for /dev/vda3 (empty for the recovery key):");
        assert!(questions[1].starts_with("the PIN is wrong; after 3 more wrong ones"), "{questions:?}");
    }

    #[test]
    fn several_tpm_slots_are_tried_in_turn() {
        let (other, _) = machine("open-other");
        let (swtpm, device) = machine("open-in-turn");
        let mut volume = Volume::format(&device, 32 << 20).unwrap();
        let binding = Binding::new(Bank::Sha256, None, Pcrs::new([7]).ok());
        let changed = Binding::new(Bank::Sha256, None, Pcrs::new([8]).ok());
        swtpm.extend(8);
        // Of another TPM; of a register that changes; a good one; and one that is not needed any more.
        for (slot, (swtpm, binding)) in
            [(&other, &binding), (&swtpm, &changed), (&swtpm, &binding), (&swtpm, &binding)]
                .iter()
                .enumerate()
        {
            let (secret, slot) = ([slot as u8; 32], slot as u32);
            let token = swtpm.connect().seal(&secret, binding, None, slot).unwrap();
            volume.add_sealed(&token, &secret).unwrap();
        }
        swtpm.extend(8);
        let (_, mut locks) = recognised(&device).unwrap();
        let (key, reasons) = by_any_token(&mut volume, &device, &locks, &swtpm.tcti());
        let by_slot = volume.unlock_sealed(&locks.tokens[2], &[2; 32]).unwrap();
        assert_eq!(key.unwrap().as_bytes(), by_slot.as_bytes());
        assert_eq!(reasons.len(), 2, "{reasons:?}");
        assert!(reasons[0].starts_with("the TPM was cleared"), "{reasons:?}");
        assert!(reasons[1].starts_with("PCR 8 (sha256) changed"), "{reasons:?}");
        locks.tokens.truncate(2);
        assert!(by_any_token(&mut volume, &device, &locks, &swtpm.tcti()).0.is_none());
    }

    #[test]
    fn without_a_right_pin_the_recovery_key_is_left() {
        assert_eq!(entered(&["12", ""]).0.unwrap_err().to_string(), "no PIN was entered");
        assert!(entered(&["locked"]).0.unwrap_err().to_string().starts_with("the TPM is locked out"));
    }
}
