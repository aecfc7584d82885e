//! The NV indices that hold the volume's identity, and the count of its openings.

use pattern::nv::{COUNTER, IDENTITY, Index};
use pattern::token::{Binding, Digest, Signatures};
use tss_esapi::attributes::NvIndexAttributes;
use tss_esapi::constants::SessionType;
use tss_esapi::handles::{NvIndexHandle, NvIndexTpmHandle, SessionHandle, TpmHandle};
use tss_esapi::interface_types::algorithm::HashingAlgorithm;
use tss_esapi::interface_types::reserved_handles::{NvAuth, Provision};
use tss_esapi::interface_types::session_handles::{AuthSession, PolicySession};
use tss_esapi::structures::{self, MaxNvBuffer, NvPublic};

use super::error::Outcome;
use super::{Result, Tcti, Tpm, doing, outcome};

/// What reads the indices, and lets a boot write them.
pub struct Nv<'a> {
    tcti: &'a Tcti,
    binding: Binding,
    policy: Digest,
    signatures: Option<&'a Signatures>,
}

impl<'a> Nv<'a> {
    /// The indices whose write policy is that of the binding, as PCRs are now; the signatures are what the running image
    /// brought along.
    ///
    /// # Errors
    /// When the binding would protect nothing, or the TPM fails.
    pub fn new(tcti: &'a Tcti, binding: Binding, signatures: Option<&'a Signatures>) -> Result<Self> {
        let mut tpm = Tpm::connect(tcti)?;
        let policy = binding.policy(false, |pcrs, bank| tpm.pcr_values(pcrs, bank))?;
        Ok(Self { tcti, binding, policy, signatures })
    }

    /// What the TPM knows of the volume: a tag.
    ///
    /// # Errors
    /// When the TPM fails.
    pub fn identity(&self) -> Result<Option<Vec<u8>>> {
        Tpm::connect(self.tcti)?.held(&IDENTITY, &self.policy)
    }

    /// How often it counted.
    ///
    /// # Errors
    /// When the TPM fails.
    pub fn counted(&self) -> Result<Option<u64>> {
        let held = Tpm::connect(self.tcti)?.held(&COUNTER, &self.policy)?;
        Ok(held.and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes))
    }

    /// Puts a tag in place of what the TPM knows of the volume, in one command where there was one.
    ///
    /// # Errors
    /// When the binding does not let this boot write, or the TPM fails, such as for want of space.
    pub fn keep_identity(&self, tag: &[u8]) -> Result<()> {
        let data = MaxNvBuffer::from_bytes(tag).map_err(doing("handing over the identity"))?;
        self.write(&IDENTITY, true, |tpm, session, index| {
            let auth = NvAuth::NvIndex(index);
            let written =
                tpm.context.execute_with_session(Some(session), |ctx| ctx.nv_write(auth, index, data, 0));
            written.map_err(doing("writing the identity"))
        })
    }

    /// Counts one more, with a counter that is made if there is none of ours.
    ///
    /// # Errors
    /// As [`Nv::keep_identity`].
    pub fn count(&self) -> Result<()> {
        self.write(&COUNTER, false, |tpm, session, index| {
            let auth = NvAuth::NvIndex(index);
            let counted =
                tpm.context.execute_with_session(Some(session), |ctx| ctx.nv_increment(auth, index));
            counted.map_err(doing("counting that the volume is opened"))
        })
    }

    fn write(
        &self,
        which: &Index,
        encrypted: bool,
        act: impl FnOnce(&mut Tpm, AuthSession, NvIndexHandle) -> Result<()>,
    ) -> Result<()> {
        let Self { tcti, binding, policy, signatures } = self;
        let approve = |signed| Tpm::connect(tcti)?.approve(signed, binding.bank, *signatures);
        let approved = binding.signed.as_ref().map(approve).transpose()?;
        let mut tpm = Tpm::connect(tcti)?;
        let index = tpm.define(which, policy)?;
        let (srk, _) = tpm.srk()?;
        let session = tpm.start_session(srk, SessionType::Policy, (encrypted, false))?;
        let policy = PolicySession::try_from(session).map_err(doing("starting a policy session"))?;
        tpm.meet(policy, (binding.signed.as_ref(), binding.literal(), binding.bank), approved)?;
        act(&mut tpm, session, index)?;
        tpm.leave(SessionHandle::from(session).into());
        Ok(())
    }
}

impl Tpm {
    /// What the index holds; nothing when it is not there, was never written, or is not ours: then its write policy is
    /// another one.
    fn held(&mut self, which: &Index, policy: &Digest) -> Result<Option<Vec<u8>>> {
        let Some(index) = self.index(which)? else { return Ok(None) };
        let ours = self.is_ours(which, index, policy)?;
        let held = ours.then(|| self.read_index(which, index)).transpose()?;
        self.leave(index.into());
        Ok(held)
    }

    fn is_ours(&mut self, which: &Index, index: NvIndexHandle, policy: &Digest) -> Result<bool> {
        let known =
            self.context.tr_get_name(index.into()).map_err(doing("reading the name of an NV index"))?;
        Ok(known.value() == which.name(policy))
    }

    /// The index if it is there and ours, else a new one, with nothing in it.
    fn define(&mut self, which: &Index, policy: &Digest) -> Result<NvIndexHandle> {
        let password = Some(AuthSession::Password);
        if let Some(index) = self.index(which)? {
            if self.is_ours(which, index, policy)? {
                return Ok(index);
            }
            let undefined = self
                .context
                .execute_with_session(password, |ctx| ctx.nv_undefine_space(Provision::Owner, index));
            undefined.map_err(doing("removing the identity of an earlier volume"))?;
        }
        let public = public(which, policy).map_err(doing("describing an NV index"))?;
        let defined = self
            .context
            .execute_with_session(password, |ctx| ctx.nv_define_space(Provision::Owner, None, public));
        defined.map_err(doing("making an NV index for what the TPM is to know of the volume"))
    }

    fn index(&mut self, which: &Index) -> Result<Option<NvIndexHandle>> {
        let handle = NvIndexTpmHandle::new(which.handle).map_err(doing("naming an NV index"))?;
        match self.context.tr_from_tpm_public(TpmHandle::NvIndex(handle)) {
            Err(error) if outcome(&error) == Outcome::NoObject => Ok(None),
            answer => Ok(Some(NvIndexHandle::from(answer.map_err(doing("looking for the identity"))?))),
        }
    }

    fn read_index(&mut self, which: &Index, index: NvIndexHandle) -> Result<Vec<u8>> {
        let (size, auth) = (which.bytes.into(), NvAuth::NvIndex(index));
        let password = Some(AuthSession::Password);
        let read = self.context.execute_with_session(password, |ctx| ctx.nv_read(auth, index, size, 0));
        Ok(read.map_err(doing("reading the identity"))?.as_bytes().to_vec())
    }
}

fn public(which: &Index, policy: &Digest) -> tss_esapi::Result<NvPublic> {
    NvPublic::builder()
        .with_nv_index(NvIndexTpmHandle::new(which.handle)?)
        .with_index_name_algorithm(HashingAlgorithm::Sha256)
        .with_index_attributes(NvIndexAttributes::try_from(which.attributes)?)
        .with_index_auth_policy(structures::Digest::from_bytes(policy)?)
        .with_data_area_size(which.bytes.into())
        .build()
}
