//! What systemd-stub takes out of the unified kernel image and puts into the initrd: the key that PCR values are signed
//! with, from the section `.pcrpkey`, and signatures, from `.pcrsig` (systemd-stub(7), "Companion files").

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context as _, Result};
use pattern::token::{PublicKey, Signatures};

/// In the initrd, and where systemd-tmpfiles copied it to for the running system.
const FOLDERS: [&str; 2] = ["/.extra", "/run/systemd"];
const KEY: &str = "tpm2-pcr-public-key.pem";
const SIGNATURES: &str = "tpm2-pcr-signature.json";

/// The key, when the image brings signatures by it too.
///
/// # Errors
/// When one of both is not what it should be: then the image is broken, and nothing weaker takes their place.
pub(crate) fn key() -> Result<Option<PublicKey>> {
    let Some(pem) = read(KEY)? else { return Ok(None) };
    if signatures()?.is_none() {
        log::warn!(
            "this image has a key for PCR signatures, but no signature; the TPM goes by volume.pcrs alone"
        );
        return Ok(None);
    }
    PublicKey::parse(&pem).map(Some).with_context(|| KEY.to_owned())
}

/// The signatures.
///
/// # Errors
/// When the file is no file of signatures.
pub(crate) fn signatures() -> Result<Option<Signatures>> {
    let text = read(SIGNATURES)?;
    text.map(|text| Signatures::parse(&text).with_context(|| SIGNATURES.to_owned())).transpose()
}

fn read(name: &str) -> Result<Option<String>> {
    for folder in FOLDERS {
        let path = Path::new(folder).join(name);
        match fs::read_to_string(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            text => return text.map(Some).with_context(|| format!("reading {}", path.display())),
        }
    }
    Ok(None)
}
