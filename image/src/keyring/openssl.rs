//! RSA keys in PEM: for signed PCR policies, and for Secure Boot.

use std::path::Path;

use anyhow::Result;

use crate::durable;
use crate::source::{self, Need, Source};

const OPENSSL: Need = Need { programs: &["openssl"], package: "openssl" };

/// 15 years, four of them leap years.
const DAYS: u32 = 15 * 365 + 4;

/// Makes the four files in a folder that is only its owner's.
pub(super) fn keys(folder: &Path, name: &str, tools: &Path) -> Result<()> {
    let source = Source::of(OPENSSL, tools)?;
    // RSA with 2048 bits is what all TPMs and all firmware know.
    let private = "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out";
    let public = "pkey -in pcr-private.pem -pubout -out";
    let certificate =
        format!("req -new -x509 -sha256 -days {DAYS} -subj /CN={name}-secure-boot -key secure-boot.key -out");
    let files = [
        ("pcr-private.pem", 0o600, private),
        ("pcr-public.pem", 0o644, public),
        ("secure-boot.key", 0o600, private),
        ("secure-boot.crt", 0o644, &certificate),
    ];
    for (file, mode, arguments) in files {
        let mut command = source.command("openssl");
        // Without the host's configuration, which may be missing, or add what firmware does not expect.
        let _ = command.env("OPENSSL_CONF", "/dev/null").current_dir(folder);
        let _ = command.args(arguments.split(' ')).arg(file);
        let _ = source::output(&format!("making {file} with openssl"), &mut command)?;
        durable::mode(&folder.join(file), mode)?;
    }
    Ok(())
}
