//! Who signed a program for the firmware (Authenticode).

use std::fs;

use anyhow::{Context, Result};
use pattern::uki;
use serde::Serialize;

use crate::host::signals;
use crate::host::temporary;
use crate::host::tools::{self, Need, Source};
use crate::host::tree::Tools;

const OPENSSL: Need = Need { programs: &["openssl"], package: "openssl" };
const SBVERIFY: Need = Need { programs: &["sbverify"], package: "sbsigntool" };

/// A program for the firmware.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub(super) struct Signed {
    /// Its path on the EFI system partition.
    pub(super) file: String,
    pub(super) bytes: u64,
    /// `None` if it is not signed.
    pub(super) signature: Option<Signature>,
}

/// A signature, and the certificate that came with it.
#[derive(Serialize, Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Signature {
    /// Such as `CN=demo-secure-boot`.
    pub(super) subject: String,
    /// Of the certificate: SHA-256, as openssl shows it.
    pub(super) fingerprint: String,
    /// The last day of the certificate.
    pub(super) until: String,
    /// Whether the signature is that of the whole file, by the key of the certificate.
    pub(super) valid: bool,
}

/// Reads and verifies the signature of a file.
///
/// # Errors
/// When a program is missing, or the signature can't be read.
pub(super) fn read(file: &str, bytes: &[u8], tools: &Tools) -> Result<Signed> {
    let signed = |signature| Signed { file: file.to_owned(), bytes: bytes.len() as u64, signature };
    let Some(pkcs7) = uki::signature(bytes) else { return Ok(signed(None)) };
    let found =
        certificate(bytes, pkcs7, tools).with_context(|| format!("reading the signature of {file}"))?;
    Ok(signed(Some(found)))
}

fn certificate(bytes: &[u8], pkcs7: &[u8], tools: &Tools) -> Result<Signature> {
    let place = temporary::folder()?;
    let [program, der, pem] =
        ["program.efi", "signature.der", "certificate.pem"].map(|name| place.path().join(name));
    for (path, content) in [(&program, bytes), (&der, pkcs7)] {
        fs::write(path, content).with_context(|| format!("writing {}", path.display()))?;
    }
    let openssl = Source::of(OPENSSL, tools)?;
    let mut command = openssl.command("openssl");
    command.args(["pkcs7", "-inform", "DER", "-print_certs", "-in"]).arg(&der).arg("-out").arg(&pem);
    tools::output("taking the certificate out with openssl", &mut command)?;
    let mut command = openssl.command("openssl");
    command.args([
        "x509",
        "-noout",
        "-subject",
        "-nameopt",
        "RFC2253",
        "-fingerprint",
        "-sha256",
        "-enddate",
    ]);
    command.args(["-dateopt", "iso_8601", "-in"]).arg(&pem);
    let said = tools::output("reading the certificate with openssl", &mut command)?;
    let source = Source::of(SBVERIFY, tools)?;
    let mut verify = source.command("sbverify");
    let verified =
        signals::output(verify.arg("--cert").arg(&pem).arg(&program)).context("starting sbverify")?;
    Ok(Signature { valid: verified.status.success(), ..words(&String::from_utf8_lossy(&said)) })
}

/// Parses what openssl says of a certificate.
fn words(said: &str) -> Signature {
    let mut signature = Signature::default();
    for (name, value) in said.lines().filter_map(|line| line.split_once('=')) {
        let field = match name {
            "subject" => &mut signature.subject,
            "notAfter" => &mut signature.until,
            _ if name.to_lowercase().ends_with("fingerprint") => &mut signature.fingerprint,
            _ => continue,
        };
        *field = value.trim().to_owned();
    }
    signature.until = signature.until.split(' ').next().unwrap_or_default().to_owned();
    signature
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_openssl_says_is_read() {
        let said =
            "subject=CN=demo-secure-boot,O=a b\nsha256 Fingerprint=3A:9A\nnotAfter=2041-11-26 21:48:53Z\n";
        let expected = Signature {
            subject: "CN=demo-secure-boot,O=a b".into(),
            fingerprint: "3A:9A".into(),
            until: "2041-11-26".into(),
            valid: false,
        };
        assert_eq!(words(said), expected);
    }

    #[test]
    fn a_file_without_a_signature_needs_no_program() {
        let signed = read("x.efi", b"MZ", &Tools::At("/nonexistent".into())).unwrap();
        assert_eq!(signed, Signed { file: "x.efi".into(), bytes: 2, signature: None });
    }
}
