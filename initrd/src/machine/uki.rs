//! Files that systemd-stub takes from the unified kernel image into the initrd: the key that signs
//! PCR values, from the section `.pcrpkey`, and signatures, from `.pcrsig` (systemd-stub(7),
//! "Companion files").

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context as _, Result};
use pattern::token::{PublicKey, Signatures};

/// The folder in the initrd, and the folder to which systemd-tmpfiles copies for the running
/// system.
const FOLDERS: [&str; 2] = ["/.extra", "/run/systemd"];
const KEY: &str = "tpm2-pcr-public-key.pem";
const SIGNATURES: &str = "tpm2-pcr-signature.json";

/// Returns the key, if the image also has signatures by it.
///
/// # Errors
/// When one of the files is not valid. The image is then broken, and nothing weaker takes its
/// place.
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

/// Returns the signatures.
///
/// # Errors
/// When the file is not valid.
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
