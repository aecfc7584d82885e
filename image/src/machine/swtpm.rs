//! A software TPM for one machine: swtpm, with its state in a folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::programs::{self, Programs};

/// The control socket's name inside the machine's folder: relative, as socket paths are at most 107 bytes.
pub const SOCKET: &str = "tpm.sock";

const LOG: &str = "swtpm.log";

/// A running swtpm. It ends when QEMU lets go of it, and is killed when this is dropped.
#[derive(Debug)]
pub struct Tpm {
    child: Child,
    socket: PathBuf,
}

impl Tpm {
    /// Starts swtpm on `folder`: the state is kept in `folder/tpm`, the socket is `folder/tpm.sock`.
    ///
    /// # Errors
    /// When swtpm can't be started or makes no socket; what it said is in `folder/swtpm.log`.
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
        let child = command.spawn().context("starting swtpm")?;
        let mut tpm = Self { child, socket };
        tpm.wait_for_socket(folder)?;
        Ok(tpm)
    }

    fn wait_for_socket(&mut self, folder: &Path) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !self.socket.exists() {
            let ended = self.child.try_wait().context("waiting for swtpm")?;
            if let Some(status) = ended {
                bail!("starting swtpm: it ended with {status}; see {}", folder.join(LOG).display());
            }
            if Instant::now() > deadline {
                bail!("starting swtpm: no socket after 10 s; see {}", folder.join(LOG).display());
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

/// Makes the state of a new TPM, unless there is one. One PCR bank: the firmware hashes all it starts once for each.
fn manufacture(programs: &Programs, folder: &Path) -> Result<()> {
    let state = folder.join("tpm");
    if state.exists() {
        return Ok(());
    }
    fs::create_dir_all(&state).with_context(|| format!("creating {}", state.display()))?;
    let mut command = programs.command("swtpm_setup");
    let log = folder.join(LOG);
    programs::log_to(&mut command, &log)?;
    // Its configuration file names what signs certificates, which nobody asks this TPM for.
    command.args(["--config", "/dev/null", "--tpm2", "--tpmstate", "tpm", "--pcr-banks", "sha256"]);
    command.current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null());
    let status = command.status().context("starting swtpm_setup")?;
    if !status.success() {
        // What failed is reported; a part of a state must not be taken for a whole one.
        fs::remove_dir_all(&state).ok();
        bail!("making a TPM's state: swtpm_setup ended with {status}; see {}", log.display());
    }
    Ok(())
}

impl Drop for Tpm {
    fn drop(&mut self) {
        // QEMU's end is its end too; it may need a moment to write its state.
        let deadline = Instant::now() + Duration::from_secs(1);
        while Instant::now() < deadline {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        // It may have ended in the meantime.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
