//! Makes RSA keys in PEM: for signed PCR policies, and for Secure Boot.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use pattern::config::epoch::{private_key, public_key};

use crate::host::durable;
use crate::host::file;
use crate::host::tools::{self, Need, Source};
use crate::host::tree::Tools;

const OPENSSL: Need = Need { programs: &["openssl"], package: "openssl" };

/// 15 years, four of them leap years.
const DAYS: u32 = 15 * 365 + 4;

/// All TPMs and all firmware support RSA with 2048 bits.
const PRIVATE: &str = "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out";

/// One file: its name, its mode, and openssl's arguments before the name.
type Made<'a> = (&'a str, u32, &'a str);

/// The keys for images with `debug = true`. Version 0.0.1 of this tool did not make them.
const DEBUG: [Made<'static>; 2] = [
    ("pcr-debug-private.pem", 0o600, PRIVATE),
    ("pcr-debug-public.pem", 0o644, "pkey -in pcr-debug-private.pem -pubout -out"),
];

/// Makes all files, in a folder that only its owner can read.
pub(super) fn keys(folder: &Path, name: &str, tools: &Tools) -> Result<()> {
    let source = Source::of(OPENSSL, tools)?;
    let certificate =
        format!("req -new -x509 -sha256 -days {DAYS} -subj /CN={name}-secure-boot -key secure-boot.key -out");
    let files = [
        ("pcr-private.pem", 0o600, PRIVATE),
        ("pcr-public.pem", 0o644, "pkey -in pcr-private.pem -pubout -out"),
        ("secure-boot.key", 0o600, PRIVATE),
        ("secure-boot.crt", 0o644, &certificate),
    ];
    files.into_iter().chain(DEBUG).try_for_each(|file| make(&source, folder, file))
}

/// What every version of this tool made. A new one would not be the one that machines know.
const OLDEST: [&str; 4] = ["pcr-private.pem", "pcr-public.pem", "secure-boot.key", "secure-boot.crt"];

/// Makes what a keyring of an older version lacks, and returns the names. Existing files stay
/// unchanged.
///
/// # Errors
/// When something is missing that each keyring had: it was lost.
pub(super) fn missing(folder: &Path, tools: &Tools) -> Result<Vec<String>> {
    let lost = lost(folder)?;
    if !lost.is_empty() {
        let (verb, which) = if lost.len() == 1 { ("is", "it") } else { ("are", "them") };
        bail!(
            "{}: {} {verb} missing, and can't be made again: restore {which} from your backup",
            folder.display(),
            lost.join(" and ")
        );
    }
    add(folder, tools, DEBUG)
}

/// Returns what was there once: what every keyring has, and private keys whose public half is there.
fn lost(folder: &Path) -> Result<Vec<String>> {
    let mut wanted: Vec<_> = OLDEST.map(str::to_owned).into();
    let reading = || format!("reading {}", folder.display());
    for entry in fs::read_dir(folder).with_context(reading)? {
        let name = entry.with_context(reading)?.file_name().to_string_lossy().into_owned();
        wanted.extend(name.strip_suffix("-public.pem").map(|name| format!("{name}-private.pem")));
    }
    wanted.sort();
    wanted.dedup();
    let mut lost = Vec::new();
    for name in wanted {
        if !file::is_there(&folder.join(&name))? {
            lost.push(name);
        }
    }
    Ok(lost)
}

/// Makes the key of an epoch, and returns the names. There are none if the key already exists.
pub(super) fn epoch(folder: &Path, epoch: u32, tools: &Tools) -> Result<Vec<String>> {
    let [private, public] = [private_key(epoch), public_key(epoch)];
    let publish = format!("pkey -in {private} -pubout -out");
    add(folder, tools, [(&private, 0o600, PRIVATE), (&public, 0o644, &publish)])
}

/// Makes what is missing of a private key and its public half, in this order. So a public half
/// without a private key means that the private key was lost, and a new one would not match.
fn add(folder: &Path, tools: &Tools, pair: [Made<'_>; 2]) -> Result<Vec<String>> {
    let [private, public] = pair.map(|(name, ..)| folder.join(name));
    if public.exists() && !private.exists() {
        bail!(
            "{} is missing, and {} is there: restore it from your backup",
            private.display(),
            public.display()
        );
    }
    let missing: Vec<_> = pair.into_iter().filter(|(name, ..)| !folder.join(name).exists()).collect();
    if !missing.is_empty() {
        let source = Source::of(OPENSSL, tools)?;
        missing.iter().try_for_each(|file| make(&source, folder, *file))?;
    }
    Ok(missing.into_iter().map(|(name, ..)| name.to_owned()).collect())
}

/// Makes one file. An interrupted run leaves no partial key under its name.
fn make(source: &Source, folder: &Path, (name, mode, arguments): Made<'_>) -> Result<()> {
    let part = format!(".{name}.new");
    let mut command = source.command("openssl");
    // Without the host's configuration, which may be missing, or add what firmware does not expect.
    command.env("OPENSSL_CONF", "/dev/null").current_dir(folder);
    command.args(arguments.split(' ')).arg(&part);
    tools::output(&format!("making {name} with openssl"), &mut command)?;
    let part = folder.join(part);
    durable::mode(&part, mode)?;
    durable::sync(&part)?;
    durable::rename(&part, &folder.join(name))
}
