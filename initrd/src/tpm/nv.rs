//! The NV indices that record volumes, and count their openings.

use pattern::record::nv::{IDENTITIES, Index, REVOCATIONS};
use pattern::token::{Binding, Digest, Signatures, Srk};
use tss_esapi::attributes::NvIndexAttributes;
use tss_esapi::constants::{CapabilityType, SessionType};
use tss_esapi::handles::{NvIndexHandle, NvIndexTpmHandle, TpmHandle};
use tss_esapi::interface_types::algorithm::HashingAlgorithm;
use tss_esapi::interface_types::reserved_handles::{NvAuth, Provision};
use tss_esapi::interface_types::session_handles::{AuthSession, PolicySession};
use tss_esapi::structures::{self, CapabilityData, MaxNvBuffer, NvPublic};

use super::{Result, Tcti, Tpm, TpmError, as_owner, doing, outcome};
use crate::tpm::error::Outcome;
use crate::tpm::unseal::while_pcrs_change;

/// The most handles that are listed at once. `MAX_CAP_HANDLES` of the reference implementation is
/// 254.
const AT_ONCE: u32 = 128;

/// What the TPM has at an index's handle.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Held {
    /// Nothing, or an index that was never written.
    Nothing,
    /// An index with other attributes, or with another policy.
    Foreign,
    /// Our index, with this content.
    Ours(Vec<u8>),
}

/// Reads the indices. Writes them if the boot meets their policy.
pub struct Nv<'a> {
    tcti: &'a Tcti,
    binding: Binding,
    policy: Digest,
    signatures: Option<&'a Signatures>,
    srk: Option<Srk>,
}

impl<'a> Nv<'a> {
    /// Returns access to the indices whose write policy is the binding's, with the present PCRs.
    /// `signatures` are those of the running image. `srk` is the storage root key, if it is known.
    /// Otherwise the TPM is asked for it.
    ///
    /// # Errors
    /// When the binding would protect nothing, or the TPM fails.
    pub fn new(
        tcti: &'a Tcti,
        binding: Binding,
        signatures: Option<&'a Signatures>,
        srk: Option<Srk>,
    ) -> Result<Self> {
        let policy = tcti.ask(|tpm| binding.policy(false, |pcrs, bank| tpm.values_to_bind(pcrs, bank)))?;
        Ok(Self { tcti, binding, policy, signatures, srk })
    }

    /// Does the same for the policy of another boot. What that boot wrote can be read.
    #[must_use]
    pub fn of_another_boot(tcti: &'a Tcti, binding: Binding, policy: Digest, srk: Option<Srk>) -> Self {
        Self { tcti, binding, policy, signatures: None, srk }
    }

    /// Returns what an index holds. The answer is authenticated, so nobody between processor and
    /// TPM can change it.
    ///
    /// # Errors
    /// When the TPM fails.
    pub fn held(&self, index: &Index) -> Result<Held> {
        self.tcti.ask(|tpm| self.read(tpm, index))
    }

    fn read(&self, tpm: &mut Tpm, index: &Index) -> Result<Held> {
        let srk = match &self.srk {
            Some(srk) => tpm.known_srk(srk)?,
            None => tpm.srk()?.0,
        };
        let resource = tpm.context.tr_deserialize(&index.resource(&self.policy));
        let resource = NvIndexHandle::from(resource.map_err(doing("naming an NV index"))?);
        // The session's HMAC covers the name of the index, so the TPM refuses any other index.
        let session = tpm.start_session(srk, SessionType::Hmac, (false, false))?;
        let auth = NvAuth::NvIndex(resource);
        let size = index.bytes.into();
        let read =
            tpm.context.execute_with_session(Some(session), |ctx| ctx.nv_read(auth, resource, size, 0));
        match read {
            Ok(bytes) => {
                tpm.ended(session);
                Ok(Held::Ours(bytes.as_bytes().to_vec()))
            }
            Err(error) => match outcome(&error) {
                Outcome::NoObject => Ok(Held::Nothing),
                Outcome::WrongAuth | Outcome::OtherIndex => {
                    // The TPM's answer does not say whether the other index was ever written.
                    let written = tpm.is_written(index)?;
                    Ok(if written { Held::Foreign } else { Held::Nothing })
                }
                _ => Err(doing("reading an NV index")(error)),
            },
        }
    }

    /// Returns the count of a counter, or `None` if there is no counter of ours.
    ///
    /// # Errors
    /// When the TPM fails.
    pub fn counted(&self, counter: &Index) -> Result<Option<u64>> {
        let Held::Ours(bytes) = self.held(counter)? else { return Ok(None) };
        Ok(bytes.try_into().ok().map(u64::from_be_bytes))
    }

    /// Returns all records of volumes, whoever wrote them. An index that was never written is not a
    /// record: a power cut left it.
    ///
    /// # Errors
    /// When the TPM fails.
    pub fn records(&self) -> Result<Vec<Index>> {
        self.tcti.ask(|tpm| {
            let mut records = Vec::new();
            for handle in tpm.handles(IDENTITIES.start, IDENTITIES.end)? {
                let index = Index::identity_at(handle);
                if tpm.is_written(&index)? {
                    records.push(index);
                }
            }
            Ok(records)
        })
    }

    /// Returns the counters of sealed keys, with or without a volume's record.
    ///
    /// # Errors
    /// When the TPM fails.
    pub fn key_counters(&self) -> Result<Vec<Index>> {
        let handles = self.tcti.ask(|tpm| tpm.handles(REVOCATIONS.start, REVOCATIONS.end))?;
        Ok(handles.into_iter().map(Index::revocation_at).collect())
    }

    /// Writes an index, and replaces what it held. Removes an index that is not ours first.
    ///
    /// # Errors
    /// When this boot does not meet the binding, or the TPM fails, for example because it is full.
    pub fn keep(&self, index: &Index, bytes: &[u8]) -> Result<()> {
        let data = MaxNvBuffer::from_bytes(bytes).map_err(doing("passing a record to the TPM"))?;
        self.write(index, true, |tpm, session, index| {
            let (auth, data) = (NvAuth::NvIndex(index), data.clone());
            let written =
                tpm.context.execute_with_session(Some(session), |ctx| ctx.nv_write(auth, index, data, 0));
            written.map_err(doing("writing the record of the volume"))
        })
    }

    /// Increments a counter. Makes it if there is none of ours.
    ///
    /// # Errors
    /// As [`Nv::keep`].
    pub fn count(&self, counter: &Index) -> Result<()> {
        self.write(counter, false, |tpm, session, index| {
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
        act: impl Fn(&mut Tpm, AuthSession, NvIndexHandle) -> Result<()>,
    ) -> Result<()> {
        let Self { tcti, binding, policy, signatures, .. } = self;
        let attempt = |tpm: &mut Tpm| {
            let approve = |signed| tpm.approve(signed, binding.bank, *signatures);
            let approved = binding.signed.as_ref().map(approve).transpose()?;
            let index = tpm.define(which, policy)?;
            let (srk, _) = tpm.srk()?;
            let session = tpm.start_session(srk, SessionType::Policy, (encrypted, false))?;
            let policy = PolicySession::try_from(session).map_err(doing("starting a policy session"))?;
            tpm.meet(policy, (binding.signed.as_ref(), binding.literal(), binding.bank), approved)?;
            act(tpm, session, index)?;
            tpm.ended(session);
            Ok(())
        };
        while_pcrs_change(|| tcti.ask(attempt))
    }
}

impl Tpm {
    /// Removes an index, if it exists. The owner of the TPM may do that.
    ///
    /// # Errors
    /// When the TPM fails.
    pub fn forget(&mut self, which: &Index) -> Result<()> {
        let Some(index) = self.index(which)? else { return Ok(()) };
        let password = Some(AuthSession::Password);
        let undefined =
            self.context.execute_with_session(password, |ctx| ctx.nv_undefine_space(Provision::Owner, index));
        undefined.map_err(as_owner("removing an NV index"))
    }

    /// Returns whether the index at this handle was ever written.
    ///
    /// # Errors
    /// When the TPM fails.
    pub fn is_written(&mut self, which: &Index) -> Result<bool> {
        let Some(index) = self.index(which)? else { return Ok(false) };
        let (area, _) = self.context.nv_read_public(index).map_err(doing("looking at an NV index"))?;
        Ok(area.attributes().written())
    }

    /// Increments a counter that needs no policy, and returns the count. Makes it if it does not
    /// exist.
    ///
    /// # Errors
    /// When the TPM fails.
    pub fn count_up(&mut self, which: &Index) -> Result<u64> {
        let index = match self.index(which)? {
            Some(index) => index,
            None => self.make(which, &[0; 0])?,
        };
        let (password, auth) = (Some(AuthSession::Password), NvAuth::NvIndex(index));
        let counted = self.context.execute_with_session(password, |ctx| ctx.nv_increment(auth, index));
        counted.map_err(doing("counting with the TPM"))?;
        self.read_count(which, index)
    }

    /// Returns the count of such a counter, if it exists.
    ///
    /// # Errors
    /// When the TPM fails.
    pub fn count_of(&mut self, which: &Index) -> Result<Option<u64>> {
        let Some(index) = self.index(which)? else { return Ok(None) };
        self.read_count(which, index).map(Some)
    }

    fn read_count(&mut self, which: &Index, index: NvIndexHandle) -> Result<u64> {
        let (size, auth) = (which.bytes.into(), NvAuth::NvIndex(index));
        let password = Some(AuthSession::Password);
        let read = self.context.execute_with_session(password, |ctx| ctx.nv_read(auth, index, size, 0));
        let bytes = read.map_err(doing("reading a count"))?.as_bytes().try_into();
        bytes.map(u64::from_be_bytes).map_err(|_| TpmError::Missing("a count"))
    }

    /// Returns the index if it exists and is ours. Otherwise makes a new, empty one.
    fn define(&mut self, which: &Index, policy: &Digest) -> Result<NvIndexHandle> {
        if let Some(index) = self.index(which)? {
            // The name covers attributes, policy and size. An index that was never written has
            // another name, so it is made again.
            let known = self.context.tr_get_name(index.into());
            if known.map_err(doing("reading the name of an NV index"))?.value() == which.name(policy) {
                return Ok(index);
            }
            self.forget(which)?;
        }
        self.make(which, policy)
    }

    fn make(&mut self, which: &Index, policy: &[u8]) -> Result<NvIndexHandle> {
        let public = public(which, policy).map_err(doing("describing an NV index"))?;
        let defined = self.context.execute_with_session(Some(AuthSession::Password), |ctx| {
            ctx.nv_define_space(Provision::Owner, None, public)
        });
        defined.map_err(as_owner("making an NV index for the volume's record"))
    }

    fn index(&mut self, which: &Index) -> Result<Option<NvIndexHandle>> {
        let handle = NvIndexTpmHandle::new(which.handle).map_err(doing("naming an NV index"))?;
        match self.context.tr_from_tpm_public(TpmHandle::NvIndex(handle)) {
            Err(error) if outcome(&error) == Outcome::NoObject => Ok(None),
            answer => Ok(Some(NvIndexHandle::from(answer.map_err(doing("looking for an NV index"))?))),
        }
    }

    fn handles(&mut self, from: u32, to: u32) -> Result<Vec<u32>> {
        let mut found = Vec::new();
        let mut next = from;
        loop {
            let listed = self.context.get_capability(CapabilityType::Handles, next, AT_ONCE);
            let (CapabilityData::Handles(handles), more) = listed.map_err(doing("listing NV indices"))?
            else {
                return Err(TpmError::Missing("a list of NV indices"));
            };
            let before = found.len();
            found.extend(
                handles.iter().map(|handle| u32::from(*handle)).filter(|handle| (from..to).contains(handle)),
            );
            match found.last() {
                Some(last) if more && found.len() > before => next = last + 1,
                _ => return Ok(found),
            }
        }
    }
}

fn public(which: &Index, policy: &[u8]) -> tss_esapi::Result<NvPublic> {
    NvPublic::builder()
        .with_nv_index(NvIndexTpmHandle::new(which.handle)?)
        .with_index_name_algorithm(HashingAlgorithm::Sha256)
        .with_index_attributes(NvIndexAttributes::try_from(which.attributes)?)
        .with_index_auth_policy(structures::Digest::from_bytes(policy)?)
        .with_data_area_size(which.bytes.into())
        .build()
}
