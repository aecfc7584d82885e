//! A unified kernel image: its parts, and whose values of PCR 11 it brings.

use anyhow::{Context, Result};
use pattern::hex;
use pattern::token::{PublicKey, Signatures};
use pattern::uki::{place, section};
use serde::Serialize;

use super::signature::Signed;

/// What is in the file.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub(super) struct Kernel {
    #[serde(flatten)]
    pub(super) signed: Signed,
    /// Such as `6.12.48+deb13-cloud-amd64`.
    pub(super) release: String,
    pub(super) linux_bytes: usize,
    pub(super) initrd_bytes: usize,
    pub(super) command_line: String,
    /// The fingerprint of the key that the image's own volumes are bound to.
    pub(super) pcr_key: Option<String>,
    /// The fingerprints of all keys that signed values of PCR 11.
    pub(super) pcr_signers: Vec<String>,
}

impl Kernel {
    /// Reads the sections of the first profile.
    ///
    /// # Errors
    /// When the file is not such an image.
    pub(super) fn read(file: &[u8], signed: Signed) -> Result<Self> {
        let text = |name| section(file, name).map(words);
        let release =
            text(".uname").with_context(|| format!("{}: not a unified kernel image", signed.file))?;
        let key = text(".pcrpkey").and_then(|pem| PublicKey::parse(&pem).ok());
        let signatures = text(".pcrsig").and_then(|json| Signatures::parse(&json).ok());
        let signers = signatures.map(|all| all.keys_for_pcr_11()).unwrap_or_default();
        let bytes = |name| place(file, name).map_or(0, |place| place.len());
        Ok(Self {
            signed,
            release,
            linux_bytes: bytes(".linux"),
            initrd_bytes: bytes(".initrd"),
            command_line: text(".cmdline").unwrap_or_default(),
            pcr_key: key.map(|key| hex::encode(&key.fingerprint())),
            pcr_signers: signers.iter().map(|key| hex::encode(key)).collect(),
        })
    }
}

/// Returns a section's text, without what fills it up.
fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_matches(['\0', '\n', ' ']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed() -> Signed {
        Signed { file: "EFI/Linux/x_1.efi".into(), bytes: 1, signature: None }
    }

    /// Returns a PE file with these sections.
    fn file(sections: &[(&str, &[u8])]) -> Vec<u8> {
        let mut file = vec![0; 0x1000];
        let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
        put(0x3c, &[0x40]);
        put(0x40, b"PE\0\0");
        put(0x46, &[u8::try_from(sections.len()).unwrap()]);
        for (index, (name, content)) in sections.iter().enumerate() {
            let (entry, start) = (0x58 + 40 * index, 0x400 + 0x100 * index);
            put(entry, name.as_bytes());
            put(entry + 8, &u32::try_from(content.len()).unwrap().to_le_bytes());
            put(entry + 20, &u32::try_from(start).unwrap().to_le_bytes());
            put(start, content);
        }
        file
    }

    #[test]
    fn the_parts_are_found() {
        let signers = format!(r#"{{"sha256":[{{"pcrs":[11],"pkfp":"{}"}}]}}"#, "ab".repeat(32));
        let sections = [
            (".uname", &b"6.12\0"[..]),
            (".linux", b"abc"),
            (".initrd", b"abcd"),
            (".cmdline", b"root=tmpfs\n"),
            (".pcrpkey", b"none"),
            (".pcrsig", signers.as_bytes()),
        ];
        let kernel = Kernel::read(&file(&sections), signed()).unwrap();
        let expected = Kernel {
            signed: signed(),
            release: "6.12".into(),
            linux_bytes: 3,
            initrd_bytes: 4,
            command_line: "root=tmpfs".into(),
            pcr_key: None,
            pcr_signers: vec!["ab".repeat(32)],
        };
        assert_eq!(kernel, expected);
    }

    #[test]
    fn another_program_is_refused() {
        let error = Kernel::read(&file(&[(".text", b"x")]), signed()).unwrap_err().to_string();
        assert_eq!(error, "EFI/Linux/x_1.efi: not a unified kernel image");
    }
}
