//! Predicts the registers of a later start.

use super::boot::{Boot, KEYS, PROGRAMS};
use super::explain::meaning;
use super::{Doubt, Extension, Later, Start, Unknown};
use crate::firmware::{Event, Measured, Program, Started, Unpredictable, digest_of, of_boot_manager, replay};
use crate::plain::plain;
use crate::tpm::measure::{ENTER_INITRD, IDENTITY, PHASES};

/// Not predicted: the partition table and the boot loader's settings; IMA.
const NOT_PREDICTED: [u8; 2] = [5, 10];

/// The kernel's own view of its command line and its initrd.
const KERNEL: u8 = 9;
/// What a boot loader measures into, or what it starts.
const OF_LOADERS: [u8; 8] = [PROGRAMS, KEYS, COMMANDS, KERNEL, 11, 12, 13, SHIM];
/// GRUB measures its commands here (its manual, "Measured Boot"), and shim its own keys (its `README.tpm`). Nothing else does.
const COMMANDS: u8 = 8;
const SHIM: u8 = 14;
/// Settings of the firmware.
const SETTINGS: u8 = 1;
/// `EV_EFI_VARIABLE_BOOT` and `EV_EFI_VARIABLE_BOOT2` (TCG PC Client Platform Firmware Profile, "Event Types").
const BOOT_MANAGER: [u32; 2] = [0x8000_0002, 0x8000_000c];

/// A later start, beside this boot.
pub struct Prediction<'a> {
    boot: Boot<'a>,
    next: &'a Start,
    /// What this boot would have measured of what lies there now.
    again: Result<Vec<Extension>, Unknown>,
    later: Result<Vec<Extension>, Unknown>,
}

impl<'a> Boot<'a> {
    /// Prepares the prediction of a start of `next`.
    #[must_use]
    pub fn before(self, next: &'a Start) -> Prediction<'a> {
        let (again, later) = (self.running.extensions(self.bank), next.extensions(self.bank));
        Prediction { boot: self, next, again, later }
    }
}

impl Prediction<'_> {
    /// Predicts one register, as it will be when the initrd asks the TPM.
    ///
    /// # Errors
    /// When this boot's value of it is not explained, or the next one is not known.
    pub fn register(&self, pcr: u8) -> Result<Later, Doubt> {
        if OF_LOADERS.contains(&pcr) {
            self.boot.check_loader(self.next)?;
        }
        match pcr {
            IDENTITY => Ok(Later::same(self.boot.bank.zeros())),
            PROGRAMS => self.programs(),
            KEYS => self.keys(),
            SETTINGS => self.settings(),
            COMMANDS | SHIM => self.nothing(pcr),
            KERNEL if self.is_unknown(KERNEL) => Err(Doubt::NotPredicted(KERNEL)),
            KERNEL | 11..=13 => self.parameters(pcr),
            pcr if NOT_PREDICTED.contains(&pcr) => Err(Doubt::NotPredicted(pcr)),
            pcr => self.unchanged(pcr),
        }
    }

    /// Returns the programs that the firmware loaded in this boot, as far as they lie there unchanged, whether these are all, and
    /// those that it will load.
    ///
    /// # Errors
    /// When the log has no digests in this bank.
    pub fn loaded(&self) -> Result<(Vec<Program<'_>>, bool, Vec<Program<'_>>), Doubt> {
        let (before, complete) = self.boot.loaded_now()?;
        Ok((before, complete, self.boot.loaded(self.next)))
    }

    /// A register that no file decides.
    fn unchanged(&self, pcr: u8) -> Result<Later, Doubt> {
        self.boot.measured(pcr)?;
        Ok(Later::same(self.boot.value(pcr)?))
    }

    /// A register that systemd's boot loader and stub do not extend.
    fn nothing(&self, pcr: u8) -> Result<Later, Doubt> {
        match self.boot.measured(pcr)?.first() {
            Some((event, _)) => Err(Doubt::Event(pcr, event.kind)),
            None => Ok(Later::same(self.boot.value(pcr)?)),
        }
    }

    /// PCR 1: settings of the firmware, of which those of its boot manager can be changed from here.
    fn settings(&self) -> Result<Later, Doubt> {
        let later = self.unchanged(SETTINGS)?;
        let events = self.boot.log.of(SETTINGS).filter(|event| BOOT_MANAGER.contains(&event.kind));
        for (name, content) in events.filter_map(|event| of_boot_manager(&event.data)) {
            let now = self.boot.boot_manager.get(&name).map(Vec::as_slice).unwrap_or_default();
            if now != content {
                return Err(Doubt::BootManager(plain(&name)));
            }
        }
        Ok(later)
    }

    /// Whether a start measures something into this register, and it is not known what.
    fn is_unknown(&self, pcr: u8) -> bool {
        [&self.again, &self.later].iter().any(|all| of(all, pcr).is_ok_and(|of| of.is_empty()))
    }

    /// A register that systemd-stub alone measures into, or Linux alone.
    fn parameters(&self, pcr: u8) -> Result<Later, Doubt> {
        let measured = self.boot.measured(pcr)?;
        self.prove(pcr, &measured)?;
        let later = of(&self.later, pcr)?;
        let phase = (pcr == PHASES).then(|| digest_of(self.boot.bank, &[ENTER_INITRD.as_bytes()]));
        let digests = later.iter().map(|one| &one.digest).chain(&phase);
        let value = replay(self.boot.bank, digests.map(Vec::as_slice));
        Ok(self.boot.compared(value, pcr, &measured, &later))
    }

    /// Programs, from the boot loader on.
    fn programs(&self) -> Result<Later, Doubt> {
        let measured = self.boot.measured(PROGRAMS)?;
        let running = of(&self.again, PROGRAMS)?;
        let image = running.first().map(|one| one.digest.clone()).unwrap_or_default();
        let at = measured.iter().position(|(_, digest)| *digest == image);
        let not_reproduced = || Doubt::NotReproduced(PROGRAMS, plain(&self.boot.running.image.path));
        let (before, after) = measured.split_at_checked(at.ok_or_else(not_reproduced)?).unwrap_or_default();
        self.prove(PROGRAMS, after)?;
        let (mut digests, mut others) = (Vec::new(), Vec::new());
        for (event, digest) in before {
            let (digest, other) = self.boot.loader(event, digest)?;
            digests.push(digest);
            others.extend(other);
        }
        let later = of(&self.later, PROGRAMS)?;
        let all = digests.iter().chain(later.iter().map(|one| &one.digest));
        let value = replay(self.boot.bank, all.map(Vec::as_slice));
        let mut compared = self.boot.compared(value, PROGRAMS, after, &later);
        compared.with.splice(..0, others);
        Ok(compared)
    }

    /// PCR 7.
    fn keys(&self) -> Result<Later, Doubt> {
        let now = self.boot.value(KEYS)?;
        let measured = self.boot.log.check(self.boot.bank, &now)?;
        if measured.is_shims() {
            return Err(Doubt::Keys(Unpredictable::Shim));
        }
        let changed = self.changed_keys(&measured);
        if !measured.secure_boot() {
            return if changed.is_empty() {
                self.unchanged(KEYS)
            } else {
                Err(Doubt::Keys(Unpredictable::Off))
            };
        }
        let (before, complete, after) = self.loaded()?;
        let before = Started { programs: &before, complete };
        let value = measured.after_start(self.boot.variables, before, &after).map_err(Doubt::Keys)?;
        if value == now {
            return Ok(Later::same(value));
        }
        let mut with = changed;
        if with.is_empty() {
            with.push("another certificate of db".to_owned());
        }
        Ok(Later { value, with, without: Vec::new() })
    }

    fn changed_keys(&self, measured: &Measured<'_>) -> Vec<String> {
        let changed = self.boot.variables.iter().filter(|(variable, content)| {
            measured.content(**variable).is_none_or(|before| before != content.as_slice())
        });
        changed.map(|(variable, _)| format!("another {variable}")).collect()
    }

    /// Checks that the same rules explain this boot: what lies there unchanged was measured, in the same order, and each other event
    /// is of a kind that is known.
    fn prove(&self, pcr: u8, measured: &[(&Event, Vec<u8>)]) -> Result<(), Doubt> {
        let mut rest = measured.iter();
        // What was touched may have been measured or not, and may have the content of something else that was.
        let untouched =
            of(&self.again, pcr)?.into_iter().filter(|one| !self.boot.is_origin_touched(&one.origin));
        for expected in untouched {
            if !rest.any(|(_, digest)| *digest == expected.digest) {
                return Err(Doubt::NotReproduced(pcr, expected.origin.to_string()));
            }
        }
        let unknown = measured.iter().find(|(event, _)| meaning(pcr, event, self.boot.bank).is_none());
        unknown.map_or(Ok(()), |(event, _)| Err(Doubt::Event(pcr, event.kind)))
    }
}

/// The extensions of one register.
fn of(extensions: &Result<Vec<Extension>, Unknown>, pcr: u8) -> Result<Vec<&Extension>, Unknown> {
    let all = extensions.as_ref().map_err(Clone::clone)?;
    Ok(all.iter().filter(|one| one.pcr == pcr).collect())
}
