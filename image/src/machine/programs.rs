//! Finds QEMU, its firmware and swtpm: on this host if they are new enough, otherwise in the tools
//! tree.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, bail};

use crate::host::tools::Source;
use crate::host::tree::Tools;

/// The oldest QEMU that emulates a current kernel without crashes (cmpxchg16b was wrong before).
const OLDEST_QEMU: u32 = 10;

/// Lines of a program's messages that an error has.
const LINES: usize = 20;

/// The name of QEMU in distributions.
pub(crate) const QEMU: &str = "qemu-system-x86_64";

/// UEFI firmware without and with Secure Boot, and the empty variables for both, below
/// `/usr/share`, by the layouts of distributions.
const FIRMWARE: [(&str, &str, &str); 3] = [
    ("OVMF/OVMF_CODE_4M.fd", "OVMF/OVMF_CODE_4M.secboot.fd", "OVMF/OVMF_VARS_4M.fd"),
    ("edk2/x64/OVMF_CODE.4m.fd", "edk2/x64/OVMF_CODE.secboot.4m.fd", "edk2/x64/OVMF_VARS.4m.fd"),
    ("edk2/ovmf/OVMF_CODE.fd", "edk2/ovmf/OVMF_CODE.secboot.fd", "edk2/ovmf/OVMF_VARS.fd"),
];

/// What a virtual machine needs from its host.
#[derive(Clone, Debug)]
pub struct Programs {
    source: Source,
    /// The UEFI firmware.
    pub firmware: Firmware,
    /// Whether the processor's own virtualisation works here.
    pub kvm: bool,
}

/// UEFI firmware for machines.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Firmware {
    /// Without Secure Boot, which takes more time under emulation.
    pub plain: PathBuf,
    /// With Secure Boot, if available.
    pub secure: Option<PathBuf>,
    /// Empty variables for both, which are copied for each machine.
    pub variables: PathBuf,
}

impl Firmware {
    fn find(share: &Path) -> Option<Self> {
        let all = FIRMWARE.iter().map(|(plain, secure, variables)| Self {
            plain: share.join(plain),
            secure: Some(share.join(secure)).filter(|path| path.exists()),
            variables: share.join(variables),
        });
        all.into_iter().find(|firmware| firmware.plain.exists() && firmware.variables.exists())
    }
}

impl Programs {
    /// Looks on this host first, then in the tools tree.
    ///
    /// # Errors
    /// When neither has everything. The error names what is missing and how to get it.
    pub fn find(tools: &Tools) -> Result<Self> {
        let missing = match missing(&host(), host_qemu()) {
            Ok(firmware) => return Ok(Self { source: Source::Host, firmware, kvm: kvm_works() }),
            Err(missing) => missing,
        };
        let tree = tools.tree().map_err(|why| {
            anyhow!(
                "this host has no {}, and {why:#}: `pattern build` makes one; --tools DIR names another; or install \
                 them on Debian 13 or newer: apt-get install qemu-system-x86 ovmf socat swtpm swtpm-tools",
                missing.join(", no "),
            )
        })?;
        let usr = tree.path.join("usr");
        let has_qemu = usr.join("bin").join(QEMU).exists().then_some(OLDEST_QEMU);
        match self::missing(&usr, has_qemu) {
            Ok(firmware) => Ok(Self { source: Source::Tree(tree), firmware, kvm: kvm_works() }),
            Err(missing) => bail!("the tools tree {} has no {}", tree.path.display(), missing.join(", no ")),
        }
    }

    /// Returns a command that runs one of the programs. It is killed when the process that started
    /// it ends.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        self.source.command(program)
    }

    /// Returns one line for people: which QEMU, and how it runs the guest.
    #[must_use]
    pub fn describe(&self) -> String {
        let source = match &self.source {
            Source::Tree(tree) => format!("QEMU of {}", tree.path.display()),
            Source::Host => "this host's QEMU".to_owned(),
        };
        let how = if self.kvm { "KVM" } else { "plain emulation, about 10 times slower than KVM" };
        format!("{source}, {how}")
    }
}

/// Returns the folder with this host's `bin` and `share`: `$PATTERN_PROGRAMS`, or `/usr`.
fn host() -> PathBuf {
    env::var_os("PATTERN_PROGRAMS").map_or_else(|| "/usr".into(), PathBuf::from)
}

/// Returns the firmware below this `/usr`, or everything that is missing there.
fn missing(usr: &Path, qemu: Option<u32>) -> Result<Firmware, Vec<String>> {
    let mut missing = Vec::new();
    match qemu {
        None => missing.push(format!("QEMU ({QEMU})")),
        Some(version) if version < OLDEST_QEMU => {
            missing.push(format!("QEMU {OLDEST_QEMU} or newer (it has {version})"));
        }
        Some(_) => {}
    }
    if !usr.join("bin/swtpm").exists() || !usr.join("bin/swtpm_setup").exists() {
        missing.push("swtpm".to_owned());
    }
    if !usr.join("bin/socat").exists() {
        missing.push("socat".to_owned());
    }
    let firmware = Firmware::find(&usr.join("share"));
    if firmware.is_none() {
        missing.push("UEFI firmware (OVMF)".to_owned());
    }
    firmware.filter(|_| missing.is_empty()).ok_or(missing)
}

/// Returns the major version of the QEMU in PATH, if there is one.
fn host_qemu() -> Option<u32> {
    let output = Command::new(QEMU).arg("--version").output().ok()?;
    qemu_version(&String::from_utf8_lossy(&output.stdout))
}

fn qemu_version(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once("version ")?;
    rest.split('.').next()?.parse().ok()
}

/// Returns whether the processor's own virtualisation works. `/dev/kvm` alone is not enough,
/// because a module for paravirtual guests only may provide it. So a module for the processor's
/// virtualisation must be loaded.
fn kvm_works() -> bool {
    let module = ["kvm_intel", "kvm_amd"].iter().any(|name| Path::new("/sys/module").join(name).exists());
    module && fs::OpenOptions::new().read(true).write(true).open("/dev/kvm").is_ok()
}

/// Sends a command's error messages to a file.
pub(crate) fn log_to(command: &mut Command, log: &Path) -> Result<()> {
    let file = fs::File::create(log).with_context(|| format!("creating {}", log.display()))?;
    command.stderr(file);
    Ok(())
}

/// Returns the end of such a file in one line, for an error: the file may be removed with its folder.
pub(crate) fn said(log: &Path) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let mut lines: Vec<&str> =
        text.lines().rev().map(str::trim).filter(|line| !line.is_empty()).take(LINES).collect();
    lines.reverse();
    if lines.is_empty() { "it said nothing".to_owned() } else { lines.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_version_of_qemu() {
        let text = "QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)\nCopyright";
        assert_eq!(qemu_version(text), Some(10));
        assert_eq!(qemu_version("QEMU emulator version 7.2.17"), Some(7));
        assert_eq!(qemu_version("no such program"), None);
    }

    #[test]
    fn says_all_that_is_missing_and_how_to_get_it() {
        let none = Path::new("/nonexistent/usr");
        assert_eq!(
            missing(none, Some(7)).unwrap_err(),
            ["QEMU 10 or newer (it has 7)", "swtpm", "socat", "UEFI firmware (OVMF)"]
        );
        assert_eq!(missing(none, None).unwrap_err()[0], "QEMU (qemu-system-x86_64)");
        assert_eq!(missing(none, Some(10)).unwrap_err(), ["swtpm", "socat", "UEFI firmware (OVMF)"]);
    }

    #[test]
    fn an_error_has_the_end_of_what_a_program_said() {
        let place = crate::host::temporary::folder().unwrap();
        let log = place.path().join("log");
        assert_eq!(said(&log), "it said nothing");
        fs::write(&log, "\n").unwrap();
        assert_eq!(said(&log), "it said nothing");
        fs::write(&log, "one\n  two\r\n").unwrap();
        assert_eq!(said(&log), "one; two");
        fs::write(&log, "first\n".to_owned() + &"more\n".repeat(LINES)).unwrap();
        assert!(!said(&log).contains("first"));
    }

    #[test]
    fn firmware_with_secure_boot_is_found_beside_the_plain_one() {
        let place = crate::host::temporary::folder().unwrap();
        let share = place.path();
        fs::create_dir(share.join("OVMF")).unwrap();
        let [plain, secure, variables] = ["CODE_4M.fd", "CODE_4M.secboot.fd", "VARS_4M.fd"]
            .map(|name| share.join(format!("OVMF/OVMF_{name}")));
        fs::write(&plain, "").unwrap();
        assert_eq!(Firmware::find(share), None);
        fs::write(&variables, "").unwrap();
        assert_eq!(Firmware::find(share).unwrap().secure, None);
        fs::write(&secure, "").unwrap();
        assert_eq!(Firmware::find(share), Some(Firmware { plain, secure: Some(secure), variables }));
    }
}
