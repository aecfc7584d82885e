//! What decides whether an update is genuine comes from the verified image, and nothing of it from `/etc`: that is kept, or
//! written by others. systemd-pull takes `/etc/systemd/import-pubring.*` before, or beside, the image's keyring.

use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Context as _, Result};
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

/// Where systemd-pull looks for keyrings first.
const SETTINGS: &str = "/etc/systemd";
/// Where gpg looks for options.
const OPTIONS: &str = "/etc/gnupg";
/// The keyring's names: until systemd 257, and since.
const KEYRINGS: [&str; 2] = ["import-pubring.gpg", "import-pubring.pgp"];
/// Where the image has them.
const IMAGE: &str = "/usr/lib/systemd";

/// Hides those folders from this process and from all that it starts, and puts the image's keyring there. The machine sees
/// them as before.
///
/// # Errors
/// When the kernel refuses: then nothing may be installed.
pub(super) fn only_the_image() -> Result<()> {
    apart().context("making a mount namespace")?;
    for (folder, links) in [(SETTINGS, &KEYRINGS[..]), (OPTIONS, &[])] {
        if Path::new(folder).is_dir() {
            hide(Path::new(folder), links, Path::new(IMAGE)).with_context(|| format!("hiding {folder}"))?;
        }
    }
    Ok(())
}

/// What is mounted on the machine meanwhile appears here too, such as the EFI system partition on its first use.
fn apart() -> nix::Result<()> {
    unshare(CloneFlags::CLONE_NEWNS)?;
    mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_SLAVE, None::<&str>)
}

/// Under a folder with nothing but links to these files of another.
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

    /// In a thread of its own, whose mounts are its own. Needs root: elsewhere there is nothing to try.
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
            // A container may not allow it.
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
