//! What makes a machine the same one for others: its machine ID, which DHCP and the journal go by,
//! and its SSH host keys. An image that does not persist `/etc` has them on the volume.
//!
//! The running system makes them, and keeps the first ones. The initrd gives them to each later
//! boot.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use nix::libc::O_NOFOLLOW;
use zeroize::Zeroizing;

/// Their folder on the volume.
const FOLDER: &str = "host";
const MACHINE_ID: &str = "machine-id";
/// More than any of these files has.
const LONGEST: u64 = 64 << 10;

/// A file that belongs to the machine.
struct Own {
    name: String,
    /// Its folder below `/etc`.
    folder: &'static str,
    mode: u32,
}

impl Own {
    /// Recognises a file by its name.
    fn of(name: &str) -> Option<Self> {
        let key = name.strip_prefix("ssh_host_");
        let (folder, mode) = match key {
            None if name == MACHINE_ID => ("", 0o444),
            Some(key) if key.ends_with("_key") => ("ssh", 0o600),
            Some(key) if key.ends_with("_key.pub") => ("ssh", 0o644),
            _ => return None,
        };
        Some(Self { name: name.to_owned(), folder, mode })
    }
}

/// Keeps the files of the running system that the volume does not have yet. Returns their names.
///
/// # Errors
/// When the volume can't be written.
pub(crate) fn keep(etc: &Path, volume: &Path) -> Result<Vec<String>> {
    let folder = volume.join(FOLDER);
    let found = [own(etc, ""), own(&etc.join("ssh"), "ssh")].into_iter().flatten();
    let mut kept = Vec::new();
    for file in found.filter(|file| !folder.join(&file.name).exists()) {
        let doing = || format!("keeping {}", file.name);
        let content = read(&etc.join(file.folder).join(&file.name)).with_context(doing)?;
        if file.name == MACHINE_ID && !is_machine_id(&content) {
            continue;
        }
        make(&folder).with_context(|| format!("making {}", folder.display()))?;
        write(&folder, &file, &content).with_context(doing)?;
        kept.push(file.name);
    }
    Ok(kept)
}

/// Gives the kept files to the system that is started. Returns their names.
///
/// # Errors
/// When one can't be read or written.
pub(crate) fn restore(volume: &Path, etc: &Path) -> Result<Vec<String>> {
    let folder = volume.join(FOLDER);
    let mut given = Vec::new();
    for file in own(&folder, "").into_iter().chain(own(&folder, "ssh")) {
        let doing = || format!("giving the system {}", file.name);
        let content = read(&folder.join(&file.name)).with_context(doing)?;
        if file.name == MACHINE_ID && !is_machine_id(&content) {
            bail!("{} is not a machine ID; remove it", folder.join(MACHINE_ID).display());
        }
        let to = etc.join(file.folder);
        // An image without SSH has no folder for its keys.
        if to.is_dir() {
            write(&to, &file, &content).with_context(doing)?;
            given.push(file.name);
        }
    }
    Ok(given)
}

/// Returns the machine's files in a folder that belong below this one of `/etc`, in order.
fn own(folder: &Path, below: &str) -> Vec<Own> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut own: Vec<Own> =
        names.filter_map(|name| Own::of(&name)).filter(|file| file.folder == below).collect();
    own.sort_by(|one, other| one.name.cmp(&other.name));
    own
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let file = OpenOptions::new().read(true).custom_flags(O_NOFOLLOW).open(path)?;
    if !file.metadata()?.is_file() {
        bail!("{} is not a file", path.display());
    }
    let mut content = Zeroizing::new(Vec::new());
    file.take(LONGEST).read_to_end(&mut content)?;
    Ok(content)
}

/// Writes under another name first, so that a power cut leaves all of the file or nothing.
fn write(folder: &Path, file: &Own, content: &[u8]) -> io::Result<()> {
    let draft = folder.join(format!(".{}.new", file.name));
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    written.write_all(content)?;
    written.set_permissions(fs::Permissions::from_mode(file.mode))?;
    written.sync_all()?;
    fs::rename(draft, folder.join(&file.name))?;
    File::open(folder)?.sync_all()
}

/// Only root may look into it.
fn make(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

/// Returns whether this is the content of `/etc/machine-id` (machine-id(5)).
fn is_machine_id(content: &[u8]) -> bool {
    let id = content.strip_suffix(b"\n").unwrap_or(content);
    let hexadecimal = |byte: &u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(byte);
    id.len() == 32 && id.iter().all(hexadecimal) && id.iter().any(|byte| *byte != b'0')
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, symlink};
    use std::path::PathBuf;

    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef\n";

    fn machine(name: &str) -> (PathBuf, PathBuf, PathBuf) {
        let folder = std::env::temp_dir().join(format!("pattern-host-{name}-{}", std::process::id()));
        let (etc, volume) = (folder.join("etc"), folder.join("volume"));
        fs::create_dir_all(etc.join("ssh")).unwrap();
        fs::create_dir_all(&volume).unwrap();
        fs::write(etc.join(MACHINE_ID), ID).unwrap();
        (folder, etc, volume)
    }

    #[test]
    fn the_first_identity_stays_whatever_the_image_has() {
        let (folder, etc, volume) = machine("first");
        assert!(restore(&volume, &etc).unwrap().is_empty());
        for (name, text) in [("ssh_host_ed25519_key", "secret"), ("ssh_host_ed25519_key.pub", "public")] {
            fs::write(etc.join("ssh").join(name), text).unwrap();
        }
        fs::write(etc.join("ssh/sshd_config"), "").unwrap();
        let all = ["machine-id", "ssh_host_ed25519_key", "ssh_host_ed25519_key.pub"];
        assert_eq!(keep(&etc, &volume).unwrap(), all);
        assert!(keep(&etc, &volume).unwrap().is_empty());
        // The next boot begins with the image's /etc.
        fs::remove_dir_all(&etc).unwrap();
        fs::create_dir_all(etc.join("ssh")).unwrap();
        fs::write(etc.join(MACHINE_ID), "uninitialized\n").unwrap();
        assert_eq!(restore(&volume, &etc).unwrap(), all);
        assert_eq!(fs::read_to_string(etc.join(MACHINE_ID)).unwrap(), ID);
        let mode = |path: PathBuf| fs::metadata(path).unwrap().mode() & 0o7777;
        assert_eq!(mode(etc.join("ssh/ssh_host_ed25519_key")), 0o600);
        assert_eq!((mode(etc.join(MACHINE_ID)), mode(volume.join(FOLDER))), (0o444, 0o700));
        // Without SSH, its keys stay where they are.
        fs::remove_dir_all(etc.join("ssh")).unwrap();
        assert_eq!(restore(&volume, &etc).unwrap(), ["machine-id"]);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn only_the_machines_own_files_get_into_etc() {
        let (folder, etc, volume) = machine("other");
        keep(&etc, &volume).unwrap();
        for name in ["passwd", "ssh_host_key_passwd", "sshd_config"] {
            fs::write(volume.join(FOLDER).join(name), "planted").unwrap();
        }
        assert_eq!(restore(&volume, &etc).unwrap(), ["machine-id"]);
        symlink("/etc/passwd", volume.join(FOLDER).join("ssh_host_rsa_key")).unwrap();
        let error = restore(&volume, &etc).unwrap_err();
        assert!(format!("{error:#}").starts_with("giving the system ssh_host_rsa_key: "), "{error:#}");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_is_not_a_machine_id_is_neither_kept_nor_given() {
        for id in ["uninitialized\n", "", "0123456789ABCDEF0123456789ABCDEF\n", &"0".repeat(32)] {
            let (folder, etc, volume) = machine("bad");
            fs::write(etc.join(MACHINE_ID), id).unwrap();
            assert!(keep(&etc, &volume).unwrap().is_empty(), "{id:?}");
            fs::create_dir(volume.join(FOLDER)).unwrap();
            fs::write(volume.join("host/machine-id"), id).unwrap();
            let error = restore(&volume, &etc).unwrap_err().to_string();
            assert!(error.ends_with("host/machine-id is not a machine ID; remove it"), "{error}");
            fs::remove_dir_all(folder).unwrap();
        }
    }
}
