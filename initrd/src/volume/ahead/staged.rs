//! Predicts the next boot as far as it is known, and signs the policy that opens the volume in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use pattern::firmware::{Log, Measured, PCR, Program, Started, Variable, append, payload};
use pattern::start::Later;
use pattern::token::ahead::{Ahead, Announced, Approver};
use pattern::token::{ADDED, Bank, Binding};

use pattern_machine::registers;

use super::policy;
use crate::tpm::Tcti;

/// The register of programs that the firmware starts.
const PROGRAMS: u8 = 4;

type Contents = BTreeMap<Variable, Vec<u8>>;

/// The next boot, as far as it is known.
pub(crate) struct Staged<'a> {
    measured: Measured<'a>,
    contents: Contents,
    /// Whether other programs are started.
    programs: bool,
    /// The registers as they will be.
    pub(crate) next: BTreeMap<u8, Vec<u8>>,
    /// Registers that will be otherwise, but for PCR 7.
    changed: Vec<u8>,
    words: Vec<String>,
}

impl<'a> Staged<'a> {
    /// Predicts PCR 7. `programs` are those that this boot started, and those of the next one.
    ///
    /// # Errors
    /// When the log is not of this boot, or the next boot is not known.
    pub(crate) fn new(
        (log, bank, value): (&'a Log, Bank, &[u8]),
        contents: Contents,
        (before, after): (Started<'_>, &[Program<'_>]),
    ) -> Result<Self> {
        let measured = log.check(bank, value)?;
        let predicting = "predicting PCR 7 of the next boot, which may ask for the recovery key";
        let next = measured.after_start(&contents, before, after).context(predicting)?;
        let programs = next != measured.after(&contents).context(predicting)?;
        let mut words: Vec<_> =
            changed(&measured, &contents).map(|variable| variable.name().to_owned()).collect();
        if programs {
            words.push("the certificate that accepts what is started".to_owned());
        }
        let next = BTreeMap::from([(PCR, next)]);
        Ok(Self { measured, contents, programs, next, changed: Vec::new(), words })
    }

    /// Adds another register as it will be.
    pub(crate) fn and(&mut self, pcr: u8, later: Later, now: &[u8]) {
        if later.value != now {
            self.changed.push(pcr);
            self.words.push(format!("what PCR {pcr} is made of"));
        }
        self.next.insert(pcr, later.value);
    }

    /// Returns the names of what changes.
    pub(crate) fn words(&self) -> String {
        self.words.join(" and ")
    }

    /// Returns whether the firmware starts programs that another key signed, or others than in this boot, where that is known.
    pub(crate) fn starts_others(&self) -> bool {
        self.programs || self.changed.contains(&PROGRAMS)
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
        let signature = tcti.ask(|tpm| tpm.sign_ahead(approver, &policy))?;
        let kept = ahead.announcements().find(|one| {
            one.is_of(binding.signed.as_ref().map(|signed| &signed.key), ahead.bank, |pcr| {
                registers::value(ahead.bank, pcr)
            })
        });
        let mut earlier = self.measured.earlier(&self.contents);
        earlier.accepted = self.programs.then(|| self.measured.accepted());
        // A boot that settled the volume has no announcement any more.
        let earlier = kept.map_or(earlier.clone(), |kept| earlier.since(&kept.earlier));
        let image = binding.signed.as_ref().map(|signed| signed.key.clone());
        let additions = self.next.get(&ADDED).is_some_and(|value| value.iter().any(|byte| *byte != 0));
        let announced = Announced { policy, image, additions, literal, signature, earlier };
        Ok(Ahead { announced: Some(announced), kept: kept.cloned(), ..ahead })
    }
}

fn changed(measured: &Measured<'_>, contents: &Contents) -> impl Iterator<Item = Variable> {
    let differs = |(variable, content): &(&Variable, &Vec<u8>)| {
        measured.content(**variable).is_none_or(|measured| measured != *content)
    };
    contents.iter().filter(differs).map(|(variable, _)| *variable)
}

/// Returns what the variables hold after these files are appended to them.
///
/// # Errors
/// When a file can't be read, or is not a change of such a variable.
pub(crate) fn with_files(mut contents: Contents, files: &[(Variable, PathBuf)]) -> Result<Contents> {
    for (variable, path) in files {
        let about = || path.display().to_string();
        let file = fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        let new = payload(&file).with_context(about)?;
        let content = contents.entry(*variable).or_default();
        *content = append(content, new).with_context(about)?;
    }
    Ok(contents)
}
