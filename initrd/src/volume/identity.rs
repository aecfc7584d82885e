//! Proves by the TPM's records that this machine made a volume, and that it is the newest copy.

mod before;

use anyhow::{Context as _, Result};
use pattern::record::generation::{Old, Step, steps};
use pattern::record::identity::{Kept, compare, compare_earlier, kept, record};
use pattern::record::nv::{EARLIER_COUNTER, EARLIER_IDENTITY, Index, MARK};
use pattern::sealing::binding;
use pattern::token::Srk;
use pattern::volume::Header;
use pattern::volume::admission::Proof;

use crate::tpm::{Held, Nv, Tcti, TpmError};
use crate::volume::bank::in_a_bank;
use crate::volume::candidate::Candidate;
use crate::volume::luks::Volume;
use crate::volume::means::Means;

const UNKNOWN: &str =
    "the TPM has no record of this volume: the TPM was cleared, or the image is signed with another key";
const CHANGED: &str =
    "the TPM's record of this volume was made with other Secure Boot keys, or by somebody else";
const UNCOUNTED: &str =
    "the TPM does not know how often it was opened, so it may be an old copy: the counter was removed";
const CLOSED: &str = "an earlier version of pattern made it, and this TPM has counted since, so the TPM's record of it may be forged";
/// For a refused volume. Nobody is asked for its key, because whoever put the volume there knows
/// one.
const ANOTHER: &str = "this is not the volume that this machine made; nothing of it was used. If you put it there yourself, \
    or gave it another key or UUID (cryptsetup reencrypt, luksUUID), clear the TPM in the firmware's setup, and enter the \
    volume's recovery key";

/// The TPM's records of volumes.
pub(crate) struct Registry<'a> {
    means: Means<'a>,
    nv: Nv<'a>,
    may_write: bool,
}

impl<'a> Registry<'a> {
    /// Opens the records with the policy that this image can meet in this boot. `srk` is the
    /// storage root key, if it is known.
    ///
    /// # Errors
    /// When the policy would protect nothing, or the TPM fails.
    pub(crate) fn open(means: Means<'a>, srk: Option<&Srk>) -> Result<Self> {
        let nv = in_a_bank(|bank| {
            let binding = binding::of_the_record(means.config, means.image, bank);
            Nv::new(means.tcti, binding, means.signatures, srk.cloned())
        });
        let nv = nv.context("asking the TPM for its records of volumes")?;
        Ok(Self { means, nv, may_write: means.may_record() })
    }

    /// Returns how many volumes the TPM knows, whoever wrote the records. Volumes that were never
    /// finished do not count.
    ///
    /// # Errors
    /// When the TPM fails.
    pub(crate) fn known(&self) -> Result<usize> {
        let mut known = usize::from(self.means.tcti.ask(|tpm| tpm.is_written(&EARLIER_IDENTITY))?);
        for index in self.nv.records()? {
            let begun = matches!(self.nv.held(&index)?, Held::Ours(held) if kept(&held) == Some(Kept::Begun));
            known += usize::from(!begun);
        }
        Ok(known)
    }

    /// Removes the records of volumes that were begun and never finished, and counters without a
    /// record.
    ///
    /// # Errors
    /// When the TPM fails.
    pub(crate) fn forget_unfinished(&self) -> Result<()> {
        for index in self.nv.records()? {
            if matches!(self.nv.held(&index)?, Held::Ours(held) if kept(&held) == Some(Kept::Begun)) {
                self.means.tcti.ask(|tpm| tpm.forget(&index))?;
            }
        }
        for counter in self.nv.key_counters()? {
            self.means.tcti.ask(|tpm| match tpm.is_written(&counter.record_of())? {
                true => Ok(()),
                false => tpm.forget(&counter),
            })?;
        }
        Ok(())
    }

    /// Returns whether the TPM has a record for a volume of this UUID, whoever wrote it.
    ///
    /// # Errors
    /// When the TPM fails.
    pub(crate) fn has(&self, uuid: &str) -> Result<bool> {
        Ok(self.nv.held(&Index::identity(uuid))? != Held::Nothing)
    }

    /// Compares the volume with the TPM's records. Counts this opening if openings are counted, or
    /// if the image asks for that from now on.
    ///
    /// # Errors
    /// When the TPM does not answer, or the header can't be written.
    pub(crate) fn prove(&self, volume: &Candidate<'_>, header: &Header) -> Result<Proof> {
        match self.nv.held(&Index::identity(volume.uuid))? {
            Held::Ours(held) => match compare(&held, volume.key.as_bytes(), volume.uuid) {
                Some(kept) => self.recognised(volume, header, kept),
                None => Ok(Proof::Against(ANOTHER.to_owned())),
            },
            _ if self.knows_another(volume.uuid)? => Ok(Proof::Against(ANOTHER.to_owned())),
            Held::Foreign => Ok(Proof::Missing(CHANGED)),
            Held::Nothing => self.prove_earlier(volume),
        }
    }

    /// Accepts a recognised volume. Counting begins only after a trial, because the version that a
    /// failed trial falls back to may not know of a counter.
    fn recognised(&self, volume: &Candidate<'_>, header: &Header, kept: Kept) -> Result<Proof> {
        let wanted = self.means.config.volume.counter && !self.means.boot.on_trial;
        match kept {
            // An image without the option counts on, or an older image would be a way around the
            // counter.
            Kept::Counted => self.prove_newest(volume, header),
            Kept::Known if !wanted => Ok(Proof::Given),
            Kept::Begun | Kept::Known if self.may_write => self.keep(volume, wanted).map(|()| Proof::Given),
            Kept::Begun | Kept::Known => Ok(Proof::Given),
        }
    }

    fn prove_newest(&self, volume: &Candidate<'_>, header: &Header) -> Result<Proof> {
        let count = self.nv.counted(&Index::counter(volume.uuid))?;
        let Some(count) = count else { return Ok(Proof::Missing(UNCOUNTED)) };
        match steps(header.generation(volume.key.as_bytes(), volume.uuid), count) {
            Err(old) => Ok(Proof::Against(refusal(old))),
            // The TPM refuses to count in such a boot, so the header keeps its count.
            Ok(_) if !self.may_write => Ok(Proof::Given),
            Ok(steps) => self.take(volume, &steps).map(|()| Proof::Given),
        }
    }

    fn take(&self, volume: &Candidate<'_>, steps: &[Step]) -> Result<()> {
        steps.iter().try_for_each(|step| match step {
            Step::Count => Ok(self.nv.count(&Index::counter(volume.uuid))?),
            Step::Write(generation) => volume.write(*generation),
        })
    }

    /// Returns whether the TPM has a record of a finished volume with another UUID that only an
    /// initrd like this one can have written.
    fn knows_another(&self, uuid: &str) -> Result<bool> {
        for index in self.nv.records()? {
            let held = self.nv.held(&index)?;
            if index != Index::identity(uuid)
                && matches!(held, Held::Ours(held) if kept(&held) != Some(Kept::Begun))
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Proves a volume by the record of an earlier version. Versions before 0.2 had a single
    /// record, which anyone could forge with Secure Boot off. So the record is valid only while the
    /// TPM has never counted. Each volume that this version makes or takes over makes the TPM
    /// count, and no TPM forgets that.
    fn prove_earlier(&self, volume: &Candidate<'_>) -> Result<Proof> {
        let earlier = in_a_bank(|bank| {
            let binding = binding::of_an_earlier_record(self.means.config, self.means.image, bank);
            Nv::new(self.means.tcti, binding, self.means.signatures, None)
        })?;
        let Held::Ours(held) = earlier.held(&EARLIER_IDENTITY)? else { return Ok(Proof::Missing(UNKNOWN)) };
        match compare_earlier(&held, volume.key.as_bytes(), volume.uuid) {
            None => Ok(Proof::Against(ANOTHER.to_owned())),
            Some(Kept::Known) if self.never_counted()? => Ok(Proof::Earlier),
            Some(_) => Ok(Proof::Missing(CLOSED)),
        }
    }

    /// Returns whether the TPM had never counted when [`MARK`] was made. Makes the mark if
    /// necessary.
    fn never_counted(&self) -> Result<bool> {
        let first = self.means.tcti.ask(|tpm| match tpm.count_of(&MARK)? {
            Some(count) => Ok(count),
            None => tpm.count_up(&MARK),
        });
        Ok(first? == 1)
    }

    /// Makes the TPM count, so that records of earlier versions are never valid again.
    fn close(&self) -> Result<()> {
        self.means.tcti.ask(|tpm| {
            while tpm.count_up(&MARK)? < 2 {}
            tpm.forget(&MARK)
        })?;
        Ok(())
    }

    /// Records that a volume is being made. Until the table lists it, the next boot may make
    /// another one in its place.
    ///
    /// # Errors
    /// When the TPM rejects the record.
    pub(crate) fn begin(&self, volume: &Candidate<'_>) -> Result<()> {
        Ok(self.nv.keep(&Index::identity(volume.uuid), &volume.record(Kept::Begun))?)
    }

    /// Records a finished volume, and removes what earlier versions recorded. Writes nothing if the
    /// image does not allow records in this boot.
    ///
    /// # Errors
    /// When the TPM rejects the record, or the header can't be written.
    pub(crate) fn finish(&self, volume: &Candidate<'_>) -> Result<()> {
        if !self.may_write {
            return Ok(());
        }
        // In this order: the earlier record stays valid until the new one exists.
        let counted = self.means.config.volume.counter;
        if !counted || self.count_of(volume)?.flatten().is_none() {
            self.keep(volume, counted)?;
        }
        self.close()?;
        let earlier = [EARLIER_IDENTITY, EARLIER_COUNTER];
        self.means.tcti.ask(|tpm| earlier.iter().try_for_each(|index| tpm.forget(index)))?;
        Ok(())
    }

    /// Returns the count of a volume whose record says that its openings are counted. The counter
    /// itself may be gone.
    fn count_of(&self, volume: &Candidate<'_>) -> Result<Option<Option<u64>>> {
        let Held::Ours(held) = self.nv.held(&Index::identity(volume.uuid))? else { return Ok(None) };
        let kept = compare(&held, volume.key.as_bytes(), volume.uuid);
        (kept == Some(Kept::Counted)).then(|| Ok(self.nv.counted(&Index::counter(volume.uuid))?)).transpose()
    }

    /// Writes the record last, because it says that the counter and the header's generation exist.
    fn keep(&self, volume: &Candidate<'_>, counted: bool) -> Result<()> {
        let kept = if counted { Kept::Counted } else { Kept::Known };
        if counted {
            let (counter, record) = (Index::counter(volume.uuid), Index::identity(volume.uuid));
            // With a record that says so, a count that the header does not have yet would make the
            // newest header an old copy, if the power goes in between. Without a record, the next
            // boot asks a person.
            if self.count_of(volume)?.is_some() {
                self.means.tcti.ask(|tpm| tpm.forget(&record))?;
            }
            self.nv.count(&counter)?;
            // The TPM chooses where a new counter begins. Earlier copies are old from now on,
            // whatever generation they name.
            let count = self.nv.counted(&counter)?.ok_or(TpmError::Missing("the count"))?;
            volume.write(count)?;
        }
        Ok(self.nv.keep(&Index::identity(volume.uuid), &volume.record(kept))?)
    }
}

/// Removes the TPM's records of a volume that its owner gives up.
///
/// # Errors
/// When the TPM fails.
pub(crate) fn forget(tcti: &Tcti, uuid: &str) -> Result<()> {
    let own = [Index::identity(uuid), Index::counter(uuid), Index::revocation(uuid)];
    let all: Vec<_> = own.into_iter().chain([EARLIER_IDENTITY, EARLIER_COUNTER]).collect();
    tcti.ask(|tpm| all.iter().try_for_each(|index| tpm.forget(index)))?;
    Ok(())
}

impl Candidate<'_> {
    fn record(&self, kept: Kept) -> [u8; pattern::record::identity::BYTES] {
        record(self.key.as_bytes(), self.uuid, kept)
    }

    fn write(&self, generation: u64) -> Result<()> {
        Volume::load(self.device)?.write_generation(self.key, generation)
    }
}

fn refusal(old: Old) -> String {
    format!(
        "this is an old copy of this machine's volume: {old}; nothing of it was used. If you put it there yourself, \
         clear the TPM in the firmware's setup, enter the volume's recovery key, and run: pattern rebind"
    )
}

#[cfg(test)]
mod tests;
