//! The TPM's lockout password, for a volume with a PIN: in a file that only root reads, inside the volume.
//!
//! Each boot looks and makes good what is missing, so a cut at any instant is made good by the next one. Nothing here ends a
//! boot: without the password the PIN opens the volume as well, it only is less of a secret.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use pattern::tpm::lockout::{BYTES, LIMITS, Order, Step, make_password, steps};
use zeroize::Zeroizing;

use crate::machine::tpm::{self, Tcti, Tpm, TpmError};
use crate::machine::{measure, random};
use crate::volume::filesystem::{self, Mounted};
use crate::volume::place::{self, DEVICE, WORK};

/// At the volume's root.
const FOLDER: &str = "tpm";
const FILE: &str = "lockout-password";
/// What the file is called until it is whole.
const DRAFT: &str = "lockout-password.new";

type Password = Zeroizing<[u8; BYTES]>;

/// Where the volume's root is.
enum Root<'a> {
    /// On a device, to be mounted as long as somebody works on it.
    Device(&'a Path),
    /// Here.
    Folder(&'a Path),
}

/// In the initrd, once a volume with a PIN is open. That it was opened says that no more PINs need be refused.
pub(crate) fn at_boot() {
    if measure::has_tpm() {
        let done = tend(&Tcti::default(), &Root::Device(Path::new(DEVICE)), false);
        done.unwrap_or_else(|error| log::warn!("looking after the TPM's lockout password: {error:#}"));
    }
}

/// In the running system, once the volume has a PIN.
///
/// # Errors
/// When the volume is not mounted, the TPM has another password, or fails.
pub(crate) fn at_rebind() -> Result<()> {
    tend(&Tcti::default(), &Root::Folder(place::mounted()?), true)
}

/// In the running system, when the next boot is to erase the volume: its successor could not have the TPM's lockout without
/// the password in it. Should the volume be kept after all, the next boot sets it again.
pub(crate) fn give_back() {
    // A volume that is not open gives nothing.
    if let Ok(volume) = place::mounted() {
        let done = release(&Tcti::default(), volume).context("giving the TPM's lockout password back");
        done.unwrap_or_else(|error| eprintln!("pattern: {error:#}"));
    }
}

fn release(tcti: &Tcti, volume: &Path) -> Result<()> {
    let Some(password) = read(volume)? else { return Ok(()) };
    let mut tpm = Tpm::connect(tcti)?;
    if tpm.lockout()?.set {
        let done = tpm.change_lockout_password(&*password, &[]);
        done.context("taking the lockout password of this volume from the TPM")?;
    }
    Ok(())
}

fn tend(tcti: &Tcti, root: &Root<'_>, certain: bool) -> Result<()> {
    let state = Tpm::connect(tcti)?.lockout()?;
    let kept = root.with(true, read)?;
    let steps = steps(state, kept.is_some(), certain).ok_or(TpmError::OtherPassword)?;
    let mut password = kept.unwrap_or_default();
    for step in steps {
        match step {
            Step::Write => {
                password = random::secret()?;
                make_password(&mut password);
                root.with(false, |folder| write(folder, &password))?;
            }
            Step::Limit => tpm::order(tcti, Order::Limit(LIMITS), &[], *random::secret()?)?,
            Step::Set => Tpm::connect(tcti)?.change_lockout_password(&[], &*password)?,
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

impl Root<'_> {
    fn with<T>(&self, read_only: bool, act: impl FnOnce(&Path) -> Result<T>) -> Result<T> {
        match self {
            Self::Folder(folder) => act(folder),
            Self::Device(device) => {
                let mounted = Mounted::new(device, Path::new(WORK), filesystem::of(device)?, read_only)?;
                let done = act(mounted.path())?;
                mounted.unmount()?;
                Ok(done)
            }
        }
    }
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

/// It gets its name when it is on the disk.
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
    let draft = folder.join(DRAFT);
    let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft);
    let mut file = opened.with_context(about)?;
    file.write_all(&**password).and_then(|()| file.sync_all()).with_context(about)?;
    fs::rename(&draft, folder.join(FILE)).with_context(about)?;
    for written in [&folder, root] {
        File::open(written).and_then(|written| written.sync_all()).with_context(about)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
