//! Predicts whether a version opens the persist volume, from the volume's header and what the next start measures.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use pattern::start::{Later, Start};
use pattern::token::{Bank, Signatures};
use pattern::uki;
use pattern::update::Installed;
use pattern::update::entry::Entry;
use pattern::update::forecast::{Added, Staged, Verdict, verdict};
use pattern::volume::{Locks, is_for_people};
use pattern_machine::start::{Facts, now};
use pattern_machine::{esp, tpm_device};

use crate::context::Context;
use crate::volume::place::{self, recognised};

/// Bytes at the start of a PE file that name its sections.
const HEAD: u64 = 64 << 10;
/// The longest signature file, in bytes.
const LONGEST: usize = 128 << 10;

/// Registers that firmware, boot loader, systemd-stub and pattern measure into.
const REGISTERS: std::ops::RangeInclusive<u8> = 0..=15;
const BANKS: [Bank; 2] = [Bank::Sha256, Bank::Sha384];

/// Registers as they will be, or why that is not known.
type Registers = BTreeMap<u8, Result<Later, String>>;

/// What all predictions depend on.
pub(super) struct Forecast<'a> {
    ctx: &'a Context,
    locks: Locks,
    /// Or why nothing can be predicted.
    facts: Result<Facts, String>,
}

impl<'a> Forecast<'a> {
    /// # Errors
    /// When the volume's header can't be read.
    pub(super) fn gather(ctx: &'a Context, installed: &Installed) -> Result<Self> {
        let device = place::volume(ctx)?;
        let (_, locks) =
            recognised(&device).with_context(|| format!("persist volume {}", device.display()))?;
        let running = installed
            .entry(&installed.running)
            .context("the running version is not on the EFI system partition");
        let facts = running.and_then(|running| Facts::collect(&installed.id, running));
        Ok(Self { ctx, locks, facts: facts.map_err(|error| format!("{error:#}")) })
    }

    /// Predicts for one version: whether it opens the volume, and its registers in the bank that the volume is bound to.
    ///
    /// # Errors
    /// When its kernel image can't be read.
    pub(super) fn of(&self, entry: &Entry) -> Result<(Verdict, Registers)> {
        let config = &self.ctx.config;
        let signatures = signatures(&esp::file(&config.image.id, entry)?)?;
        if is_for_people(&self.locks, config.volume.tpm, tpm_device::signs()) {
            return Ok((Verdict::Passphrase, Registers::new()));
        }
        let is_another = entry.version != config.image.version;
        let start = self.facts.as_ref().map_err(Clone::clone);
        let start =
            start.and_then(|facts| Ok((facts, facts.start(entry).map_err(|error| format!("{error:#}"))?)));
        let added = start.as_ref().map_or(Added::Other, |(_, start)| self.added(start));
        let staged = Staged { signatures: signatures.as_ref(), is_another, added };
        // All of a kernel image is hashed, so once for each bank.
        let predictions = BANKS.map(|bank| (bank, now(bank), OnceCell::new()));
        let predict = |bank: Bank, pcr: u8| -> Result<Later, String> {
            let (facts, start) = start.as_ref().map_err(Clone::clone)?;
            let (_, now, cell) =
                predictions.iter().find(|(other, ..)| *other == bank).ok_or("another bank")?;
            let prediction = cell.get_or_init(|| facts.boot(bank, now).before(start));
            prediction.register(pcr).map_err(|doubt| doubt.to_string())
        };
        let verdict = verdict(&self.locks, staged, predict);
        let bank = self.locks.tokens.first().map_or(Bank::Sha256, |token| token.bank);
        Ok((verdict, REGISTERS.map(|pcr| (pcr, predict(bank, pcr))).collect()))
    }

    fn added(&self, start: &Start) -> Added {
        match start.allowed_additions(&self.ctx.config.boot.add_on_words) {
            Ok(found) if found.is_empty() => Added::Nothing,
            Ok(_) => Added::Listed,
            Err(_) => Added::Other,
        }
    }
}

/// Returns the signatures of a unified kernel image. A section that can't be parsed counts as none.
fn signatures(uki: &Path) -> Result<Option<Signatures>> {
    let section = section(uki).with_context(|| format!("reading {}", uki.display()))?;
    let text = section.and_then(|bytes| String::from_utf8(bytes).ok());
    Ok(text.and_then(|text| Signatures::parse(text.trim_end_matches('\0')).ok()))
}

/// Returns the section `.pcrsig`, without reading the rest of the file.
fn section(uki: &Path) -> io::Result<Option<Vec<u8>>> {
    let mut file = File::open(uki)?;
    let mut head = Vec::new();
    (&mut file).take(HEAD).read_to_end(&mut head)?;
    let Some(place) = uki::place(&head, ".pcrsig").filter(|place| place.len() <= LONGEST) else {
        return Ok(None);
    };
    let mut bytes = vec![0; place.len()];
    file.read_exact_at(&mut bytes, place.start as u64)?;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Writes a PE file with one section `.pcrsig`.
    fn uki(name: &str, content: &[u8]) -> std::path::PathBuf {
        let mut file = vec![0; 0x200];
        let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
        put(0x3c, &[0x40]);
        put(0x40, b"PE\0\0");
        put(0x46, &[1]);
        put(0x58, b".pcrsig");
        put(0x60, &u32::try_from(content.len()).unwrap().to_le_bytes());
        put(0x58 + 20, &0x200_u32.to_le_bytes());
        file.extend_from_slice(content);
        let path = std::env::temp_dir().join(format!("pattern-{name}-{}.efi", std::process::id()));
        fs::write(&path, file).unwrap();
        path
    }

    #[test]
    fn signatures_are_read_from_a_kernel_image() {
        let path = uki("signed", br#"{"sha256":[]}"#);
        assert_eq!(signatures(&path).unwrap(), Signatures::parse(r#"{"sha256":[]}"#).ok());
        fs::remove_file(path).unwrap();
        let path = uki("other", b"no JSON");
        assert_eq!(signatures(&path).unwrap(), None);
        fs::write(&path, "MZ").unwrap();
        assert_eq!(signatures(&path).unwrap(), None);
        fs::remove_file(&path).unwrap();
        assert!(signatures(&path).is_err());
    }
}
