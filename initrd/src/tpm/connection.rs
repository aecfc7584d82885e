//! The connection to the TPM. A process makes one, and keeps it.
//!
//! In the initrd the connection is to the TPM itself. The kernel's resource manager would save and
//! load every object and session around every command: more commands than our own, each of them
//! slow on a real chip. So whatever is loaded is flushed here, and never more than a TPM without a
//! resource manager has room for (TCG PC Client Platform TPM Profile: three objects, three
//! sessions). After a program that was killed, the next restart of the machine clears the TPM.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use pattern::token::Srk;
use pattern_machine::tpm_device;
use tss_esapi::Context;
use tss_esapi::constants::SessionType;
use tss_esapi::handles::{KeyHandle, ObjectHandle, SessionHandle};
use tss_esapi::interface_types::algorithm::HashingAlgorithm;
use tss_esapi::interface_types::reserved_handles::Hierarchy;
use tss_esapi::interface_types::session_handles::AuthSession;
use tss_esapi::structures::{Public, SymmetricDefinition};
use tss_esapi::tcti_ldr::TctiNameConf;

use super::approve::Approved;
use super::error::Outcome;
use super::{Result, TpmError, doing, outcome};

/// Seconds to wait before a command is repeated that the TPM was too busy for. The library repeats it
/// five times at once. A TPM that protects its memory from wear may want minutes
/// (TPM 2.0 Library, Part 1, "NV Rate Limiting").
const PAUSES: [u64; 8] = [1, 2, 4, 8, 15, 30, 30, 30];

/// The way to a TPM, and the connection that waits for the next use.
pub struct Tcti {
    place: Place,
    idle: Cell<Option<Tpm>>,
    pause: fn(Duration),
    faulty: Cell<bool>,
}

/// Where a TPM is.
pub(super) enum Place {
    /// Character devices. The first one that can be opened is used.
    Devices(Vec<PathBuf>),
    /// The data socket of a software TPM.
    #[cfg(test)]
    Swtpm(PathBuf),
}

/// A connection to a TPM.
pub struct Tpm {
    pub(super) context: Context,
    /// The TPM's storage root key, once the TPM was asked for it.
    pub(super) srk: Option<(KeyHandle, Srk)>,
    /// The policies whose signatures the TPM has checked.
    pub(super) approved: Vec<Approved>,
    /// What is loaded in the TPM.
    loaded: Vec<ObjectHandle>,
    /// Whether an answer was lost that nobody waits for.
    lost: bool,
}

impl Default for Tcti {
    fn default() -> Self {
        let place = Place::Devices(tpm_device::paths());
        Self { place, idle: Cell::default(), pause: thread::sleep, faulty: Cell::default() }
    }
}

impl Tcti {
    /// Returns the way to a TPM of a test, which nobody waits for.
    #[cfg(test)]
    pub(super) fn of(place: Place) -> Self {
        Self { place, idle: Cell::default(), pause: |_| {}, faulty: Cell::default() }
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// Uses the connection, and keeps it for the next use. After an error it is closed: the library
    /// may be in the middle of a command, or remember a key that the TPM does not have. While the
    /// TPM is busy, `act` is repeated, so it has to look before it changes something.
    ///
    /// # Errors
    /// When there is no TPM, it can't be opened, or `act` fails.
    pub fn ask<T>(&self, mut act: impl FnMut(&mut Tpm) -> Result<T>) -> Result<T> {
        let done = self.patiently(|| {
            let mut tpm = self.idle.take().map_or_else(|| Tpm::open(&self.place), Ok)?;
            let answer = act(&mut tpm)?;
            for object in std::mem::take(&mut tpm.loaded) {
                tpm.unload(object);
            }
            if !tpm.lost {
                self.idle.set(Some(tpm));
            }
            Ok(answer)
        });
        if done.as_ref().is_err_and(TpmError::is_fault) {
            self.faulty.set(true);
        }
        done
    }

    /// Returns whether the TPM failed in a way that a restart of the machine may end.
    pub fn is_faulty(&self) -> bool {
        self.faulty.get()
    }

    /// Repeats what a busy TPM did not do.
    pub(super) fn patiently<T>(&self, mut act: impl FnMut() -> Result<T>) -> Result<T> {
        for pause in PAUSES.map(Duration::from_secs) {
            match act() {
                Err(TpmError::Busy(what)) => {
                    log::info!("{what}: the TPM is busy, trying again in {} s", pause.as_secs());
                    (self.pause)(pause);
                }
                done => return done,
            }
        }
        act()
    }
}

impl Place {
    /// Only one program at a time can open the TPM itself. The last path is that of the resource
    /// manager.
    fn open(&self) -> Result<Context> {
        match self {
            Self::Devices(_) if tpm_device::is_old() => Err(TpmError::Old),
            Self::Devices(paths) => {
                let mut answer = Err(TpmError::Missing("a device"));
                for path in paths {
                    answer = open_device(path);
                    if answer.is_ok() {
                        break;
                    }
                }
                answer
            }
            #[cfg(test)]
            Self::Swtpm(path) => {
                let path = path.to_string_lossy().into_owned();
                let config = tss_esapi::tcti_ldr::TpmSimulatorConfig::Unix { path };
                Context::new(TctiNameConf::Swtpm(config)).map_err(doing("opening the TPM"))
            }
        }
    }
}

fn open_device(path: &Path) -> Result<Context> {
    if !path.exists() {
        return Err(TpmError::NoTpm(path.to_owned()));
    }
    let config = path.to_string_lossy().parse().map_err(doing("naming the TPM's device"))?;
    Context::new(TctiNameConf::Device(config)).map_err(doing("opening the TPM"))
}

impl Tpm {
    pub(super) fn open(place: &Place) -> Result<Self> {
        let context = place.open()?;
        Ok(Self { context, srk: None, approved: Vec::new(), loaded: Vec::new(), lost: false })
    }

    /// Starts a session whose key only the TPM that owns `srk` can derive. Parameters are
    /// encrypted: those of the command, those of the answer, or both. The TPM ends the session
    /// after the first command that it authorises.
    pub(super) fn start_session(
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
        self.loaded.push(SessionHandle::from(session).into());
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

    /// Forgets a session that the TPM has ended.
    ///
    /// tss-esapi 8.0.0-alpha.4 forgets the handle, and then returns an error that it expected a
    /// flush, which would be one more command to the TPM. So the result is ignored.
    pub(super) fn ended(&mut self, session: AuthSession) {
        let session = ObjectHandle::from(SessionHandle::from(session));
        self.loaded.retain(|one| *one != session);
        self.context.tr_close(&mut session.clone()).ok();
    }

    /// Loads the public part of a key, to check signatures with.
    pub(super) fn load_public(&mut self, area: Public) -> tss_esapi::Result<KeyHandle> {
        let key = self.context.load_external(None, area, Hierarchy::Owner)?;
        self.loaded.push(key.into());
        Ok(key)
    }

    /// Notes an object that a command has loaded.
    pub(super) fn has_loaded(&mut self, object: ObjectHandle) -> ObjectHandle {
        self.loaded.push(object);
        object
    }

    /// Removes an object from the TPM. If that fails, the object is only in the way.
    pub(super) fn unload(&mut self, object: ObjectHandle) {
        self.loaded.retain(|one| *one != object);
        let flushed = self.context.flush_context(object);
        self.lost |= flushed.is_err_and(|error| outcome(&error) == Outcome::Silent);
    }
}
