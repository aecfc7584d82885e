//! The NV index that holds the volume's identity: everybody may read it, its policy alone lets one write.

use pattern::identity::{ATTRIBUTES, BYTES, INDEX, name};
use pattern::token::{Binding, Digest, Signatures};
use tss_esapi::attributes::NvIndexAttributes;
use tss_esapi::constants::SessionType;
use tss_esapi::handles::{NvIndexHandle, NvIndexTpmHandle, SessionHandle, TpmHandle};
use tss_esapi::interface_types::algorithm::HashingAlgorithm;
use tss_esapi::interface_types::reserved_handles::{NvAuth, Provision};
use tss_esapi::interface_types::session_handles::{AuthSession, PolicySession};
use tss_esapi::structures::{self, MaxNvBuffer, NvPublic};

use super::error::Outcome;
use super::{Result, Tcti, Tpm, TpmError, doing, outcome};

impl Tpm {
    /// What the index holds; nothing when it is not there, was never written, or is not ours: then its write policy is
    /// another one than this binding's.
    ///
    /// # Errors
    /// When the binding would protect nothing, or the TPM fails.
    pub fn identity(&mut self, binding: &Binding) -> Result<Option<Vec<u8>>> {
        let policy = self.policy(binding)?;
        let Some(index) = self.index()? else { return Ok(None) };
        let known =
            self.context.tr_get_name(index.into()).map_err(doing("reading the name of the identity"))?;
        let held = if known.value() == name(&policy) { Some(self.read_index(index)?) } else { None };
        self.leave(index.into());
        Ok(held)
    }

    /// Puts a tag in place of what the index holds. The binding must let this boot write.
    ///
    /// # Errors
    /// When it does not, or the TPM fails, such as for want of space.
    pub fn keep_identity(
        tcti: &Tcti,
        binding: &Binding,
        signatures: Option<&Signatures>,
        tag: &[u8; BYTES],
    ) -> Result<()> {
        let approve = |signed| Self::connect(tcti)?.approve(signed, binding.bank, signatures);
        let approved = binding.signed.as_ref().map(approve).transpose()?;
        let mut tpm = Self::connect(tcti)?;
        let policy = tpm.policy(binding)?;
        let index = tpm.define(&policy)?;
        let (srk, _) = tpm.srk()?;
        let session = tpm.start_session(srk, SessionType::Policy, (true, false))?;
        let policy = PolicySession::try_from(session).map_err(doing("starting a policy session"))?;
        tpm.meet(policy, (binding.signed.as_ref(), binding.literal(), binding.bank), approved)?;
        tpm.write_index(session, index, tag)?;
        tpm.leave(SessionHandle::from(session).into());
        Ok(())
    }

    fn policy(&mut self, binding: &Binding) -> Result<Digest> {
        binding.policy(false, |pcrs, bank| self.pcr_values(pcrs, bank))
    }

    /// Makes the index anew, with nothing in it.
    fn define(&mut self, policy: &Digest) -> Result<NvIndexHandle> {
        let password = Some(AuthSession::Password);
        if let Some(index) = self.index()? {
            let undefined = self
                .context
                .execute_with_session(password, |ctx| ctx.nv_undefine_space(Provision::Owner, index));
            undefined.map_err(doing("removing the identity of an earlier volume"))?;
        }
        let public = public(policy).map_err(doing("describing the identity"))?;
        let defined = self
            .context
            .execute_with_session(password, |ctx| ctx.nv_define_space(Provision::Owner, None, public));
        defined.map_err(doing("making room for the identity"))
    }

    fn write_index(&mut self, session: AuthSession, index: NvIndexHandle, tag: &[u8; BYTES]) -> Result<()> {
        let data = MaxNvBuffer::from_bytes(tag).map_err(doing("handing over the identity"))?;
        let auth = NvAuth::NvIndex(index);
        let written =
            self.context.execute_with_session(Some(session), |ctx| ctx.nv_write(auth, index, data, 0));
        written.map_err(doing("writing the identity"))
    }

    fn index(&mut self) -> Result<Option<NvIndexHandle>> {
        let handle = NvIndexTpmHandle::new(INDEX).map_err(doing("naming the identity"))?;
        match self.context.tr_from_tpm_public(TpmHandle::NvIndex(handle)) {
            Err(error) if outcome(&error) == Outcome::NoObject => Ok(None),
            answer => Ok(Some(NvIndexHandle::from(answer.map_err(doing("looking for the identity"))?))),
        }
    }

    fn read_index(&mut self, index: NvIndexHandle) -> Result<Vec<u8>> {
        let size = u16::try_from(BYTES).map_err(|_| TpmError::Missing("a size"))?;
        let auth = NvAuth::NvIndex(index);
        let password = Some(AuthSession::Password);
        let read = self.context.execute_with_session(password, |ctx| ctx.nv_read(auth, index, size, 0));
        Ok(read.map_err(doing("reading the identity"))?.as_bytes().to_vec())
    }
}

fn public(policy: &Digest) -> tss_esapi::Result<NvPublic> {
    NvPublic::builder()
        .with_nv_index(NvIndexTpmHandle::new(INDEX)?)
        .with_index_name_algorithm(HashingAlgorithm::Sha256)
        .with_index_attributes(NvIndexAttributes::try_from(ATTRIBUTES)?)
        .with_index_auth_policy(structures::Digest::from_bytes(policy)?)
        .with_data_area_size(BYTES)
        .build()
}
