//! What the last step of an image's build takes out of it: secrets that packages made, which all machines would have.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use pattern_image::host::temporary;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/mkosi/image/finalize/factory");
const PRIVATE: &str =
    "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\n-----END OPENSSH PRIVATE KEY-----\n";

/// The root of an image that has these files, with a line of text or with a private key.
struct Root(tempfile::TempDir);

impl Root {
    fn new(files: &[(&str, &str)]) -> Self {
        let root = Self(temporary::folder().unwrap());
        for (name, content) in
            [("efi/loader/loader.conf", ""), ("var/lib/misc", ""), ("etc/hosts", "127.0.0.1\n")]
                .iter()
                .chain(files)
        {
            let file = root.0.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, content).unwrap();
        }
        fs::create_dir_all(root.0.path().join("usr/share")).unwrap();
        root
    }

    fn finalize(&self) -> Output {
        let mut command = Command::new("bash");
        command.arg(SCRIPT).env("BUILDROOT", self.0.path()).env("PATTERN_SECURE_BOOT_ENROLL", "off");
        command.output().unwrap()
    }

    fn has(&self, name: &str) -> bool {
        Path::new(&self.0.path().join("usr/share/factory")).join(name).exists()
    }
}

#[test]
fn keys_that_debians_packages_make_do_not_ship() {
    let made =
        ["etc/ssh/ssh_host_ed25519_key", "etc/ssh/ssh_host_rsa_key", "etc/ssl/private/ssl-cert-snakeoil.key"];
    // Dropbear's keys are not text.
    let dropbear = ["etc/dropbear/dropbear_ed25519_host_key", "etc/dropbear/dropbear_ed25519_host_key.pub"];
    let mut files = made.map(|name| (name, PRIVATE)).to_vec();
    files.push(("etc/ssh/ssh_host_ed25519_key.pub", "ssh-ed25519 AAAA root@build\n"));
    files.push(("etc/ssl/certs/ssl-cert-snakeoil.pem", "-----BEGIN CERTIFICATE-----\n"));
    files.extend(dropbear.map(|name| (name, "\0\0\0\x0bssh-ed25519")));
    files.push(("etc/ssh/sshd_config", "UsePAM yes\n"));
    let root = Root::new(&files);
    let output = root.finalize();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for (name, _) in &files[..7] {
        assert!(!root.has(name), "{name} ships");
    }
    assert!(root.has("etc/ssh/sshd_config") && root.has("etc/hosts"));
    assert_eq!(
        fs::read_to_string(root.0.path().join("usr/share/factory/etc/machine-id")).unwrap(),
        "uninitialized\n"
    );
}

#[test]
fn what_the_build_logged_does_not_ship() {
    let root = Root::new(&[("var/log/alternatives.log", "update-alternatives: run\n"), ("var/log/wtmp", "")]);
    let output = root.finalize();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!root.has("var/log/alternatives.log") && root.has("var/log/wtmp"));
}

#[test]
fn other_private_keys_end_the_build() {
    for (name, begin) in [
        ("etc/nginx/tls.key", "-----BEGIN PRIVATE KEY-----"),
        ("etc/ipsec.d/private/host.pem", "-----BEGIN EC PRIVATE KEY-----"),
        ("var/lib/app/key with a space", "-----BEGIN ENCRYPTED PRIVATE KEY-----"),
        ("etc/app.yaml", "tls:\n  key: |\n    -----BEGIN PRIVATE KEY-----"),
        ("var/backups/release.asc", "-----BEGIN PGP PRIVATE KEY BLOCK-----"),
        (
            "etc/ca/all.pem",
            "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n-----BEGIN RSA PRIVATE KEY-----",
        ),
    ] {
        let output = Root::new(&[(name, &format!("{begin}\nMIIB\n"))]).finalize();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{name}: {said}");
        assert!(said.contains("would give these private keys to everybody who has it"), "{said}");
        assert!(said.contains(&format!("  /{name}\n")), "{said}");
    }
}

#[test]
fn what_only_speaks_of_keys_is_left_alone() {
    let files = [
        ("etc/app.conf", "# write -----BEGIN PRIVATE KEY----- first\n"),
        ("etc/ssl/certs/ca.pem", "-----BEGIN CERTIFICATE-----\n"),
        ("etc/key.pub", "-----BEGIN PUBLIC KEY-----\n"),
    ];
    let root = Root::new(&files);
    let output = root.finalize();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(files.iter().all(|(name, _)| root.has(name)));
}
