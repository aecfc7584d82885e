//! Makes sure that only the verified image decides whether an update is genuine. `/etc` must not,
//! because it is persistent, and others may have written to it. systemd-pull prefers
//! `/etc/systemd/import-pubring.*` to the image's keyring, or uses both.

use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Context as _, Result};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

/// Where systemd-pull first looks for keyrings.
const SETTINGS: &str = "/etc/systemd";
/// Where gpg looks for options.
const OPTIONS: &str = "/etc/gnupg";
/// The keyring's names: up to systemd 257, and since then.
const KEYRINGS: [&str; 2] = ["import-pubring.gpg", "import-pubring.pgp"];
/// Where the image has its keyring.
const IMAGE: &str = "/usr/lib/systemd";

/// Hides those folders from this process and its children, and shows them the image's keyring
/// instead. The rest of the machine still sees the folders.
///
/// # Errors
/// When the kernel refuses. Nothing may be installed then.
pub(super) fn only_the_image() -> Result<()> {
    apart().context("making a mount namespace")?;
    for (folder, links) in [(SETTINGS, &KEYRINGS[..]), (OPTIONS, &[])] {
        if Path::new(folder).is_dir() {
            hide(Path::new(folder), links, Path::new(IMAGE)).with_context(|| format!("hiding {folder}"))?;
        }
    }
    Ok(())
}

/// Gives this process its own mounts. Mounts that the machine makes meanwhile still appear here,
/// for example the EFI system partition on its first use.
fn apart() -> nix::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_SLAVE, None::<&str>)
}

/// Covers a folder with one that has only links to these files of another folder.
fn hide(folder: &Path, links: &[&str], to: &Path) -> Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("tmpfs"), folder, Some("tmpfs"), flags, Some("mode=0755,size=64k,nr_inodes=8"))?;
    for link in links {
        symlink(to.join(link), folder.join(link))?;
    }
    let closed = flags | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    Ok(mount(None::<&str>, folder, None::<&str>, closed, None::<&str>)?)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::thread;

    use super::*;

    /// Runs in a thread with its own mounts. It needs root; without root it does nothing.
    #[test]
    fn only_who_asked_for_it_sees_the_images_files() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let folder = std::env::temp_dir().join(format!("pattern-own-{}", std::process::id()));
        let (etc, image) = (folder.join("etc"), folder.join("image"));
        for (place, text) in [(&etc, "planted"), (&image, "genuine")] {
            fs::create_dir_all(place).unwrap();
            fs::write(place.join("keyring"), text).unwrap();
        }
        fs::write(etc.join("other"), "planted").unwrap();
        let (hidden, from) = (etc.clone(), image.clone());
        let seen = thread::spawn(move || {
            // A container may forbid it.
            apart().ok()?;
            hide(&hidden, &["keyring"], &from).unwrap();
            let text = fs::read_to_string(hidden.join("keyring")).unwrap();
            Some((text, fs::read_dir(&hidden).unwrap().count(), fs::write(hidden.join("new"), "").is_err()))
        });
        assert!(seen.join().unwrap().is_none_or(|seen| seen == ("genuine".to_owned(), 1, true)));
        assert_eq!(fs::read_to_string(etc.join("keyring")).unwrap(), "planted");
        fs::remove_dir_all(folder).unwrap();
    }
}
