//! `pattern rebind --ahead`: signs what the next boot will find.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use pattern::binding::of_the_key;
use pattern::config::Config;
use pattern::firmware::{Log, Measured, Variable, append, payload};
use pattern::token::ahead::{Ahead, Announced, Approver};
use pattern::token::{Bank, Binding};

use crate::machine::tpm::{Tcti, Tpm};
use crate::machine::{firmware, uki};
use crate::volume::ahead::{key, policy};
use crate::volume::luks::Volume;
use crate::volume::place::{self, recognised, require_open};

type Contents = BTreeMap<Variable, Vec<u8>>;

/// Looks what the firmware's variables hold by now, adds files that will be appended to them, and has the volume open in a boot
/// that measures this. Returns what was done, in words.
///
/// # Errors
/// When the next boot can't be predicted, or has Secure Boot off, the volume has no slot for it, or the TPM fails.
pub(crate) fn announce(config: &Config, device: &Path, files: &[(Variable, PathBuf)]) -> Result<String> {
    let about = || format!("persist volume {}", device.display());
    let (header, _) = recognised(device).with_context(about)?;
    require_open(header.uuid()).with_context(about)?;
    let slots = header.ahead();
    let Some(bank) = slots.first().map(|slot| slot.bank) else {
        bail!(
            "{} has no slot for announced changes; the next boot with Secure Boot on makes one, and the change has to wait for it",
            device.display()
        );
    };
    let image = uki::key()?;
    let (log, value) = (firmware::log()?, firmware::value(bank)?);
    let staged = Staged::new(&log, &value, bank, firmware::contents()?, files)?;
    if staged.next == value {
        return Ok("No change of Secure Boot's keys waits for a restart.".to_owned());
    }
    let binding = of_the_key(config, image.as_ref(), bank);
    let words = staged.words();
    for slot in &slots {
        if staged.is_announced(slot, &binding)? {
            return Ok(format!("The change of {words} was announced before."));
        }
    }
    let approver = key::read(place::mounted()?)?;
    // A cut while the slot was made anew leaves the old one beside it.
    let Some(ahead) = slots.into_iter().find(|slot| slot.key == approver.key.public && slot.bank == bank)
    else {
        bail!(
            "the key in the volume is not the one of the slot for announced changes; to make both anew, run: pattern rebind"
        );
    };
    let ahead = staged.sign(&Tcti::default(), ahead, &binding, &approver)?;
    Volume::load(device)?.announce(&ahead).with_context(about)?;
    Ok(format!("{} will open by itself after the change of {words}, too.", device.display()))
}

/// The next boot, as far as it is known.
pub(crate) struct Staged<'a> {
    measured: Measured<'a>,
    contents: Contents,
    pub(crate) next: Vec<u8>,
}

impl<'a> Staged<'a> {
    pub(crate) fn new(
        log: &'a Log,
        value: &[u8],
        bank: Bank,
        contents: Contents,
        files: &[(Variable, PathBuf)],
    ) -> Result<Self> {
        let measured = log.check(bank, value)?;
        let contents = with_files(contents, files)?;
        let next = measured.after(&contents);
        let next = next.context("predicting PCR 7 of the next boot, which may ask for the recovery key")?;
        Ok(Self { measured, contents, next })
    }

    /// The names of the variables that change.
    pub(crate) fn words(&self) -> String {
        let changed = self.contents.iter().filter(|(variable, content)| {
            self.measured.content(**variable).is_none_or(|measured| measured != *content)
        });
        changed.map(|(variable, _)| variable.name()).collect::<Vec<_>>().join(" and ")
    }

    pub(crate) fn is_announced(&self, ahead: &Ahead, binding: &Binding) -> Result<bool> {
        let policy = policy(binding, &self.next)?;
        Ok(ahead.announced.as_ref().is_some_and(|announced| announced.policy == policy))
    }

    pub(crate) fn sign(
        &self,
        tcti: &Tcti,
        ahead: Ahead,
        binding: &Binding,
        approver: &Approver,
    ) -> Result<Ahead> {
        let policy = policy(binding, &self.next)?;
        let literal = binding.literal().context("this image binds the volume to no register")?;
        let signature = Tpm::connect(tcti)?.sign_ahead(approver, &policy)?;
        let earlier = self.measured.earlier(&self.contents);
        Ok(Ahead { announced: Some(Announced { policy, literal, signature, earlier }), ..ahead })
    }
}

/// What the variables hold once these files were appended to them.
fn with_files(mut contents: Contents, files: &[(Variable, PathBuf)]) -> Result<Contents> {
    for (variable, path) in files {
        let about = || path.display().to_string();
        let file = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        let new = payload(&file).with_context(about)?;
        let content = contents.entry(*variable).or_default();
        *content = append(content, new).with_context(about)?;
    }
    Ok(contents)
}
