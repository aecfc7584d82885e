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

/// What the unified kernel image brought for the TPM.
pub struct Companions {
    /// The key that signs PCR values, if the image also has signatures.
    pub key: Option<PublicKey>,
    /// The signatures of PCR 11 for this image.
    pub signatures: Option<Signatures>,
}

impl Companions {
    /// Reads the files.
    ///
    /// # Errors
    /// When one of them is not valid. The image is then broken, and nothing weaker takes its place.
    pub fn read() -> Result<Self> {
        let text = read(SIGNATURES)?;
        let signatures =
            text.map(|text| Signatures::parse(&text).with_context(|| SIGNATURES.to_owned())).transpose()?;
        let Some(pem) = read(KEY)? else { return Ok(Self { key: None, signatures }) };
        if signatures.is_none() {
            log::warn!(
                "this image has a key for PCR signatures, but no signature; the TPM goes by volume.pcrs alone"
            );
            return Ok(Self { key: None, signatures });
        }
        let key = PublicKey::parse(&pem).with_context(|| KEY.to_owned())?;
        Ok(Self { key: Some(key), signatures })
    }
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
