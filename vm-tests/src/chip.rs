//! A machine's TPM without the machine, as an attacker uses it from a system of their own. swtpm
//! runs on the machine's own state, and tpm2-tools talk to it.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use pattern::record::nv::IDENTITIES;

use crate::computer::Computer;

const SOCKET: &str = "chip.sock";
const PATIENCE: Duration = Duration::from_secs(10);

/// A TPM that was just switched on. Its registers have their start values. Its persistent state is
/// the machine's.
#[derive(Debug)]
pub struct Chip<'a> {
    computer: &'a Computer,
    child: Child,
}

impl<'a> Chip<'a> {
    /// Switches the TPM on. The machine must be off.
    #[must_use]
    pub fn of(computer: &'a Computer) -> Self {
        let socket = computer.folder().join(SOCKET);
        fs::remove_file(&socket).ok();
        let mut swtpm = computer.command("swtpm");
        swtpm.args(["socket", "--tpm2", "--tpmstate", "dir=tpm", "--flags", "not-need-init,startup-clear"]);
        swtpm.args(["--server", &format!("type=unixio,path={SOCKET}")]);
        swtpm.args(["--ctrl", &format!("type=unixio,path={SOCKET}.ctrl")]);
        let child = swtpm.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("starting swtpm");
        let begin = Instant::now();
        while !socket.exists() {
            assert!(begin.elapsed() < PATIENCE, "swtpm makes no socket");
            thread::sleep(Duration::from_millis(10));
        }
        Self { computer, child }
    }

    /// Runs one of tpm2-tools in the computer's folder. Returns its output.
    ///
    /// # Errors
    /// When it fails. Returns its error messages.
    pub fn run(&self, program: &str, words: &[&str]) -> Result<String, String> {
        let output = self.tool(program).args(words).output().expect("starting one of tpm2-tools");
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        // Without a resource manager, nothing else removes loaded objects.
        self.tool("tpm2_flushcontext").arg("--transient-object").output().ok();
        if output.status.success() { Ok(printed) } else { Err(format!("{program}: {}", complaint.trim())) }
    }

    /// Extends a register.
    ///
    /// # Panics
    /// When the TPM refuses, which it never does.
    pub fn extend(&self, pcr: u8, digests: &[[u8; 32]]) {
        for digest in digests {
            let digits = pattern::hex::encode(digest);
            let extended = self.run("tpm2_pcrextend", &[&format!("{pcr}:sha256={digits}")]);
            extended.unwrap_or_else(|complaint| panic!("{complaint}"));
        }
    }

    /// Returns the handles of its NV indices.
    ///
    /// # Panics
    /// When the TPM does not list them.
    #[must_use]
    pub fn indices(&self) -> Vec<u32> {
        let listed = self.run("tpm2_getcap", &["handles-nv-index"]).expect("listing NV indices");
        let handles = listed.lines().filter_map(|line| line.trim().strip_prefix("- 0x"));
        handles.filter_map(|digits| u32::from_str_radix(digits, 16).ok()).collect()
    }

    /// Makes it forget which volumes the machine made, as its owner may.
    ///
    /// # Panics
    /// When the TPM refuses, which it never does.
    pub fn forget_volumes(&self) {
        for handle in self.indices().into_iter().filter(|handle| IDENTITIES.contains(handle)) {
            let undefined = self.run("tpm2_nvundefine", &["-C", "o", &format!("{handle:#x}")]);
            undefined.unwrap_or_else(|complaint| panic!("{complaint}"));
        }
    }

    /// Returns the path of a file in the computer's folder, for a tool.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.computer.folder().join(name)
    }

    fn tool(&self, program: &str) -> Command {
        let mut command = self.computer.command(program);
        command.env("TPM2TOOLS_TCTI", format!("swtpm:path={SOCKET}"));
        command
    }
}

impl Drop for Chip<'_> {
    fn drop(&mut self) {
        // Shut down properly, or the TPM would count a wrong try.
        self.tool("tpm2_shutdown").arg("--clear").output().ok();
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
