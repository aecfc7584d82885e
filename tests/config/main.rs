//! `pattern.toml`: what is read from a good one, every message of a bad one, and the manual that describes it.

mod good;
mod manual;
mod notes;
mod shape;
mod values;

use pattern::config::{Config, Finding, notes, parse};

/// The smallest file that is right. The tests of bad ones change a line of it.
const SMALLEST: &str = r#"
[image]
id = "demo"
version = "0.0.1"
updates = { url = "https://example.org/demo", pubring = "demo-pubring.pgp" }

[partitions]
sizes = { esp = "200M", verity = "64M", usr = "2G" }
"#;

const EVERYTHING: &str = r#"
debug = true
image.id = "my.demo-2"
image.version = "2026.11-rc1"
image.epoch = 3
[image.updates]
url = "file:///srv/updates"
pubring = "keys.gpg"
limit = "50M"
window = "22:00-06:00"
[partitions]
disk = "/dev/disk/by-id/nvme-X_1"
[partitions.sizes]
esp = "40M"
verity = "17M"
usr = "2G"
[partitions.persist]
etc = true
home = true
var = true
rollback = ["/var/lib/app", "/var/lib/b c", "/var/lib/app"]
[userspace]
homed = true
[volume]
filesystem = "btrfs"
tpm = "preferred"
pcrs = [11, 0x7, 7]
pin = true
counter = true
secure_boot = "required"
recovery_key = true
escrow = ["age17w23j4qn8rwklwqyv0uh750698dnwafk64h428vrg6uke8unvpjs9hcc92"]
[verity]
on_corruption = "io-error"
[boot]
essential = ["sshd.service", 'dev-disk-by\x2dlabel-x.swap', "sshd.service"]
flags = ["grow", "break", "grow"]
credentials = ["home.create.*", "ssh.authorized_keys.root", "home.create.*"]
add_on_words = ["console=*", "quiet", "console=*"]
secure_boot_enroll = "manual"
"#;

fn read(text: &str) -> Config {
    parse("p.toml", text).unwrap_or_else(|problems| panic!("{}", lines(&problems)))
}

fn lines(findings: &[Finding]) -> String {
    findings.iter().map(|finding| format!("{finding}\n")).collect()
}

/// What is said about a text, one error a line.
fn said(text: &str) -> String {
    lines(&parse("p.toml", text).expect_err("no error found"))
}

/// What is said when this part of the smallest file is written otherwise.
fn said_when(right: &str, wrong: &str) -> String {
    assert!(SMALLEST.contains(right), "{right}");
    said(&SMALLEST.replace(right, wrong))
}

/// What is noted about a text that is right, one note a line.
fn noted(text: &str) -> String {
    lines(&notes("p.toml", text, &read(text)))
}
