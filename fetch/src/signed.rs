//! The signed list of a release, verified as systemd-pull does it (src/import/pull-common.c, `verify_gpg`).

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use pattern::delta::offer::LIST;

use crate::web::Web;

/// Bytes of a list, and of its signature.
const LONGEST: u64 = 4 << 20;
const LONGEST_SIGNATURE: u64 = 64 << 10;

/// Fetches the list, and returns it if one of the image's keys signed it.
///
/// # Errors
/// When it can't be fetched, or nobody whom the image knows signed it.
pub(crate) fn list(web: &Web, keyrings: &[PathBuf]) -> Result<String> {
    let list = web.small(LIST, LONGEST)?;
    let signature = web.small(&format!("{LIST}.gpg"), LONGEST_SIGNATURE)?;
    let keyring = keyrings.iter().find(|path| path.is_file()).context("the image has no keyring")?;
    verify(&list, &signature, keyring).with_context(|| format!("verifying {LIST}"))?;
    String::from_utf8(list).with_context(|| format!("{LIST} is not text"))
}

fn verify(list: &[u8], signature: &[u8], keyring: &Path) -> Result<()> {
    let home = std::env::temp_dir().join(format!("pattern-fetch-{}", std::process::id()));
    fs::DirBuilder::new().create(&home).with_context(|| format!("making {}", home.display()))?;
    let verified = with_home(&home, list, signature, keyring);
    fs::remove_dir_all(&home).ok();
    verified
}

fn with_home(home: &Path, list: &[u8], signature: &[u8], keyring: &Path) -> Result<()> {
    fs::set_permissions(home, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    let place = home.join("signature");
    fs::write(&place, signature).with_context(|| format!("writing {}", place.display()))?;
    let mut gpg = Command::new("gpg");
    gpg.args(["--no-options", "--no-default-keyring", "--no-auto-key-locate", "--no-auto-check-trustdb"])
        .args(["--batch", "--trust-model=always"])
        .arg(format!("--homedir={}", home.display()))
        .arg(format!("--keyring={}", keyring.display()))
        .arg("--verify")
        .arg(&place)
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = gpg.spawn().context("starting gpg")?;
    let written = child.stdin.take().map_or(Ok(()), |mut input| input.write_all(list));
    let output = child.wait_with_output().context("waiting for gpg")?;
    if !output.status.success() {
        bail!("gpg refuses the signature: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    written.context("passing the list to gpg")
}
