//! `pattern recovery decrypt`: decrypts a recovery key in escrow, with a secret key that it was
//! encrypted for.

use std::fs::File;
use std::io::{Read, stdin};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, ValueHint};
use pattern::age::{self, Identity};
use pattern::volume::recovery::RecoveryKey;
use zeroize::Zeroizing;

use crate::host::word::word;
use crate::host::{file, results};

/// Options of `recovery decrypt`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Decrypt {
    /// The encrypted key, EFI/pattern/UUID.age of the machine, or - for standard input
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// The secret key to one of volume.escrow, as age-keygen writes it, or - for standard input
    #[arg(long, value_name = "KEYFILE", value_hint = ValueHint::FilePath)]
    pub identity: PathBuf,
}

/// Means standard input.
const INPUT: &str = "-";
/// Longest file in bytes. An escrow has at most 3 KiB.
const LONGEST: usize = 64 << 10;

/// Prints the recovery key.
///
/// # Errors
/// When a file can't be read, the key does not match it, or its content is not a recovery key.
pub fn decrypt(options: &Decrypt) -> Result<()> {
    if [&options.file, &options.identity].iter().all(|path| is_input(path)) {
        bail!("FILE and KEYFILE can't both be standard input: name a file for one of them");
    }
    let secret = secret(options)?;
    let identities = identities(&options.identity, &secret)?;
    let file = read(&options.file)?;
    let key = opened(&file, &identities).with_context(|| format!("decrypting {}", named(&options.file)))?;
    // In one piece: a string that grows, or the buffer of standard output, would keep a copy.
    results::print(&Zeroizing::new([key.as_str(), "\n"].concat()))
}

/// Reads what is given as the secret key. The other file is looked at only if the two seem to be swapped.
fn secret(options: &Decrypt) -> Result<Zeroizing<Vec<u8>>> {
    let path = &options.identity;
    let reading = || format!("reading the secret key {}", named(path));
    let bytes = open(path)
        .and_then(whole)
        .and_then(|bytes| bytes.context("it is too long for a secret key"))
        .with_context(reading)?;
    if !age::is_encrypted(&bytes) {
        return Ok(bytes);
    }
    if !is_input(&options.file) && read(&options.file).is_ok_and(|other| has_secret_key(&other)) {
        let file = options.file.display();
        bail!(
            "{} is an encrypted file, and {file} is a secret key: FILE and KEYFILE are swapped: pattern recovery decrypt {} \
             --identity {}",
            named(path),
            word(path),
            word(&options.file)
        );
    }
    bail!(
        "{}: it is an encrypted file: name the secret key that age-keygen wrote; if it is one with a passphrase, decrypt it \
         first: age --decrypt",
        reading()
    );
}

fn has_secret_key(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok_and(|text| Identity::parse_file(text).is_ok())
}

fn identities(path: &Path, bytes: &[u8]) -> Result<Vec<Identity>> {
    let text = std::str::from_utf8(bytes).ok().with_context(|| {
        format!(
            "reading the secret key {}: it is not text: name the secret key that age-keygen wrote",
            named(path)
        )
    })?;
    Identity::parse_file(text).map_err(|(line, error)| anyhow!("{}:{line}: this {error}", named(path)))
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let reading = || format!("reading {}", named(path));
    let file = open(path).and_then(whole).with_context(reading)?;
    file.with_context(|| format!("{}: it is too long for a recovery key in escrow", reading()))
}

/// Standard input is read without the buffer of the standard library, which would keep a copy of a secret.
fn open(path: &Path) -> Result<File> {
    if is_input(path) {
        return Ok(stdin().as_fd().try_clone_to_owned()?.into());
    }
    file::open_or_given(path)
}

/// Reads to the end, or returns `None` if that is too far: a device has no end. The room is reserved at once, because a buffer
/// that grows leaves copies of a secret in memory.
fn whole(source: impl Read) -> Result<Option<Zeroizing<Vec<u8>>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST + 1));
    source.take(LONGEST as u64 + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes).filter(|bytes| bytes.len() <= LONGEST))
}

fn is_input(path: &Path) -> bool {
    path == Path::new(INPUT)
}

fn named(path: &Path) -> String {
    if is_input(path) { "standard input".to_owned() } else { path.display().to_string() }
}

fn opened(file: &[u8], identities: &[Identity]) -> Result<RecoveryKey> {
    let content = age::decrypt(file, identities)?;
    let text = std::str::from_utf8(&content).ok();
    let key = text.and_then(|text| RecoveryKey::parse(text.strip_suffix('\n').unwrap_or(text)).ok());
    key.context("it does not hold a recovery key; to see what it holds, run: age --decrypt")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use pattern::age::Recipient;

    use super::*;

    const PUBLIC: &str = "age17w23j4qn8rwklwqyv0uh750698dnwafk64h428vrg6uke8unvpjs9hcc92";
    const SECRET: &str = "AGE-SECRET-KEY-1PRAJC8CMLRHJM5ZTWGWJ384NEGFEJXHY8VGKU70XWJZJAG3N89PSMV7ACL";

    fn escrow(content: &str) -> Vec<u8> {
        let recipients = [Recipient::parse(PUBLIC).unwrap()];
        let random = || Ok::<_, age::Error>([7; 32].into());
        age::encrypt(content.as_bytes(), &recipients, random).unwrap().into_bytes()
    }

    fn said(file: &[u8], secret: &str) -> String {
        let opened = opened(file, &Identity::parse_file(secret).ok().unwrap());
        opened.map_or_else(|error| error.to_string(), |key| key.as_str().to_owned())
    }

    #[test]
    fn only_the_right_key_and_a_whole_file_give_a_recovery_key() {
        let key = ["cbdefghi"; 8].join("-");
        let file = escrow(&format!("{key}\n"));
        assert_eq!(said(&file, SECRET), key);
        let other = "AGE-SECRET-KEY-1JUNVCZJTFR60QNKU0GX7FCH6LNK5PC99R3NJT5S2QRL6TAJCY5CS7AD46S";
        assert_eq!(
            said(&file, other),
            "it is encrypted to one recipient, and this is the secret key of another one"
        );
        let cut = &file[..file.len() - 40];
        assert_eq!(said(cut, SECRET), "the armored text is damaged: a line is missing, or was changed");
        assert!(said(&escrow("hunter2"), SECRET).starts_with("it does not hold a recovery key"));
        assert!(said(b"", SECRET).starts_with("not an age file: "));
    }

    #[test]
    fn a_bad_secret_key_is_named_with_its_line_and_not_repeated() {
        let path = std::env::temp_dir().join(format!("pattern-identity-{}", std::process::id()));
        fs::write(&path, format!("# public\n{PUBLIC}\n")).unwrap();
        let identities = |path: &Path| {
            let options = Decrypt { file: "x.age".into(), identity: path.to_owned() };
            secret(&options).and_then(|bytes| identities(path, &bytes))
        };
        let error = identities(&path).err().unwrap().to_string();
        let wrong = "this is a public key; the secret key starts with AGE-SECRET-KEY-1";
        assert_eq!(error, format!("{}:2: {wrong}", path.display()));
        fs::write(&path, SECRET.replace("PRA", "PRR")).unwrap();
        let error = identities(&path).err().unwrap().to_string();
        assert_eq!(error, format!("{}:1: this is mistyped: its check sum is wrong", path.display()));
        fs::write(&path, [0xff]).unwrap();
        let error = identities(&path).err().unwrap().to_string();
        assert!(error.ends_with(": it is not text: name the secret key that age-keygen wrote"), "{error}");
        fs::remove_file(&path).unwrap();
        let error = format!("{:#}", identities(&path).err().unwrap());
        assert!(error.ends_with("No such file or directory (os error 2)"), "{error}");
        // It has no end.
        let error = format!("{:#}", identities(Path::new("/dev/zero")).err().unwrap());
        assert_eq!(error, "reading the secret key /dev/zero: it is a device, not a file");
    }
}
