//! Logs in to a machine by SSH, as its owner does from another one.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

/// Two boots under emulation: the boot loader restarts once to enroll its keys.
const PATIENCE: Duration = Duration::from_secs(3000);

/// Who logs in, and what they have.
pub(super) enum Ssh {
    /// Root, with the key that `build-init` made.
    Key(u16),
    /// A user, with this program, which prints a password.
    Password(u16, &'static str, PathBuf),
}

impl Ssh {
    pub(super) fn by_password(port: u16, user: &'static str, password: &str, folder: &Path) -> Self {
        let program = folder.join("password");
        std::fs::write(&program, format!("#!/bin/sh\necho '{password}'\n")).expect("writing a program");
        let status = Command::new("chmod").arg("700").arg(&program).status().expect("starting chmod");
        assert!(status.success(), "chmod: {status}");
        Self::Password(port, user, program)
    }

    pub(super) fn run(&self, command: &str) -> Output {
        let mut ssh = Command::new("ssh");
        ssh.args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]);
        ssh.args(["-o", "LogLevel=ERROR", "-o", "ConnectTimeout=60", "-o", "ServerAliveInterval=10"]);
        let (port, user) = match self {
            Self::Key(port) => {
                ssh.arg("-i").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("../build/init/key"));
                ssh.args(["-o", "BatchMode=yes"]);
                (port, "root")
            }
            Self::Password(port, user, program) => {
                ssh.env("SSH_ASKPASS", program).env("SSH_ASKPASS_REQUIRE", "force");
                ssh.args(["-o", "PubkeyAuthentication=no", "-o", "NumberOfPasswordPrompts=1"]);
                (port, *user)
            }
        };
        ssh.args(["-p", &port.to_string(), &format!("{user}@127.0.0.1"), command]);
        ssh.output().expect("starting ssh")
    }

    pub(super) fn must(&self, command: &str) -> String {
        let output = self.run(command);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{command}: {said}{}", String::from_utf8_lossy(&output.stderr));
        said
    }

    /// Waits until a version runs and lets them in.
    pub(super) fn wait_for(&self, version: &str) {
        let begin = Instant::now();
        loop {
            let output = self.run(". /etc/os-release && echo $IMAGE_VERSION");
            if String::from_utf8_lossy(&output.stdout).trim() == version {
                return;
            }
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(begin.elapsed() < PATIENCE, "no {version}: {error}");
            thread::sleep(Duration::from_secs(5));
        }
    }
}
