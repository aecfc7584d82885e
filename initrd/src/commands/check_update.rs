//! `pattern check-update`: says which version the next boot starts and why, and predicts whether it
//! can open the persist volume.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use pattern::token::Signatures;
use pattern::update::forecast::{Verdict, verdict};
use pattern::update::next::Next;
use pattern::update::outlook::Outlook;
use pattern::update::uki;
use pattern::volume::{Locks, is_for_people};
use pattern_machine::disk::Disk;
use pattern_machine::{esp, output, registers, tpm_device};

use crate::context::Context;
use crate::volume::place::{self, recognised};

/// One byte after the attributes: 1 if Secure Boot is on (UEFI Specification, "Globally Defined
/// Variables").
const SECURE_BOOT: &str = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c";

/// Bytes at the start of a PE file that name its sections.
const HEAD: u64 = 64 << 10;
/// The longest signature file, in bytes.
const LONGEST: usize = 128 << 10;

/// Looks at what is installed. Predicts for another version than the running one, or for each.
///
/// # Errors
/// When the volume or the EFI system partition can't be read.
pub(super) fn look(ctx: &Context, each: bool) -> Result<Outlook> {
    let image = &ctx.config.image;
    let table = Disk::behind_usr(&ctx.usr)?.table()?.table;
    let installed = esp::installed(&image.id, &image.version, &table)?;
    let next = installed.next();
    let verdict = match &next {
        Some(Next::Version(entry, _))
            if entry.version != image.version || (each && place::listed(ctx)?.is_some()) =>
        {
            let (locks, signatures) = (locks(ctx)?, signatures(&esp::file(&image.id, entry)?)?);
            if is_for_people(&locks, ctx.config.volume.tpm, tpm_device::signs()) {
                Some(Verdict::Passphrase)
            } else {
                Some(verdict(&locks, secure_boot(), signatures.as_ref(), registers::value))
            }
        }
        _ => None,
    };
    Ok(Outlook { installed, next, verdict })
}

/// Prints an outlook. Returns the exit status.
///
/// # Errors
/// When it can't be written.
pub(super) fn tell(outlook: &Outlook, as_json: bool) -> Result<ExitCode> {
    if as_json {
        output::line(&outlook.json().to_string())?;
    } else {
        output::lines(&outlook.lines())?;
    }
    Ok(ExitCode::from(outlook.code()))
}

fn locks(ctx: &Context) -> Result<Locks> {
    let device = place::volume(ctx)?;
    let (_, locks) = recognised(&device).with_context(|| format!("persist volume {}", device.display()))?;
    Ok(locks)
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

fn secure_boot() -> bool {
    fs::read(SECURE_BOOT).is_ok_and(|bytes| bytes.last() == Some(&1))
}

#[cfg(test)]
mod tests {
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
