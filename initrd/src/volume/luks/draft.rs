//! Makes the header of a new volume in memory. The device gets it when it is complete.
//!
//! libcryptsetup flushes the device several times for each key slot and each token. In memory that
//! costs nothing, and the device is unchanged until the keys were tried.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use anyhow::{Context as _, Result};
use libcryptsetup_rs::consts::vals::{EncryptionFormat, KeyslotsSize, MetadataSize};
use libcryptsetup_rs::{CryptParamsLuks2, CryptParamsLuks2Ref, Either};
use nix::libc::O_EXCL;
use pattern::table::Guid;
use pattern::token::Tpm2Token;
use pattern::volume::UNFINISHED;
use pattern::volume::recovery::{Escrow, RecoveryKey};
use uuid::Uuid;

use super::{Volume, copy as memory, failed, fewest_rounds, passphrase, slow};

/// Bytes of metadata before the data: the default of LUKS2 and of systemd.
pub(super) const DATA_OFFSET: u64 = 16 << 20;
/// Bytes for the material of key slots, between the two copies of the metadata and 4 MiB: 16 slots.
/// libcryptsetup fills all of it with random bytes, and the default of almost 16 MiB is room for 32
/// slots.
const KEYSLOTS: u64 = (4 << 20) - 2 * METADATA;
/// Bytes of a copy of the metadata.
const METADATA: u64 = 16 << 10;
/// Bytes of the volume key: two AES-256 keys, for XTS.
const KEY_BYTES: usize = 64;
/// Bytes that are copied at once.
const PIECE: usize = 1 << 20;

/// A header in memory, with a new volume key. The label says that the volume is not finished, see
/// [`Volume::mark_finished`].
pub struct Draft {
    header: File,
    volume: Volume,
}

impl Draft {
    /// Makes a header without a key slot, for a device of so many bytes.
    ///
    /// # Errors
    /// When memory is short, or libcryptsetup refuses.
    pub fn new(device: &Path, bytes: u64, uuid: Guid) -> Result<Self> {
        let doing = failed("formatting the volume");
        let header = memory::memory().map_err(io::Error::from);
        let header = header.and_then(|file| file.set_len(DATA_OFFSET).map(|()| file));
        let header = header.context("taking memory for the LUKS2 header")?;
        let mut device = memory::attach(&header, device)?;
        let params = CryptParamsLuks2 {
            pbkdf: None,
            integrity: None,
            integrity_params: None,
            data_alignment: 0,
            data_device: None,
            sector_size: sector_size(bytes),
            label: Some(UNFINISHED.to_owned()),
            subsystem: None,
        };
        let mut params: CryptParamsLuks2Ref<'_> = (&params).try_into().map_err(&doing)?;
        device.settings_handle().set_pbkdf_type(&fewest_rounds()).map_err(&doing)?;
        let slots = KeyslotsSize::try_from(KEYSLOTS).map_err(&doing)?;
        device.settings_handle().set_metadata_size(MetadataSize::Kb16, slots).map_err(&doing)?;
        // libcryptsetup counts in 512 bytes here, whatever the sector size.
        device.set_data_offset(DATA_OFFSET / 512).map_err(&doing)?;
        let cipher = ("aes", "xts-plain64");
        let (uuid, key) = (Uuid::from_bytes(uuid.to_uuid()), Either::Right(KEY_BYTES));
        let mut format = device.context_handle();
        format.format(EncryptionFormat::Luks2, cipher, Some(uuid), key, Some(&mut params)).map_err(&doing)?;
        Ok(Self { header, volume: Volume { device, _copy: None } })
    }

    /// Adds the key slot and the token of a sealed secret.
    ///
    /// # Errors
    /// When the slot is taken, or memory is short.
    pub fn add_sealed(&mut self, token: &Tpm2Token, secret: &[u8]) -> Result<()> {
        self.volume.add_key(Some(token.keyslot), None, &passphrase(secret))?;
        self.volume.add_token(&token.to_json())
    }

    /// Adds the key slot and the token of a recovery key. Returns the slot.
    ///
    /// # Errors
    /// When no slot is free, or memory is short.
    pub fn add_recovery(&mut self, key: &RecoveryKey, escrow: Option<&Escrow>) -> Result<u32> {
        self.volume.add_recovery(None, key, escrow)
    }

    /// Adds the key slot of a person's passphrase.
    ///
    /// # Errors
    /// When no slot is free, or memory is short.
    pub fn add_passphrase(&mut self, passphrase: &str) -> Result<u32> {
        self.volume.add_derived(&slow(), None, None, passphrase)
    }

    /// Writes the header to the start of a device. What the device held there is lost. All of it is on
    /// the medium when this returns.
    ///
    /// # Errors
    /// When the device can't be written.
    pub fn write(self, device: &Path) -> Result<()> {
        write(&self.header, device)
            .with_context(|| format!("writing the LUKS2 header to {}", device.display()))
    }
}

/// Writes the first copy of the metadata first. Its first sector has the label, by which the next boot
/// knows the rest of a boot that was cut short, whatever the second copy is then.
fn write(header: &File, device: &Path) -> io::Result<()> {
    // Of a block device: fails if somebody uses it (open(2)).
    let device = File::options().write(true).custom_flags(O_EXCL).open(device)?;
    copy(header, &device, 0..METADATA)?;
    device.sync_all()?;
    copy(header, &device, METADATA..DATA_OFFSET)?;
    device.sync_all()
}

fn copy(from: &File, to: &File, range: Range<u64>) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    for at in range.clone().step_by(PIECE) {
        let length = usize::try_from(range.end - at).unwrap_or(PIECE).min(PIECE);
        let part = piece.get_mut(..length).unwrap_or_default();
        from.read_exact_at(part, at)?;
        to.write_all_at(part, at)?;
    }
    Ok(())
}

/// Returns the sector size: 4096 bytes, or 512 if the device's size is not a multiple of 4096.
fn sector_size(bytes: u64) -> u32 {
    if bytes.is_multiple_of(4096) { 4096 } else { 512 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sectors_are_as_large_as_the_device_allows() {
        assert_eq!(sector_size(32 << 20), 4096);
        assert_eq!(sector_size((32 << 20) + 512), 512);
    }
}
