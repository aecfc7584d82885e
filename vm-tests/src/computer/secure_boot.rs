//! What the firmware of a machine that is off trusts, and what is signed for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pattern_image::machine::qemu::Boot;

use crate::firmware::Firmware;
use crate::setting;

use super::Computer;

/// `EFI_IMAGE_SECURITY_DATABASE_GUID`, as in memory.
const DATABASES: [u8; 16] = *b"\xcb\xb2\x19\xd7\x3a\x3d\x96\x45\xa3\xbc\xda\xd0\x0e\x67\x65\x6f";
/// `EFI_CERT_TYPE_PKCS7_GUID`.
const PKCS7: [u8; 16] = *b"\x9d\xd2\xaf\x4a\xdf\x68\xee\x49\x8a\xa9\x34\x7d\x37\x56\x65\xa7";
/// Attributes: non-volatile, accessible to boot services and to the running system, signed with a
/// time, appended.
const APPENDED: [u8; 4] = [0x67, 0, 0, 0];
/// 2026-01-01 as an `EFI_TIME`. An append is not compared with the time before.
const TIME: [u8; 16] = [0xea, 7, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

impl Computer {
    /// Uses firmware with Secure Boot. It is in Setup Mode unless [`Computer::firmware`] has keys.
    /// Then both system and firmware measure it into the TPM. Each boot takes a few seconds longer.
    pub fn secure_boot(&mut self) {
        let boot = self.machine.secure_boot(&self.programs);
        self.options.boot = boot.unwrap_or_else(|error| panic!("{error:#}"));
    }

    /// Does the same with the demonstration's keys enrolled. The firmware starts nothing that they
    /// did not sign.
    pub fn secure_boot_with_keys(&mut self) {
        self.secure_boot();
        self.firmware().enroll(&setting::certificate());
    }

    /// Returns its firmware's keys and switch, to read or change them while it is off.
    #[must_use]
    pub fn firmware(&self) -> Firmware {
        Firmware::of(self.machine.variables())
    }

    /// Gives the firmware Microsoft's Secure Boot keys, or removes them, so that PCR 7 differs. The
    /// firmware measures the keys without enforcing them.
    pub fn other_firmware_keys(&mut self, other: bool) {
        let empty = &self.programs.firmware.variables;
        let keys = if other { empty.with_file_name("OVMF_VARS_4M.ms.fd") } else { empty.clone() };
        let copied = fs::copy(&keys, self.machine.variables());
        copied.unwrap_or_else(|error| panic!("copying {}: {error}", keys.display()));
    }

    /// Does the same with Microsoft's keys, as machines in a shop have them, and has shim trust the demonstration's certificate.
    pub fn secure_boot_of_a_shop(&mut self) {
        self.secure_boot();
        self.other_firmware_keys(true);
        self.firmware().trust_by_shim(&setting::certificate());
    }

    /// Uses other firmware without Secure Boot, and its empty variables.
    pub fn has_firmware(&mut self, code: &Path, variables: &Path) {
        for (from, to) in [(code, self.folder().join("firmware.fd")), (variables, self.machine.variables())] {
            fs::copy(from, to).unwrap_or_else(|error| panic!("copying {}: {error}", from.display()));
        }
        let (code, variables) = (self.folder().join("firmware.fd"), self.machine.variables());
        self.options.boot = Boot::Uefi { code, variables, secure: false };
    }

    /// Makes an add-on with words for the kernel command line: `NAME.addon.efi` in the computer's
    /// folder.
    pub fn make_add_on(&self, name: &str, words: &str) {
        self.make_add_on_of(name, &[&format!("--cmdline={words}")]);
    }

    /// Makes an add-on of these parts, in the form of ukify's options.
    pub fn make_add_on_of(&self, name: &str, parts: &[&str]) {
        // The first python3 in the path may be another one.
        let mut ukify = self.command("/usr/bin/python3");
        ukify.args(["/usr/bin/ukify", "build", &format!("--output={name}.addon.efi")]).args(parts);
        let output = ukify.arg("--stub").arg(setting::add_on_stub()).output().expect("starting ukify");
        assert!(output.status.success(), "ukify: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Signs a list that is appended to `db` or `dbx`, as the owner of the demonstration's keys
    /// can. The result is what is written to efivarfs. sbvarsign is not used, because OVMF refuses
    /// what version 0.9.4 signs.
    pub fn sign_variable(&self, name: &str, list: &[u8], to: &str) {
        let utf16: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let message = [&utf16[..], &DATABASES, &APPENDED, &TIME, list].concat();
        fs::write(self.folder().join("variable"), message).expect("writing what is signed");
        let (certificate, mut openssl) = (setting::certificate(), Command::new("openssl"));
        openssl.args(["smime", "-sign", "-binary", "-noattr", "-md", "sha256", "-outform", "DER"]);
        openssl.arg("-in").arg(self.folder().join("variable"));
        openssl.arg("-inkey").arg(certificate.with_extension("key")).arg("-signer").arg(certificate);
        let output = openssl.output().expect("starting openssl");
        assert!(output.status.success(), "openssl: {}", String::from_utf8_lossy(&output.stderr));
        let signature = output.stdout;
        // WIN_CERTIFICATE_UEFI_GUID: length, revision, kind.
        let head = [&(signature.len() as u32 + 24).to_le_bytes()[..], &[0, 2, 0xf1, 0x0e], &PKCS7].concat();
        let signed = [&APPENDED[..], &TIME, &head, &signature, list].concat();
        fs::write(self.folder().join(to), signed).expect("writing a signed variable");
    }

    /// Makes another key, and the file that adds its certificate to `db`: `db.auth` in the computer's folder. Returns the
    /// certificate.
    pub fn make_other_certificate(&self) -> PathBuf {
        let certificate = self.folder().join("other.crt");
        let run = |arguments: &[&str], files: &[(&str, &Path)]| {
            let mut openssl = Command::new("openssl");
            openssl.args(arguments);
            files.iter().for_each(|(option, file)| _ = openssl.arg(option).arg(file));
            let output = openssl.output().expect("starting openssl");
            assert!(output.status.success(), "openssl: {}", String::from_utf8_lossy(&output.stderr));
            output.stdout
        };
        let new = ["req", "-x509", "-newkey", "rsa:2048", "-noenc", "-subj", "/CN=other/", "-days", "1000"];
        run(&new, &[("-keyout", &certificate.with_extension("key")), ("-out", &certificate)]);
        let der = run(&["x509", "-outform", "DER"], &[("-in", &certificate)]);
        self.sign_variable("db", &Firmware::list_of_certificate(&der), "db.auth");
        certificate
    }

    /// Removes the signature of a program in the computer's folder.
    pub fn remove_signature(&self, file: &str) {
        let removed = self.command("sbattach").args(["--remove", file]).status();
        assert!(removed.expect("starting sbattach").success());
    }

    /// Makes another boot loader of the one on the EFI system partition: with another text for DOS, signed again.
    pub fn make_other_boot_loader(&self, to: &str) {
        self.copy_from_esp("::/EFI/BOOT/BOOTX64.EFI", to);
        self.remove_signature(to);
        let file = self.folder().join(to);
        let mut bytes = fs::read(&file).expect("reading the boot loader");
        bytes[0x50] ^= 0x20;
        fs::write(&file, bytes).expect("writing the boot loader");
        self.sign(to);
    }

    /// Signs a program in the computer's folder for Secure Boot, as the owner of the
    /// demonstration's keys can.
    pub fn sign(&self, file: &str) {
        self.sign_by(file, &setting::certificate());
    }

    /// Signs it by the key beside another certificate.
    pub fn sign_by(&self, file: &str, certificate: &Path) {
        let mut sbsign = self.command("sbsign");
        sbsign.arg("--key").arg(certificate.with_extension("key")).arg("--cert").arg(certificate);
        let output = sbsign.args(["--output", file, file]).output().expect("starting sbsign");
        assert!(output.status.success(), "sbsign: {}", String::from_utf8_lossy(&output.stderr));
    }
}
