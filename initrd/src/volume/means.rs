//! What this boot seals, proves and records with. It is gathered once, and handed down.

use pattern::config::Config;
use pattern::token::{PublicKey, Signatures};
use pattern_machine::boot::Boot;
use pattern_machine::uki::Companions;

use crate::tpm::Tcti;

/// The image's configuration, the facts about this boot, the TPM, and what the kernel image brought.
#[derive(Clone, Copy)]
pub(crate) struct Means<'a> {
    pub(crate) config: &'a Config,
    pub(crate) boot: &'a Boot,
    pub(crate) tcti: &'a Tcti,
    /// The key that signed PCR 11 of this image, if it was signed.
    pub(crate) image: Option<&'a PublicKey>,
    /// The signatures of PCR 11 for this image.
    pub(crate) signatures: Option<&'a Signatures>,
}

impl<'a> Means<'a> {
    pub(crate) fn new(config: &'a Config, boot: &'a Boot, tcti: &'a Tcti, brought: &'a Companions) -> Self {
        Self { config, boot, tcti, image: brought.key.as_ref(), signatures: brought.signatures.as_ref() }
    }

    /// Returns whether this boot may write the TPM's records.
    pub(crate) fn may_record(&self) -> bool {
        self.boot.may_record(self.config)
    }
}
