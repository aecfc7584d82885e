//! The LUKS2 volume, as `systemd-repart` formats it and `systemd-cryptsetup` opens it.

mod ahead;
mod copy;
mod draft;
mod generation;
mod look;
mod recovery;
mod replace;
#[cfg(test)]
pub(crate) mod tests;

use std::fs::File;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use libcryptsetup_rs::consts::flags::{CryptActivate, CryptDeactivate, CryptPbkdf, CryptVolumeKey};
use libcryptsetup_rs::consts::vals::{CryptKdf, EncryptionFormat};
use libcryptsetup_rs::{
    CryptDevice, CryptInit, CryptParamsLuks2Ref, CryptPbkdfType, Either, LibcryptErr, TokenInput,
};
use pattern::token::Tpm2Token;
use pattern::volume::recovery::RecoveryKey;
use pattern::volume::{FINISHED, Header};
use serde_json::Value;
use zeroize::Zeroizing;

pub use draft::Draft;
pub use look::{head, look, size};
pub use recovery::prove;

/// The fewest iterations that cryptsetup accepts. Each of our secrets has 256 bits of entropy, so
/// more iterations add nothing.
const ITERATIONS: u32 = 1000;

/// A LUKS2 volume, open or not.
pub struct Volume {
    device: CryptDevice,
    /// Keeps the memfd open: libcryptsetup re-reads the header through `/proc/self/fd/N`.
    _copy: Option<File>,
}

/// Makes libcryptsetup rewrite a torn copy of the header, as any of its tools does when it next
/// loads the header.
///
/// # Errors
/// When no copy is intact.
pub fn repair(device: &Path) -> Result<()> {
    load(&mut Volume::init(device)?.device)
}

fn load(device: &mut CryptDevice) -> Result<()> {
    let luks2 = Some(EncryptionFormat::Luks2);
    let loaded = device.context_handle().load::<CryptParamsLuks2Ref<'_>>(luks2, None);
    loaded.map_err(failed("reading the LUKS2 header"))
}

/// The key that the data is encrypted with.
pub struct VolumeKey(Zeroizing<Vec<u8>>);

impl VolumeKey {
    /// Returns another handle to the same key.
    #[cfg(test)]
    pub fn copy(key: &Self) -> Self {
        Self(key.0.clone())
    }

    /// Returns the key's bytes, for deriving other values.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Volume {
    /// Prepares to open the data on a device with a vetted header. The header on the device is not
    /// read any more. The material of the key slots is read once, now.
    ///
    /// # Errors
    /// When the device can't be read, or libcryptsetup refuses the header.
    pub fn vetted(device: &Path, header: &Header) -> Result<Self> {
        let copy = copy::sealed(device, header).context("copying the LUKS2 header")?;
        let mut device = copy::attach(&copy, device)?;
        load(&mut device)?;
        Ok(Self { device, _copy: Some(copy) })
    }

    /// Reads the header on a device, to change it there.
    ///
    /// # Errors
    /// When there is no header.
    pub fn load(device: &Path) -> Result<Self> {
        let mut volume = Self::init(device)?;
        load(&mut volume.device)?;
        Ok(volume)
    }

    /// Records in the header that the volume is complete. Call it only after [`Volume::load`].
    ///
    /// # Errors
    /// When the header can't be written.
    pub fn mark_finished(&mut self) -> Result<()> {
        let labelled = self.device.context_handle().set_label(Some(FINISHED), None);
        labelled.map_err(failed("writing the label of the LUKS2 header"))
    }

    fn init(device: &Path) -> Result<Self> {
        CryptInit::init(device)
            .map(|device| Self { device, _copy: None })
            .map_err(failed("opening the device"))
            .with_context(|| device.display().to_string())
    }

    /// Adds a key slot, any free one if `slot` is `None`. Returns its number. `key` may be `None`
    /// only for a [`Draft`], while libcryptsetup still has the new volume key.
    fn add_key(&mut self, slot: Option<u32>, key: Option<&VolumeKey>, passphrase: &str) -> Result<u32> {
        self.add_derived(&fewest_rounds(), slot, key, passphrase)
    }

    /// Adds a key slot like [`Volume::add_key`], with a key that is derived this way from the passphrase.
    fn add_derived(
        &mut self,
        how: &CryptPbkdfType,
        slot: Option<u32>,
        key: Option<&VolumeKey>,
        passphrase: &str,
    ) -> Result<u32> {
        let doing = failed("adding a key slot");
        // The setting belongs to this handle. The header does not store it.
        self.device.settings_handle().set_pbkdf_type(how).map_err(&doing)?;
        let key = key.map(|key| Either::Left(key.as_bytes()));
        let mut slots = self.device.keyslot_handle();
        let added = slots.add_by_key(slot, key, passphrase.as_bytes(), CryptVolumeKey::empty());
        added.map_err(|error| match self.metadata().is_ok_and(|metadata| has_room(&metadata)) {
            true => doing(error),
            // libcryptsetup says "Invalid argument" then.
            false => anyhow!(
                "adding a key slot: the header has no room for another; remove one: pattern recovery wipe-slot N"
            ),
        })
    }

    fn add_token(&mut self, json: &str) -> Result<()> {
        let json = serde_json::from_str(json).context("writing a token")?;
        self.set_token(TokenInput::AddToken(&json)).context("adding a token")
    }

    fn set_token(&mut self, input: TokenInput<'_>) -> Result<()> {
        self.device.token_handle().json_set(input).map(drop).map_err(failed("writing the LUKS2 header"))
    }

    /// Returns the volume key, by the secret of a token.
    ///
    /// # Errors
    /// When the secret does not open the token's key slot.
    pub fn unlock_sealed(&mut self, token: &Tpm2Token, secret: &[u8]) -> Result<VolumeKey> {
        Ok(self.unlock(Some(token.keyslot), &passphrase(secret))?.0)
    }

    /// Returns the volume key, by what a person entered: a recovery key, or any other passphrase.
    ///
    /// # Errors
    /// When it opens no key slot.
    pub fn unlock_entered(&mut self, entered: &str) -> Result<VolumeKey> {
        Ok(self.unlock_any(entered)?.0)
    }

    /// Unlocks like [`Volume::unlock_entered`]. Also returns the key slot that was opened.
    fn unlock_any(&mut self, entered: &str) -> Result<(VolumeKey, u32)> {
        match RecoveryKey::parse(entered) {
            Ok(key) => self.unlock(None, key.as_str()),
            Err(_) => self.unlock(None, entered),
        }
    }

    fn unlock(&mut self, keyslot: Option<u32>, passphrase: &str) -> Result<(VolumeKey, u32)> {
        let size = self.device.status_handle().get_volume_key_size();
        let mut key =
            Zeroizing::new(vec![0; usize::try_from(size).context("reading the volume key's size")?]);
        let got = self.device.volume_key_handle().get(keyslot, &mut key, Some(passphrase.as_bytes()));
        let (slot, size) = got.map_err(failed("opening the volume"))?;
        key.truncate(size);
        Ok((VolumeKey(key), u32::try_from(slot).context("reading the key slot's number")?))
    }

    /// Maps the volume as `/dev/mapper/NAME`.
    ///
    /// # Errors
    /// When the kernel refuses the mapping.
    pub fn activate(&mut self, name: &str, key: &VolumeKey) -> Result<()> {
        let activated = self.device.activate_handle().activate_by_volume_key(
            Some(name),
            Some(key.as_bytes()),
            CryptActivate::ALLOW_DISCARDS,
        );
        activated.map_err(failed("opening the volume"))
    }

    /// Returns the volume's UUID from the header.
    ///
    /// # Errors
    /// When the header has no UUID.
    pub fn uuid(&mut self) -> Result<String> {
        Ok(self.device.status_handle().get_uuid().map_err(failed("reading the volume's UUID"))?.to_string())
    }

    /// Removes `/dev/mapper/NAME` again, after a failure that is being reported.
    pub fn close(&mut self, name: &str) {
        // The first failure must be seen; a second one would hide it.
        self.device.activate_handle().deactivate(name, CryptDeactivate::empty()).ok();
    }
}

/// Returns systemd's passphrase for a sealed secret: its base64 text.
fn passphrase(secret: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(STANDARD.encode(secret))
}

fn fewest_rounds() -> CryptPbkdfType {
    CryptPbkdfType {
        type_: CryptKdf::Pbkdf2,
        hash: Some("sha512".to_owned()),
        time_ms: 0,
        iterations: ITERATIONS,
        max_memory_kb: 0,
        parallel_threads: 0,
        // Otherwise libcryptsetup runs a benchmark, and chooses the iterations itself.
        flags: CryptPbkdf::NO_BENCHMARK,
    }
}

/// Makes guesses at a person's passphrase expensive. The values are the defaults of cryptsetup(8), which fits the memory to
/// the machine and measures the iterations.
fn slow() -> CryptPbkdfType {
    CryptPbkdfType {
        type_: CryptKdf::Argon2Id,
        hash: Some("sha512".to_owned()),
        time_ms: 2000,
        iterations: 0,
        max_memory_kb: 1 << 20,
        parallel_threads: 4,
        flags: CryptPbkdf::empty(),
    }
}

/// Returns whether another key slot fits: as many bytes are free as the largest slot has. Without a
/// slot there is room.
fn has_room(metadata: &Value) -> bool {
    let number = |value: &Value| value.as_str().and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let slots = metadata.get("keyslots").and_then(Value::as_object).into_iter().flatten();
    let sizes: Vec<u64> = slots.filter_map(|(_, slot)| slot.pointer("/area/size").map(number)).collect();
    let all = metadata.pointer("/config/keyslots_size").map_or(0, number);
    let largest = sizes.iter().max().copied().unwrap_or(0);
    all.saturating_sub(sizes.iter().sum()) >= largest
}

fn failed(what: &'static str) -> impl Fn(LibcryptErr) -> anyhow::Error {
    move |error| anyhow!("{what}: {}", cause(&error))
}

/// Returns the cause in words. libcryptsetup reports a wrong key as EPERM, which nobody would
/// guess.
fn cause(error: &LibcryptErr) -> String {
    match error {
        LibcryptErr::IOError(error) if error.raw_os_error() == Some(nix::libc::EPERM) => {
            "no key slot has this key".to_owned()
        }
        LibcryptErr::IOError(error) => error.to_string(),
        other => other.to_string(),
    }
}
