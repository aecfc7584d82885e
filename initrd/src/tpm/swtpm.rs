//! A software TPM for one test, and an ear in between that counts the commands, and plays what this
//! TPM does not do by itself.

mod ear;

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::connection::Place;
use super::{Tcti, Tpm};
pub use ear::Play;

/// What went over the wire.
#[derive(Default)]
pub struct Heard {
    /// The code of each command.
    pub codes: Vec<u32>,
    /// Commands and answers.
    pub bytes: Vec<u8>,
}

impl Heard {
    /// Returns the names of the commands (TPM 2.0 Library, Part 2, table "TPM_CC").
    pub fn names(&self) -> Vec<String> {
        let name = |code: &u32| match code {
            0x129 => "HierarchyChangeAuth".to_owned(),
            0x134 => "NV_Increment".to_owned(),
            0x139 => "DictionaryAttackLockReset".to_owned(),
            0x13a => "DictionaryAttackParameters".to_owned(),
            0x149 => "PolicyNV".to_owned(),
            0x14e => "NV_Read".to_owned(),
            0x157 => "Load".to_owned(),
            0x15e => "Unseal".to_owned(),
            0x165 => "FlushContext".to_owned(),
            0x167 => "LoadExternal".to_owned(),
            0x16a => "PolicyAuthorize".to_owned(),
            0x16b => "PolicyAuthValue".to_owned(),
            0x173 => "ReadPublic".to_owned(),
            0x176 => "StartAuthSession".to_owned(),
            0x177 => "VerifySignature".to_owned(),
            0x17a => "GetCapability".to_owned(),
            0x17e => "PCR_Read".to_owned(),
            0x17f => "PolicyPCR".to_owned(),
            other => format!("{other:#x}"),
        };
        self.codes.iter().map(name).collect()
    }
}

/// A running `swtpm`. Dropping it ends the process and removes its files.
pub struct Swtpm {
    folder: PathBuf,
    process: Child,
}

impl Swtpm {
    /// Starts a TPM that was never used. Its PCRs have their start values.
    pub fn start(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("pattern-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let process = spawn(&folder);
        Self { folder, process }
    }

    /// Restarts it like a power cycle: the same TPM, with PCRs at their start values.
    pub fn restart(&mut self) {
        self.stop();
        self.process = spawn(&self.folder);
    }

    /// Replaces the TPM with one that was never used.
    pub fn replace(&mut self) {
        self.stop();
        fs::remove_file(self.folder.join("tpm2-00.permall")).unwrap();
        self.process = spawn(&self.folder);
    }

    /// Replaces the TPM with the one that has this state.
    pub fn replace_by(&mut self, state: &[u8]) {
        self.stop();
        fs::write(self.folder.join("tpm2-00.permall"), state).unwrap();
        self.process = spawn(&self.folder);
    }

    fn stop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        fs::remove_file(self.folder.join("tpm")).ok();
        fs::remove_file(self.folder.join("tpm.ctrl")).ok();
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Behaves like the kernel's resource manager: objects that an earlier connection left loaded
    /// are gone.
    pub fn tcti(&self) -> Tcti {
        self.tool("tpm2_flushcontext -t");
        Tcti::of(Place::Swtpm(self.folder.join("tpm")))
    }

    pub fn connect(&self) -> Tpm {
        Tpm::open(self.tcti().place()).unwrap()
    }

    /// Runs one of the `tpm2_*` tools against this TPM.
    pub fn tool(&self, words: &str) {
        assert!(self.try_tool(words), "{words}");
    }

    /// Runs a tool like [`Swtpm::tool`]. Returns whether it succeeded.
    pub fn try_tool(&self, words: &str) -> bool {
        let mut words = words.split(' ');
        let socket = self.folder.join("tpm");
        let status = Command::new(words.next().unwrap())
            .args(words)
            .env("TPM2TOOLS_TCTI", format!("swtpm:path={}", socket.display()))
            .current_dir(&self.folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        status.unwrap().success()
    }

    /// Extends a PCR, as firmware or a boot loader does.
    pub fn extend(&self, pcr: u8) {
        self.tool(&format!("tpm2_pcrextend {pcr}:sha256={},sha384={}", "ab".repeat(32), "ab".repeat(48)));
    }

    /// Makes a socket that passes commands on and records them, like a listener on the bus.
    pub fn observed(&self) -> (Tcti, Arc<Mutex<Heard>>) {
        let heard = Arc::new(Mutex::new(Heard::default()));
        let noted = Arc::clone(&heard);
        let tcti =
            self.between("observed", |_| Play::Pass, move |command, answer| note(&noted, command, answer));
        (tcti, heard)
    }

    /// Makes a socket that passes commands on and changes bytes of the answers, as a device on the
    /// bus could.
    pub fn changed(&self, from: &[u8], to: &[u8]) -> Tcti {
        let (from, to) = (from.to_vec(), to.to_vec());
        self.between(
            "changed",
            |_| Play::Pass,
            move |_, answer| {
                if let Some(at) = answer.windows(from.len()).position(|window| window == from) {
                    answer[at..at + to.len()].copy_from_slice(&to);
                }
            },
        )
    }

    /// Makes a socket where `rule` decides by the code of each command, and by how often that code
    /// came before, what becomes of it. What went over the wire is recorded, too.
    pub fn playing(&self, rule: impl Fn(u32, usize) -> Play + Send + 'static) -> (Tcti, Arc<Mutex<Heard>>) {
        let heard = Arc::new(Mutex::new(Heard::default()));
        let (noted, counted) = (Arc::clone(&heard), Arc::clone(&heard));
        let decide = move |command: &[u8]| {
            let code = ear::code(command);
            let before = counted.lock().unwrap().codes.iter().filter(|one| **one == code).count();
            rule(code, before)
        };
        let tcti = self.between("playing", decide, move |command, answer| note(&noted, command, answer));
        (tcti, heard)
    }

    /// Loses the answer to one command, the one after `number` others.
    pub fn losing(&self, number: usize) -> (Tcti, Arc<Mutex<Heard>>) {
        let before = AtomicUsize::new(0);
        let rule = move |_, _| {
            if before.fetch_add(1, Ordering::Relaxed) == number { Play::Lost } else { Play::Pass }
        };
        self.playing(rule)
    }

    fn between(
        &self,
        name: &str,
        decide: impl Fn(&[u8]) -> Play + Send + 'static,
        act: impl Fn(&[u8], &mut [u8]) + Send + 'static,
    ) -> Tcti {
        Tcti::of(Place::Swtpm(ear::listen(&self.folder, name, decide, act)))
    }
}

fn note(heard: &Mutex<Heard>, command: &[u8], answer: &[u8]) {
    let mut heard = heard.lock().unwrap();
    heard.codes.push(ear::code(command));
    heard.bytes.extend_from_slice(command);
    heard.bytes.extend_from_slice(answer);
}

impl Drop for Swtpm {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
        fs::remove_dir_all(&self.folder).ok();
    }
}

fn spawn(folder: &Path) -> Child {
    let state = folder.display();
    let child = Command::new("swtpm")
        .args(["socket", "--tpm2", "--flags", "not-need-init,startup-clear"])
        .args(["--tpmstate", &format!("dir={state}")])
        .args(["--server", &format!("type=unixio,path={state}/tpm")])
        .args(["--ctrl", &format!("type=unixio,path={state}/tpm.ctrl")])
        .stderr(Stdio::null())
        .spawn();
    // A socket has its file a moment before it takes anybody.
    let takes = |name: &str| UnixStream::connect(folder.join(name)).is_ok();
    let ready = || takes("tpm") && takes("tpm.ctrl");
    let waited = (0..500).any(|_| {
        thread::sleep(Duration::from_millis(10));
        ready()
    });
    assert!(waited, "swtpm did not start");
    child.unwrap()
}
