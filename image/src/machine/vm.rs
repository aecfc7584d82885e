//! A running virtual machine: QEMU, its TPM and its console.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::console::{Console, Missed};
use super::programs::{self, Programs, QEMU};
use super::qemu::{self, Options};
use super::swtpm::Tpm;
use crate::host::results::NoReader;
use crate::host::signals;
use crate::host::waiting::{self, A_WHILE};

/// QEMU's error messages, in the machine's folder.
pub const QEMU_LOG: &str = "qemu.log";

/// How long QEMU may take to end in order.
const PATIENCE: Duration = Duration::from_secs(10);

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

/// Runs a machine on this terminal until it is switched off, or nobody reads its console any more: QEMU would go on, and
/// the machine with it, which nobody could see or end.
///
/// # Errors
/// [`NoReader`] when nobody reads; another one when swtpm or QEMU can't be started, or QEMU fails.
pub fn attach(programs: &Programs, folder: &Path, options: &Options) -> Result<()> {
    let mut qemu = Qemu::start(programs, folder, options, Stdio::inherit)?;
    while !qemu.has_ended()? {
        if waiting::has_no_reader(io::stdout()).context("watching the console")? {
            qemu.end()?;
            return Err(NoReader.into());
        }
        thread::sleep(A_WHILE);
    }
    qemu.wait()
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

    fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait().context("waiting for QEMU")?.is_some())
    }

    /// Has QEMU store what it holds, and end. One that does not is killed when this is dropped.
    fn end(&mut self) -> Result<()> {
        // It may have ended meanwhile.
        kill_process(Pid::from_child(&self.child), Signal::TERM).ok();
        let end = Instant::now() + PATIENCE;
        while !self.has_ended()? && Instant::now() < end {
            thread::sleep(A_WHILE);
        }
        Ok(())
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
