//! The lockout of the TPM: its password, its limits, and its count of wrong tries.

use std::fs::OpenOptions;
use std::io::{self, Read, Write};
#[cfg(test)]
use std::os::unix::net::UnixStream;

use pattern::tpm::lockout::{BYTES, Order, Refusal, Session, State, begin};
use pattern_machine::tpm_device;
use tss_esapi::constants::{CapabilityType, PropertyTag, SessionType};
use tss_esapi::handles::{AuthHandle, ObjectHandle};
use tss_esapi::structures::{Auth, CapabilityData};
use tss_esapi::{Error, ReturnCode};

use super::connection::Place;
use super::{Result, Tcti, Tpm, TpmError, doing, outcome};
use crate::tpm::error::Outcome;

/// `TPMA_PERMANENT`, lockoutAuthSet.
const SET: u32 = 1 << 2;
/// `TPM_RC_RETRY`: the TPM had to do something else first, and wants the command again.
const RETRY: u32 = 0x922;
/// More retries than this in a row mean a fault.
const TRIES: usize = 10;
/// The TPM's longest answer, in bytes.
const LONGEST: usize = 4096;
const TELLING: &str = "setting the TPM's limits for wrong tries";

impl Tpm {
    /// Returns the state of the lockout, with one command.
    ///
    /// # Errors
    /// When the TPM fails.
    pub fn lockout(&mut self) -> Result<State> {
        let (first, last) = (u32::from(PropertyTag::Permanent), u32::from(PropertyTag::LockoutCounter));
        let asked = self.context.execute_without_session(|context| {
            context.get_capability(CapabilityType::TpmProperties, first, last - first + 1)
        });
        let (data, _) = asked.map_err(doing("asking the TPM for its lockout"))?;
        let CapabilityData::TpmProperties(properties) = data else {
            return Err(TpmError::Missing("its lockout"));
        };
        let value = |tag| properties.find(tag).map(|one| one.value()).ok_or(TpmError::Missing("its lockout"));
        Ok(State {
            set: value(PropertyTag::Permanent)? & SET != 0,
            wrong: value(PropertyTag::LockoutCounter)?,
        })
    }

    /// Changes the lockout's password. An empty one means no password. It is sent encrypted.
    ///
    /// # Errors
    /// When the old one is wrong, the TPM accepts none for a while, or it fails.
    pub fn change_lockout_password(&mut self, old: &[u8], new: &[u8]) -> Result<()> {
        let given = doing("passing the lockout password to the TPM");
        let (old, new) = (Auth::from_bytes(old).map_err(&given)?, Auth::from_bytes(new).map_err(&given)?);
        let (srk, _) = self.srk()?;
        self.context.tr_set_auth(ObjectHandle::Lockout, old).map_err(&given)?;
        let session = self.start_session(srk, SessionType::Hmac, (true, false))?;
        let changed = self.context.execute_with_session(Some(session), |context| {
            context.hierarchy_change_auth(AuthHandle::Lockout, new)
        });
        changed.map_err(refused)?;
        self.ended(session);
        Ok(())
    }
}

/// Makes the TPM carry out an order, with two commands.
///
/// # Errors
/// When the password is wrong, the TPM accepts none for a while, or it fails.
pub fn order(tcti: &Tcti, order: Order, password: &[u8], nonce: [u8; BYTES]) -> Result<()> {
    tcti.patiently(|| {
        let mut line = Line::connect(tcti).map_err(TpmError::Unreachable)?;
        let session = Session::read(nonce, &line.say(&begin(&nonce))?).map_err(explained)?;
        let answer = line.say(&session.command(order, password))?;
        session.check(order, password, &answer).map_err(explained)
    })
}

fn explained(refusal: Refusal) -> TpmError {
    match refusal {
        Refusal::NotTheTpm => TpmError::Missing("a confirmation of the limits for wrong tries"),
        Refusal::Code(code) => match ReturnCode::try_from(code) {
            Ok(code) => refused(Error::TssError(code)),
            Err(error) => TpmError::Failed(TELLING, error),
        },
    }
}

fn refused(error: Error) -> TpmError {
    match outcome(&error) {
        Outcome::Lockout => TpmError::PasswordPaused,
        Outcome::WrongAuth => TpmError::OtherPassword,
        _ => doing(TELLING)(error),
    }
}

/// A connection for commands that tss-esapi does not have.
enum Line {
    Device(std::fs::File),
    #[cfg(test)]
    Swtpm(UnixStream),
}

impl Line {
    fn connect(tcti: &Tcti) -> io::Result<Self> {
        match tcti.place() {
            // Beside the connection, which may have the TPM itself open.
            Place::Devices(_) => {
                OpenOptions::new().read(true).write(true).open(tpm_device::PATH).map(Self::Device)
            }
            #[cfg(test)]
            Place::Swtpm(path) => UnixStream::connect(path).map(Self::Swtpm),
        }
    }

    fn say(&mut self, command: &[u8]) -> Result<Vec<u8>> {
        let mut answer = self.exchange(command).map_err(TpmError::Unreachable)?;
        for _ in 1..TRIES {
            if answer.get(6..10) != Some(&RETRY.to_be_bytes()) {
                break;
            }
            answer = self.exchange(command).map_err(TpmError::Unreachable)?;
        }
        Ok(answer)
    }

    fn exchange(&mut self, command: &[u8]) -> io::Result<Vec<u8>> {
        let mut answer = vec![0; LONGEST];
        // One write is one command, and one read is its whole answer.
        let length = match self {
            Self::Device(device) => device.write_all(command).and_then(|()| device.read(&mut answer)),
            #[cfg(test)]
            Self::Swtpm(socket) => socket.write_all(command).and_then(|()| socket.read(&mut answer)),
        }?;
        answer.truncate(length);
        Ok(answer)
    }
}
