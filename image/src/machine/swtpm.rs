//! Runs a software TPM (swtpm) for one machine, with its state in a folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::programs::{self, Programs};
use crate::host::signals;

/// The control socket's name inside the machine's folder. It is relative, because socket paths have
/// at most 107 bytes.
pub const SOCKET: &str = "tpm.sock";

/// Its error messages, in the machine's folder.
pub(super) const LOG: &str = "swtpm.log";

/// A running swtpm. It ends when QEMU disconnects, and is killed when this is dropped.
#[derive(Debug)]
pub struct Tpm {
    child: Child,
    socket: PathBuf,
}

impl Tpm {
    /// Starts swtpm on `folder`. The state is in `folder/tpm`, and the socket is `folder/tpm.sock`.
    ///
    /// # Errors
    /// When swtpm can't be started, or makes no socket. The error has its messages.
    pub fn start(programs: &Programs, folder: &Path) -> Result<Self> {
        manufacture(programs, folder)?;
        let socket = folder.join(SOCKET);
        // An earlier run may have left it.
        fs::remove_file(&socket).ok();
        let mut command = programs.command("swtpm");
        programs::log_to(&mut command, &folder.join(LOG))?;
        command.args(["socket", "--tpm2", "--terminate", "--tpmstate", "dir=tpm"]);
        command.arg("--ctrl").arg(format!("type=unixio,path={SOCKET}"));
        command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null());
        let child = signals::spawn(&mut command).context("starting swtpm")?;
        let mut tpm = Self { child, socket };
        tpm.wait_for_socket(folder)?;
        Ok(tpm)
    }

    fn wait_for_socket(&mut self, folder: &Path) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.socket.exists() {
            let ended = self.child.try_wait().context("waiting for swtpm")?;
            if let Some(status) = ended {
                bail!("starting swtpm: it ended with {status}: {}", programs::said(&folder.join(LOG)));
            }
            if Instant::now() > deadline {
                bail!("starting swtpm: no socket after 10 s: {}", programs::said(&folder.join(LOG)));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

/// What a TPM keeps, in the folder with its state.
const PERMANENT: &str = "tpm2-00.permall";

/// Returns whether a folder has the state of a TPM. swtpm would begin with a blank one.
pub(super) fn has_state(state: &Path) -> bool {
    fs::metadata(state.join(PERMANENT)).is_ok_and(|found| found.is_file() && found.len() > 0)
}

/// Makes the state of a new TPM, unless it exists. It has one PCR bank, because firmware hashes
/// everything once for each bank.
fn manufacture(programs: &Programs, folder: &Path) -> Result<()> {
    let state = folder.join("tpm");
    if has_state(&state) {
        return Ok(());
    }
    fs::create_dir_all(&state).with_context(|| format!("creating {}", state.display()))?;
    let mut command = programs.command("swtpm_setup");
    let log = folder.join(LOG);
    programs::log_to(&mut command, &log)?;
    // Its configuration file names a signer of certificates, which this TPM does not need.
    command.args(["--config", "/dev/null", "--tpm2", "--tpmstate", "tpm", "--pcr-banks", "sha256"]);
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null());
    let mut child = signals::spawn(&mut command).context("starting swtpm_setup")?;
    let status = child.wait().context("waiting for swtpm_setup")?;
    if !status.success() {
        // The failure is reported. A partial state must not be used as a complete one.
        fs::remove_dir_all(&state).ok();
        bail!("making a TPM's state: swtpm_setup ended with {status}: {}", programs::said(&log));
    }
    Ok(())
}

impl Drop for Tpm {
    fn drop(&mut self) {
        // swtpm ends when QEMU does. It may need a moment to write its state.
        let deadline = Instant::now() + Duration::from_secs(1);
        while Instant::now() < deadline {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        // It may have ended meanwhile.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
