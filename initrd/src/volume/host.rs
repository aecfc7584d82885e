//! What makes a machine the same one for others: its machine ID, which DHCP and the journal go by,
//! and its SSH host keys. An image that does not persist `/etc` has them on the volume.
//!
//! The running system makes and keeps them. The initrd gives them to each later boot. A file that
//! can't be kept or given does not hold up the others.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use nix::libc::O_NOFOLLOW;
use pattern_machine::replace;
use zeroize::Zeroizing;

use super::mounts::KEPT;

/// Their folder on the volume, beside the directories that are bound. The running system finds all of
/// them covered.
const FOLDER: &str = "host";
const MACHINE_ID: &str = "machine-id";
/// Folders of `/etc`. The machine ID comes last: once it is kept, no later boot is a first one.
const FOLDERS: [&str; 3] = ["ssh", "dropbear", ""];
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
        let (folder, mode) = match name {
            MACHINE_ID => ("", 0o444),
            _ if name.starts_with("ssh_host_") && name.ends_with("_key") => ("ssh", 0o600),
            _ if name.starts_with("ssh_host_") && name.ends_with("_key.pub") => ("ssh", 0o644),
            _ if name.starts_with("dropbear_") && name.ends_with("_host_key") => ("dropbear", 0o600),
            _ => return None,
        };
        Some(Self { name: name.to_owned(), folder, mode })
    }
}

/// Returns where the volume has them.
fn place(volume: &Path) -> PathBuf {
    volume.join(KEPT).join(FOLDER)
}

/// Returns whether the volume has none.
pub(crate) fn is_new(volume: &Path) -> bool {
    !place(volume).is_dir()
}

/// Keeps the files of `/etc` that the volume does not have, or has with another content. Returns
/// their names.
///
/// # Errors
/// When the volume can't be written.
pub(crate) fn keep(etc: &Path, volume: &Path) -> Result<Vec<String>> {
    let to = place(volume);
    make(&to).with_context(|| format!("making {}", to.display()))?;
    let keep = |file: Own| {
        let content = read(&etc.join(file.folder).join(&file.name))?;
        let known = read(&to.join(&file.name)).is_ok_and(|known| known == content);
        // The image's own text instead of an ID says that the system has none yet.
        if known || !is_sound(&file, &content) {
            return Ok(None);
        }
        replace::file(&to, &file.name, &content, file.mode)?;
        Ok(Some(file.name))
    };
    Ok(each(FOLDERS.into_iter().flat_map(|folder| own(&etc.join(folder), folder)), "keeping", keep))
}

/// Gives the kept files to an `/etc`. Returns their names.
pub(crate) fn restore(volume: &Path, etc: &Path) -> Vec<String> {
    let from = place(volume);
    let give = |file: Own| {
        let content = read(&from.join(&file.name))?;
        if !is_sound(&file, &content) {
            bail!("it is not a machine ID");
        }
        let to = etc.join(file.folder);
        if !to.is_dir() {
            fs::create_dir(&to)?;
            fs::set_permissions(&to, fs::Permissions::from_mode(0o755))?;
        }
        replace::file(&to, &file.name, &content, file.mode)?;
        Ok(Some(file.name))
    };
    each(FOLDERS.into_iter().flat_map(|folder| own(&from, folder)), "giving the system", give)
}

/// Does something with each file, and logs what fails. Returns the names of what was done.
fn each(
    files: impl Iterator<Item = Own>,
    doing: &str,
    act: impl Fn(Own) -> Result<Option<String>>,
) -> Vec<String> {
    let act = |file: Own| {
        let name = file.name.clone();
        act(file).inspect_err(|error| log::warn!("{doing} the machine's {name}: {error:#}")).ok()?
    };
    files.filter_map(act).collect()
}

/// Returns the machine's files in a folder that belong below this one of `/etc`, in order. A link is
/// somebody's own way to keep a file.
fn own(folder: &Path, below: &str) -> Vec<Own> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    let names = files.filter_map(|entry| entry.file_name().into_string().ok());
    let mut own: Vec<Own> =
        names.filter_map(|name| Own::of(&name)).filter(|file| file.folder == below).collect();
    own.sort_by(|one, other| one.name.cmp(&other.name));
    own
}

/// Returns whether a file has the content of one of its kind.
fn is_sound(file: &Own, content: &[u8]) -> bool {
    file.name != MACHINE_ID || is_machine_id(content)
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let file = OpenOptions::new().read(true).custom_flags(O_NOFOLLOW).open(path)?;
    if !file.metadata()?.is_file() {
        bail!("{} is not a file", path.display());
    }
    let mut content = Zeroizing::new(Vec::new());
    file.take(LONGEST + 1).read_to_end(&mut content)?;
    if content.len() as u64 > LONGEST {
        bail!("{} is too long", path.display());
    }
    Ok(content)
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

    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef\n";

    fn machine(name: &str) -> (PathBuf, PathBuf, PathBuf) {
        let folder = std::env::temp_dir().join(format!("pattern-host-{name}-{}", std::process::id()));
        let (etc, volume) = (folder.join("etc"), folder.join("volume"));
        fs::create_dir_all(etc.join("ssh")).unwrap();
        fs::create_dir_all(volume.join(KEPT)).unwrap();
        fs::write(etc.join(MACHINE_ID), ID).unwrap();
        (folder, etc, volume)
    }

    #[test]
    fn the_machine_stays_the_same_whatever_the_image_has() {
        let (folder, etc, volume) = machine("first");
        assert!(is_new(&volume) && restore(&volume, &etc).is_empty());
        fs::create_dir(etc.join("dropbear")).unwrap();
        for (name, text) in [
            ("ssh/ssh_host_ed25519_key", "secret"),
            ("ssh/ssh_host_ed25519_key.pub", "public"),
            ("dropbear/dropbear_rsa_host_key", "secret"),
            ("ssh/sshd_config", ""),
        ] {
            fs::write(etc.join(name), text).unwrap();
        }
        let all = ["ssh_host_ed25519_key", "ssh_host_ed25519_key.pub", "dropbear_rsa_host_key", "machine-id"];
        assert_eq!(keep(&etc, &volume).unwrap(), all);
        assert!(keep(&etc, &volume).unwrap().is_empty() && !is_new(&volume));
        // The next boot begins with the image's /etc, which may have no folder for the keys.
        fs::remove_dir_all(&etc).unwrap();
        fs::create_dir_all(&etc).unwrap();
        fs::write(etc.join(MACHINE_ID), "uninitialized\n").unwrap();
        assert_eq!(restore(&volume, &etc), all);
        assert_eq!(fs::read_to_string(etc.join(MACHINE_ID)).unwrap(), ID);
        let mode = |path: PathBuf| fs::metadata(path).unwrap().mode() & 0o7777;
        assert_eq!((mode(etc.join("ssh")), mode(etc.join("ssh/ssh_host_ed25519_key"))), (0o755, 0o600));
        assert_eq!((mode(etc.join(MACHINE_ID)), mode(place(&volume))), (0o444, 0o700));
        // Keys that the owner made anew take the place of the older ones.
        fs::write(etc.join("ssh/ssh_host_ed25519_key"), "another").unwrap();
        assert_eq!(keep(&etc, &volume).unwrap(), ["ssh_host_ed25519_key"]);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn only_the_machines_own_files_get_into_etc_and_one_does_not_hold_up_the_others() {
        let (folder, etc, volume) = machine("other");
        // A key that is kept in somebody's own way.
        symlink("/var/key", etc.join("ssh/ssh_host_rsa_key")).unwrap();
        fs::write(etc.join("ssh/ssh_host_ecdsa_key"), vec![0; LONGEST as usize + 1]).unwrap();
        assert_eq!(keep(&etc, &volume).unwrap(), ["machine-id"]);
        for name in ["passwd", "ssh_host_key_passwd", "sshd_config"] {
            fs::write(place(&volume).join(name), "planted").unwrap();
        }
        symlink("/etc/passwd", place(&volume).join("ssh_host_rsa_key")).unwrap();
        assert_eq!(restore(&volume, &etc), ["machine-id"]);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_is_not_a_machine_id_is_neither_kept_nor_given() {
        for id in ["uninitialized\n", "", "0123456789ABCDEF0123456789ABCDEF\n", &"0".repeat(32)] {
            let (folder, etc, volume) = machine("bad");
            fs::write(etc.join(MACHINE_ID), id).unwrap();
            assert!(keep(&etc, &volume).unwrap().is_empty(), "{id:?}");
            fs::write(place(&volume).join(MACHINE_ID), id).unwrap();
            assert!(restore(&volume, &etc).is_empty());
            fs::remove_dir_all(folder).unwrap();
        }
    }
}
