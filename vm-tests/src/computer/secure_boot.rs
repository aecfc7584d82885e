//! What the firmware of a machine that is off trusts, and what is signed for it.

use std::fs;

use crate::firmware::Firmware;
use crate::setting;

use super::Computer;

impl Computer {
    /// Gives it firmware with Secure Boot, in Setup Mode unless [`Computer::firmware`] has keys: there system and firmware both
    /// tell the TPM of it. It takes a few seconds more for each boot. Once keys are enrolled nothing is added to the kernel
    /// command line any more, whatever [`Computer::words`] says.
    pub fn secure_boot(&mut self) {
        let boot = self.machine.secure_boot(&self.programs);
        self.options.boot = boot.unwrap_or_else(|error| panic!("{error:#}"));
    }

    /// The same, with the demonstration's keys enrolled: it starts nothing that they did not sign.
    pub fn secure_boot_with_keys(&mut self) {
        self.secure_boot();
        self.firmware().enroll(&setting::certificate());
    }

    /// Its firmware's keys and switch, to be looked at or changed while it is off.
    #[must_use]
    pub fn firmware(&self) -> Firmware {
        Firmware::of(self.machine.variables())
    }

    /// Gives the firmware Microsoft's Secure Boot keys, or takes them away, so that PCR 7 differs. The firmware
    /// measures them without enforcing them.
    pub fn other_firmware_keys(&mut self, other: bool) {
        let empty = &self.programs.firmware.variables;
        let keys = if other { empty.with_file_name("OVMF_VARS_4M.ms.fd") } else { empty.clone() };
        let copied = fs::copy(&keys, self.machine.variables());
        let _ = copied.unwrap_or_else(|error| panic!("copying {}: {error}", keys.display()));
    }

    /// Makes an add-on that adds words to the kernel command line: `NAME.addon.efi` in the computer's folder.
    pub fn make_add_on(&self, name: &str, words: &str) {
        // Not the first python3 on the path, which may be another one.
        let mut ukify = self.command("/usr/bin/python3");
        let _ = ukify.args([
            "/usr/bin/ukify",
            "build",
            &format!("--cmdline={words}"),
            &format!("--output={name}.addon.efi"),
        ]);
        let output = ukify.arg("--stub").arg(setting::add_on_stub()).output().expect("starting ukify");
        assert!(output.status.success(), "ukify: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Signs a list that is appended to a variable, as the owner of the demonstration's keys can: what is written to efivarfs.
    pub fn sign_variable(&self, name: &str, list: &[u8], to: &str) {
        let certificate = setting::certificate();
        fs::write(self.folder().join("variable"), list).expect("writing a list");
        let mut sbvarsign = self.command("sbvarsign");
        let _ = sbvarsign.arg("--key").arg(certificate.with_extension("key")).arg("--cert").arg(certificate);
        let attributes = "NON_VOLATILE,BOOTSERVICE_ACCESS,RUNTIME_ACCESS,TIME_BASED_AUTHENTICATED_WRITE_ACCESS,APPEND_WRITE";
        let _ = sbvarsign.args(["--attr", attributes, "--include-attrs", "--output", to, name, "variable"]);
        let output = sbvarsign.output().expect("starting sbvarsign");
        assert!(output.status.success(), "sbvarsign: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Signs a program in the computer's folder for Secure Boot, as the owner of the demonstration's keys can.
    pub fn sign(&self, file: &str) {
        let certificate = setting::certificate();
        let mut sbsign = self.command("sbsign");
        let _ = sbsign.arg("--key").arg(certificate.with_extension("key")).arg("--cert").arg(certificate);
        let output = sbsign.args(["--output", file, file]).output().expect("starting sbsign");
        assert!(output.status.success(), "sbsign: {}", String::from_utf8_lossy(&output.stderr));
    }
}
