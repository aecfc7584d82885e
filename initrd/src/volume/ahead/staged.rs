//! Predicts the next boot as far as it is known, and signs the policy that opens the volume in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use pattern::firmware::{Log, Measured, Variable, append, payload};
use pattern::token::ahead::{Ahead, Announced, Approver};
use pattern::token::{Bank, Binding};

use super::policy;
use crate::tpm::Tcti;

type Contents = BTreeMap<Variable, Vec<u8>>;

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

    /// Returns the names of the variables that change.
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
        let signature = tcti.ask(|tpm| tpm.sign_ahead(approver, &policy))?;
        let earlier = self.measured.earlier(&self.contents);
        Ok(Ahead { announced: Some(Announced { policy, literal, signature, earlier }), ..ahead })
    }
}

/// Returns what the variables hold after these files are appended to them.
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
