//! This boot: its event log, its registers, and the files that lie there now.

use std::collections::BTreeMap;

use super::explain::{Meaning, loader, meaning};
use super::image::Image;
use super::{Doubt, Extension, File, Later, Origin, Start, Unknown};
use crate::firmware::{Event, Log, LogError, Program, Variable, digest_of, program};
use crate::plain::plain;
use crate::token::Bank;
use crate::tpm::measure::{ENTER_INITRD, LEAVE_INITRD, PHASES};

/// Registers (UAPI.7, "Linux TPM PCR Registry").
pub(super) const PROGRAMS: u8 = 4;
pub(super) const KEYS: u8 = crate::firmware::PCR;
/// What systemd measures of the phases of a boot, in its order.
const LATER: [&str; 4] = [ENTER_INITRD, LEAVE_INITRD, "sysinit", "ready"];

/// This boot.
pub struct Boot<'a> {
    /// Its event log.
    pub log: &'a Log,
    /// The bank that is predicted.
    pub bank: Bank,
    /// What the TPM has in a register.
    pub now: &'a dyn Fn(u8) -> Option<Vec<u8>>,
    /// What was started, with the files as they lie there now.
    pub running: &'a Start,
    /// Paths that were changed since this boot began.
    pub touched: &'a [String],
    /// The boot loader's file as it lies there now, if it is known.
    pub loader: Option<&'a File>,
    /// What the variables of Secure Boot hold now.
    pub variables: &'a BTreeMap<Variable, Vec<u8>>,
    /// What those of the firmware's boot manager hold now, by their names, such as `BootOrder`.
    pub boot_manager: &'a BTreeMap<String, Vec<u8>>,
}

impl<'a> Boot<'a> {
    pub(super) fn value(&self, pcr: u8) -> Result<Vec<u8>, Doubt> {
        (self.now)(pcr).ok_or(Doubt::NoValue(pcr))
    }

    /// The digests that lead to this boot's value of a register, each with its event.
    pub(super) fn measured(&self, pcr: u8) -> Result<Vec<(&Event, Vec<u8>)>, Doubt> {
        let now = self.value(pcr)?;
        let digests = self.log.digests(pcr, self.bank)?;
        let phases = if pcr == PHASES { LATER.len() } else { 0 };
        let explains = |phases: &[&str]| {
            let later = phases.iter().map(|phase| digest_of(self.bank, &[phase.as_bytes()]));
            let all: Vec<_> = digests.iter().cloned().chain(later).collect();
            self.log.replay(pcr, self.bank, all.iter().map(Vec::as_slice)) == now
        };
        if !(0..=phases).any(|count| explains(LATER.get(..count).unwrap_or_default())) {
            return Err(LogError::OtherValue(pcr, self.bank).into());
        }
        Ok(self.log.of(pcr).zip(digests).collect())
    }

    /// Makes sure that the next start is one that the rules are of: by systemd-boot, or by the firmware itself from the file that it
    /// started now. GRUB and shim measure more, and start what their own files say.
    pub(super) fn check_loader(&self, next: &Start) -> Result<(), Doubt> {
        let path = loader(self.log).ok_or(Doubt::Loader(None))?;
        let is_it = |file: &File| path.eq_ignore_ascii_case(&file.path);
        let is_direct = [self.running, next].iter().all(|start| is_it(&start.image));
        let known = self.loader.filter(|file| is_it(file) && Image::new(file, 0).is_systemd_boot());
        if is_direct || known.is_some() { Ok(()) } else { Err(Doubt::Loader(Some(plain(&path)))) }
    }

    /// What is measured before the kernel image: the digest, and whether it will be another one.
    pub(super) fn loader(&self, event: &Event, digest: &[u8]) -> Result<(Vec<u8>, Option<String>), Doubt> {
        let path = match meaning(PROGRAMS, event, self.bank).ok_or(Doubt::Event(PROGRAMS, event.kind))? {
            Meaning::Program(path) => path,
            _ => return Ok((digest.to_owned(), None)),
        };
        let same = |loader: &&File| path.as_ref().is_some_and(|path| path.eq_ignore_ascii_case(&loader.path));
        let loader = self.loader.filter(same).ok_or(Doubt::Event(PROGRAMS, event.kind))?;
        let later = program::digest(&loader.bytes, self.bank);
        let later = later.ok_or_else(|| Unknown::NotAProgram(loader.path.clone()))?;
        let other = (later != digest).then(|| Origin::Program(loader.path.clone()).to_string());
        if other.is_some() && !self.is_touched(&loader.path) {
            return Err(Doubt::NotReproduced(PROGRAMS, plain(&loader.path)));
        }
        Ok((later, other))
    }

    /// What the firmware loads for a start.
    pub(super) fn loaded<'b>(&'b self, start: &'b Start) -> Vec<Program<'b>> {
        self.loader.into_iter().chain(start.loaded()).map(File::program).collect()
    }

    /// What it loaded in this boot, as far as that lies there unchanged, and whether that is all.
    pub(super) fn loaded_now(&self) -> Result<(Vec<Program<'_>>, bool), Doubt> {
        let measured = self.log.digests(PROGRAMS, self.bank)?;
        let is_there = |one: &Program<'_>| {
            let digest = program::digest(one.bytes, self.bank);
            // A signature is not part of the digest.
            let replaced = self.touched.iter().any(|touched| touched == one.path);
            !replaced && digest.is_some_and(|digest| measured.contains(&digest))
        };
        let (there, others): (Vec<_>, Vec<_>) = self.loaded(self.running).into_iter().partition(is_there);
        Ok((there, others.is_empty()))
    }

    pub(super) fn is_origin_touched(&self, origin: &Origin) -> bool {
        match origin {
            Origin::Files(_, paths) | Origin::AddOns(paths) => paths.iter().any(|path| self.is_touched(path)),
            Origin::Program(path)
            | Origin::Kernel(path)
            | Origin::Section(path, _)
            | Origin::Part(path, _) => self.is_touched(path),
            // All of them are made of several files.
            Origin::CommandLine | Origin::Initrd(_) => !self.touched.is_empty(),
            Origin::Options(_) | Origin::Profile(_) | Origin::Words(_) => false,
        }
    }

    /// A file counts as changed with its folder, which says when a name was last added or removed.
    fn is_touched(&self, path: &str) -> bool {
        let folder = path.rsplit_once('/').map(|(folder, _)| folder).unwrap_or_default();
        self.touched.iter().any(|touched| touched == path || touched == folder)
    }

    pub(super) fn compared(
        &self,
        value: Vec<u8>,
        pcr: u8,
        measured: &[(&Event, Vec<u8>)],
        later: &[&Extension],
    ) -> Later {
        let is_new = |one: &&&Extension| !measured.iter().any(|(_, digest)| *digest == one.digest);
        let new: Vec<_> = later.iter().filter(is_new).collect();
        let mut with: Vec<_> = new.iter().map(|one| one.origin.to_string()).collect();
        let is_gone = |digest: &[u8]| !later.iter().any(|one| one.digest == digest);
        let gone = measured.iter().filter(|(_, digest)| is_gone(digest));
        let meanings = gone.filter_map(|(event, _)| meaning(pcr, event, self.bank));
        // What has another content is not gone.
        let replaced = |meaning: &Meaning| new.iter().any(|one| meaning.is_replaced_by(&one.origin));
        let mut without: Vec<_> =
            meanings.filter(|meaning| !replaced(meaning)).map(|meaning| meaning.to_string()).collect();
        with.dedup();
        without.dedup();
        Later { value, with, without }
    }
}
