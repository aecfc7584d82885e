//! Seals a secret to this machine's TPM and the values of its PCRs, and unseals it.
//!
//! The objects have systemd's format (its `src/shared/tpm2-util.c`), so either side can open what
//! the other sealed. TPM commands are slow on real chips, so unsealing sends only the necessary
//! ones.

mod ahead;
mod approve;
mod diagnose;
mod error;
mod extend;
mod lockout;
pub(crate) mod measure;
mod nv;
mod pcr;
mod revocation;
mod seal;
mod srk;
#[cfg(test)]
pub mod swtpm;
#[cfg(test)]
pub(crate) mod tests;
mod unseal;

use std::path::{Path, PathBuf};

use pattern_machine::tpm_device;
use tss_esapi::Context;
use tss_esapi::constants::SessionType;
use tss_esapi::handles::{KeyHandle, ObjectHandle};
use tss_esapi::interface_types::algorithm::HashingAlgorithm;
use tss_esapi::interface_types::session_handles::AuthSession;
use tss_esapi::structures::SymmetricDefinition;
use tss_esapi::tcti_ldr::{DeviceConfig, TctiNameConf};

pub use error::{Result, TpmError};
use error::{doing, outcome};
pub use lockout::order;
pub use nv::{Held, Nv};
pub use seal::NewPin;
pub use unseal::Presented;

/// How to reach a TPM.
#[derive(Clone)]
pub enum Tcti {
    /// A character device.
    Device(PathBuf),
    /// The data socket of a software TPM.
    #[cfg(test)]
    Swtpm(String),
}

impl Default for Tcti {
    fn default() -> Self {
        Self::Device(PathBuf::from(tpm_device::PATH))
    }
}

/// A connection to a TPM.
pub struct Tpm {
    context: Context,
}

impl Tpm {
    /// Connects to the TPM. Sends no command.
    ///
    /// # Errors
    /// When there is no TPM, or it can't be opened.
    pub fn connect(tcti: &Tcti) -> Result<Self> {
        let config = match tcti {
            Tcti::Device(path) => TctiNameConf::Device(device(path)?),
            #[cfg(test)]
            Tcti::Swtpm(path) => {
                TctiNameConf::Swtpm(tss_esapi::tcti_ldr::TpmSimulatorConfig::Unix { path: path.clone() })
            }
        };
        let context = Context::new(config).map_err(doing("opening the TPM"))?;
        Ok(Self { context })
    }

    /// Starts a session whose key only the TPM that owns `srk` can derive. Parameters are
    /// encrypted: those of the command, those of the answer, or both. The TPM ends the session
    /// after the first command that it authorises.
    fn start_session(
        &mut self,
        srk: KeyHandle,
        kind: SessionType,
        (sent, answered): (bool, bool),
    ) -> Result<AuthSession> {
        let aes = SymmetricDefinition::AES_128_CFB;
        let session =
            self.context.start_auth_session(Some(srk), None, None, kind, aes, HashingAlgorithm::Sha256);
        let session = session.map_err(doing("starting a session salted to the storage root key"))?;
        let session = session.ok_or(TpmError::Missing("a session"))?;
        let (attributes, mask) = tss_esapi::attributes::SessionAttributesBuilder::new()
            .with_decrypt(sent)
            .with_encrypt(answered)
            .with_continue_session(false)
            .build();
        self.context
            .tr_sess_set_attributes(session, attributes, mask)
            .map_err(doing("encrypting a session"))?;
        Ok(session)
    }

    /// Drops our handle without `FlushContext`. The resource manager frees the object when the
    /// connection closes, and the TPM has already ended the session.
    ///
    /// tss-esapi 8.0.0-alpha.4 forgets the handle, and then returns an error that it expected a
    /// flush, which would be one more command to the TPM. So the result is ignored.
    fn leave(&mut self, mut object: ObjectHandle) {
        self.context.tr_close(&mut object).ok();
    }
}

fn device(path: &Path) -> Result<DeviceConfig> {
    if !path.exists() {
        return Err(TpmError::NoTpm(path.to_owned()));
    }
    path.to_string_lossy().parse().map_err(doing("naming the TPM's device"))
}
