//! A running virtual machine: QEMU, its TPM and its console.

use std::io::Write;
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

use super::console::{Console, Missed};
use super::programs::{self, Programs, QEMU};
use super::qemu::{self, Options};
use super::swtpm::Tpm;
use crate::host::signals;

/// QEMU's error messages, in the machine's folder.
pub const QEMU_LOG: &str = "qemu.log";

/// A machine whose console the caller controls. Dropping it cuts the power.
#[derive(Debug)]
pub struct Vm {
    qemu: Qemu,
    input: ChildStdin,
    console: Console,
}

impl Vm {
    /// Starts a machine with its state and logs in `folder`. `options.console` must be
    /// `Console::Pipe`.
    ///
    /// # Errors
    /// When swtpm or QEMU can't be started.
    pub fn start(programs: &Programs, folder: &Path, options: &Options) -> Result<Self> {
        let mut qemu = Qemu::start(programs, folder, options, Stdio::piped)?;
        let input = qemu.child.stdin.take().context("QEMU has no standard input")?;
        let output = qemu.child.stdout.take().context("QEMU has no standard output")?;
        Ok(Self { qemu, input, console: Console::new(output) })
    }

    /// Waits for a text on the console. Returns everything before it.
    ///
    /// # Errors
    /// When it does not come in time, or the machine ends first.
    pub fn expect(&mut self, text: &str, timeout: Duration) -> Result<String> {
        self.expect_any(&[text], timeout).map(|(_, before)| before)
    }

    /// Waits for one of the texts on the console. Returns its index, and everything before it.
    ///
    /// # Errors
    /// When no text comes in time, or the machine ends first.
    pub fn expect_any(&mut self, texts: &[&str], timeout: Duration) -> Result<(usize, String)> {
        self.console.expect(texts, timeout).map_err(|missed| {
            let wanted = texts.join("\" or \"");
            match missed {
                Missed::Timeout => anyhow!("no \"{wanted}\" on the console after {} s", timeout.as_secs()),
                Missed::Ended => {
                    anyhow!("the machine ended before \"{wanted}\" came on its console")
                }
            }
        })
    }

    /// Types a line on the console.
    ///
    /// # Errors
    /// When the machine has ended.
    pub fn send_line(&mut self, line: &str) -> Result<()> {
        self.input.write_all(format!("{line}\n").as_bytes()).context("typing on the console")?;
        self.input.flush().context("typing on the console")
    }

    /// Waits until the machine has powered off, and QEMU and the TPM have stored their state.
    ///
    /// # Errors
    /// When it takes too long, or QEMU fails.
    pub fn wait_for_power_off(&mut self, timeout: Duration) -> Result<()> {
        if self.console.wait_for_end(timeout).is_err() {
            bail!("the machine is still on after {} s", timeout.as_secs());
        }
        self.qemu.wait()
    }

    /// Returns everything that came on the console so far.
    #[must_use]
    pub fn console(&self) -> &str {
        self.console.text()
    }
}

/// Runs a machine on this terminal until it is switched off.
///
/// # Errors
/// When swtpm or QEMU can't be started, or QEMU fails.
pub fn attach(programs: &Programs, folder: &Path, options: &Options) -> Result<()> {
    Qemu::start(programs, folder, options, Stdio::inherit)?.wait()
}

/// The processes of a machine. They are killed when this is dropped, QEMU before its TPM.
#[derive(Debug)]
struct Qemu {
    child: Child,
    log: std::path::PathBuf,
    _tpm: Option<Tpm>,
}

impl Qemu {
    fn start(programs: &Programs, folder: &Path, options: &Options, stdio: fn() -> Stdio) -> Result<Self> {
        let tpm = if options.tpm { Some(Tpm::start(programs, folder)?) } else { None };
        let log = folder.join(QEMU_LOG);
        let mut command = programs.command(QEMU);
        programs::log_to(&mut command, &log)?;
        command.args(qemu::arguments(options)).current_dir(folder);
        let child = signals::spawn(command.stdin(stdio()).stdout(stdio())).context("starting QEMU")?;
        Ok(Self { child, log, _tpm: tpm })
    }

    fn wait(&mut self) -> Result<()> {
        let status = self.child.wait().context("waiting for QEMU")?;
        if !status.success() {
            bail!("QEMU ended with {status}: {}", programs::said(&self.log));
        }
        Ok(())
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        // It may already have ended.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
