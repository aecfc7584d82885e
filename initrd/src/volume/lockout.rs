//! The TPM's lockout password, for a volume with a PIN: a file inside the volume that only root
//! reads.
//!
//! Each boot checks and repairs what is missing, so the next boot repairs any cut. No failure here
//! ends the boot: without the password the PIN still opens the volume, but it is easier to guess.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use pattern::tpm::lockout::{BYTES, LIMITS, Order, Step, make_password, steps};
use pattern_machine::{output, random, replace, tpm_device};
use zeroize::Zeroizing;

use crate::tpm::{self, Tcti, TpmError};
use crate::volume::place;

/// Folder at the volume's root.
const FOLDER: &str = "tpm";
const FILE: &str = "lockout-password";

type Password = Zeroizing<[u8; BYTES]>;

/// Sets and repairs the password in the initrd, once a volume with a PIN is open. The right PIN or
/// key was given, so the TPM may forget earlier wrong PINs.
pub(crate) fn at_boot(tcti: &Tcti, volume: &Path) {
    if tpm_device::exists() {
        let done = tend(tcti, volume, false);
        done.unwrap_or_else(|error| log::warn!("looking after the TPM's lockout password: {error:#}"));
    }
}

/// Sets the password in the running system, once the volume has a PIN.
///
/// # Errors
/// When the volume is not mounted, or the TPM has another password or fails.
pub(crate) fn at_rebind(tcti: &Tcti) -> Result<()> {
    tend(tcti, place::mounted()?, true)
}

/// Removes the password from the TPM, in the running system, when the next boot is to erase the
/// volume. Otherwise the next volume could not control the TPM's lockout, because the password
/// would be lost with this one. If the volume is kept after all, the next boot sets the password
/// again.
pub(crate) fn give_back(tcti: &Tcti) {
    // If the volume is not open, there is no password to give back.
    if let Ok(volume) = place::mounted() {
        let done = release(tcti, volume).context("giving the TPM's lockout password back");
        done.unwrap_or_else(|error| output::message(&format!("pattern: {error:#}")));
    }
}

fn release(tcti: &Tcti, volume: &Path) -> Result<()> {
    let Some(password) = read(volume)? else { return Ok(()) };
    if tcti.ask(|tpm| tpm.lockout())?.set {
        let done = tcti.ask(|tpm| tpm.change_lockout_password(&*password, &[]));
        done.context("taking the lockout password of this volume from the TPM")?;
    }
    Ok(())
}

fn tend(tcti: &Tcti, volume: &Path, certain: bool) -> Result<()> {
    let state = tcti.ask(|tpm| tpm.lockout())?;
    let kept = read(volume)?;
    let steps = steps(state, kept.is_some(), certain).ok_or(TpmError::OtherPassword)?;
    let mut password = kept.unwrap_or_default();
    for step in steps {
        match step {
            Step::Write => {
                password = random::secret()?;
                make_password(&mut password);
                write(volume, &password)?;
            }
            Step::Limit => tpm::order(tcti, Order::Limit(LIMITS), &[], *random::secret()?)?,
            Step::Set => tcti.ask(|tpm| tpm.change_lockout_password(&[], &*password))?,
            Step::Forget => tpm::order(tcti, Order::Forget, &*password, *random::secret()?)?,
        }
    }
    if state.wrong > 0 {
        log::warn!(
            "the TPM had counted {} wrong tries, such as wrong PINs, since the volume was last opened; it counts anew",
            state.wrong
        );
    }
    Ok(())
}

fn read(root: &Path) -> Result<Option<Password>> {
    let path = root.join(FOLDER).join(FILE);
    let bytes = match fs::read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        bytes => Zeroizing::new(bytes.with_context(|| format!("reading {}", path.display()))?),
    };
    match <[u8; BYTES]>::try_from(&bytes[..]) {
        Ok(password) => Ok(Some(Zeroizing::new(password))),
        Err(_) => bail!(
            "{} has {} bytes, not {BYTES}: it is not the TPM's lockout password",
            path.display(),
            bytes.len()
        ),
    }
}

/// Writes the password below a folder that is root's alone.
fn write(root: &Path, password: &Password) -> Result<()> {
    let folder = root.join(FOLDER);
    let about = || format!("writing the TPM's lockout password below {}", folder.display());
    match DirBuilder::new().mode(0o700).create(&folder) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            fs::set_permissions(&folder, Permissions::from_mode(0o700))
        }
        made => made,
    }
    .with_context(about)?;
    replace::file(&folder, FILE, &**password, 0o600).with_context(about)?;
    // The folder may be new.
    File::open(root).and_then(|root| root.sync_all()).with_context(about)
}

#[cfg(test)]
mod tests;
