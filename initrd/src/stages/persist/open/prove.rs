//! Proves by the TPM's records that this machine made a volume that the TPM opened, and brings the
//! records and the key slots up to date.

use anyhow::{Context as _, Result};
use pattern::volume::admission::{Next, Proof, admit};

use super::{By, Given, Opening};
use crate::stages::persist::create;
use crate::volume::ahead;
use crate::volume::candidate::Candidate;
use crate::volume::identity::Registry;
use crate::volume::luks::VolumeKey;
use crate::volume::means::Means;
use crate::volume::renewal;
use crate::volume::sealing::{Sealer, is_earlier, key_before};

/// What the records say.
struct Proved {
    proof: Proof,
    /// Whether the volume's openings are counted, if only the record from before a change proves
    /// it.
    before: Option<bool>,
}

impl Opening<'_> {
    /// Decides whether the volume may be used. Brings records and key slots up to date if the
    /// decision says so. Returns whether the key that opened the volume was replaced, too.
    pub(super) fn admit(&self, given: &Given<'_>) -> (Next, bool) {
        let (registry, proved) = match self.look(given) {
            Ok(found) => found,
            Err(error) => return (self.decide(given, &Proof::Failed(format!("{error:#}"))), false),
        };
        let next = self.decide(given, &proved.proof);
        if next != Next::UseAndSettle {
            return (next, false);
        }
        let replaced = self.settle(&registry, given, &proved).unwrap_or_else(|error| {
            log::warn!(
                "{}: bringing key slots and the TPM's record up to date: {error:#}",
                self.device.display()
            );
            false
        });
        (next, replaced)
    }

    fn decide(&self, given: &Given<'_>, proof: &Proof) -> Next {
        admit(given.by.giver(), proof, self.boot.allowed(self.config))
    }

    /// Asks this boot's record. If the TPM has none, asks the record from before a change.
    fn look(&self, given: &Given<'_>) -> Result<(Registry<'_>, Proved)> {
        let means = self.means()?;
        let asking = "asking the TPM whether this machine made the volume";
        let registry = Registry::open(means, Some(given.by.srk())).context(asking)?;
        let proof = registry.prove(&self.candidate(&given.key), self.header).context(asking)?;
        let before = match proof {
            Proof::Missing(_) => self.before(means, given).context(asking)?,
            _ => None,
        };
        let proved = before.unwrap_or(Proved { proof, before: None });
        Ok((registry, proved))
    }

    /// Asks the record from before a change, if there was one that is known: the record of the
    /// epoch before, which the token belongs to, too ([`pattern::config::epoch`]), or the record
    /// from before an announced change of firmware keys.
    fn before(&self, means: Means<'_>, given: &Given<'_>) -> Result<Option<Proved>> {
        let srk = Some(given.by.srk());
        let registry = match &given.by {
            By::Token(token) => match key_before(token, &means) {
                Some(before) => Registry::open(Means { image: Some(before), ..means }, srk)?,
                None => return Ok(None),
            },
            By::Announced(slot) => Registry::before(means, srk, &ahead::earlier(slot)?)?,
        };
        let proof = registry.prove(&self.candidate(&given.key), self.header)?;
        Ok(Some(Proved { proof, before: Some(registry.counts(self.header.uuid())?) }))
    }

    /// Brings the TPM's record up to date, and then the key slots. The record keeps its handle, so
    /// it is removed and made again. A cut in between makes the next boot ask for the recovery key.
    /// After every other step the next boot opens the volume without a person, and goes on from
    /// there. Returns whether the key that opened the volume was replaced.
    fn settle(&self, registry: &Registry<'_>, given: &Given<'_>, proved: &Proved) -> Result<bool> {
        let candidate = self.candidate(&given.key);
        if let Proved { proof: Proof::Given, before: Some(counted) } = proved {
            registry.carry_over(&candidate, *counted)?;
        }
        let sealer = Sealer { means: self.means()?, pin: given.pin.as_deref() };
        let (what, done) = match &given.by {
            By::Announced(slot) => {
                let retired = ahead::retire(&sealer, &candidate, slot)?;
                ("to the keys of Secure Boot as they are now", retired)
            }
            By::Token(used) => {
                let tokens = &self.locks.tokens[..];
                let due = renewal::is_due(&sealer.means, tokens, used);
                if self.header.is_unfinished() {
                    create::finish(registry, &candidate)?;
                } else if tokens.iter().any(|token| is_earlier(token, self.config))
                    || proved.proof == Proof::Earlier
                {
                    registry.finish(&candidate)?;
                }
                if !due {
                    return Ok(false);
                }
                ("as this version does", renewal::renew(&sealer, &candidate, (tokens, used))?)
            }
        };
        log::info!("bound the volume {what}: {done}");
        Ok(true)
    }

    pub(super) fn means(&self) -> Result<Means<'_>> {
        self.means.map_err(|flaw| anyhow::anyhow!("{flaw:#}"))
    }

    pub(super) fn candidate<'a>(&'a self, key: &'a VolumeKey) -> Candidate<'a> {
        Candidate { device: self.device, uuid: self.header.uuid(), key }
    }
}
