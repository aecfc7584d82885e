//! Makes sure that only the verified image decides whether an update is genuine. `/etc` must not,
//! because it is persistent, and others may have written to it. systemd-pull prefers
//! `/etc/systemd/import-pubring.*` to the image's keyring, or uses both.
//!
//! Certificates are another matter. They only protect the way to the server, so those of a kept
//! `/etc` count, too. But a kept `/etc` grows old, and then only the image's have the server's.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Context as _, Result};
use nix::mount::{MsFlags, mount};
use pattern_machine::mounts::apart;
use pattern_machine::output;

/// Where systemd-pull first looks for keyrings.
const SETTINGS: &str = "/etc/systemd";
/// Where gpg looks for options.
const OPTIONS: &str = "/etc/gnupg";
/// The keyring's names: up to systemd 257, and since then.
const KEYRINGS: [&str; 2] = ["import-pubring.gpg", "import-pubring.pgp"];
/// Bytes of a bundle. That of Debian has 220 kB.
const LONGEST: u64 = 3 << 20;
/// Where the image has its keyring.
const IMAGE: &str = "/usr/lib/systemd";
/// Where libcurl looks for the certificates of authorities.
const CERTIFICATES: &str = "/etc/ssl/certs";
/// Their file there, and where the image has its own.
const BUNDLE: &str = "ca-certificates.crt";
const BUNDLE_OF_THE_IMAGE: &str = "/usr/lib/pattern/ca-certificates.crt";

/// Hides those folders from this process and its children, and shows them the image's keyring
/// instead, and the image's certificates beside the machine's. The rest of the machine still sees the
/// folders.
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
    trust_both(Path::new(CERTIFICATES), Path::new(BUNDLE_OF_THE_IMAGE))
        .with_context(|| format!("adding the image's certificates to {CERTIFICATES}"))
}

/// Covers the folder with one that has the certificates of both in its bundle. An image that brings
/// none leaves the folder as it is, and so does a machine whose bundle is the image's.
fn trust_both(folder: &Path, of_image: &Path) -> Result<()> {
    let Ok(image) = read(of_image) else { return Ok(()) };
    let machine = read(&folder.join(BUNDLE)).unwrap_or_else(|error| {
        if error.kind() != ErrorKind::NotFound {
            let bundle = folder.join(BUNDLE);
            output::message(&format!("pattern: {}: {error}; the image's is used", bundle.display()));
        }
        Vec::new()
    });
    if !folder.is_dir() || machine == image {
        return Ok(());
    }
    // The end of a text that somebody wrote may lack its line break.
    cover(folder, |folder| fs::write(folder.join(BUNDLE), [&image[..], b"\n", &machine].concat()))
}

/// Reads a bundle. What is not a file, or too long for one, is not read.
fn read(bundle: &Path) -> io::Result<Vec<u8>> {
    let kind = fs::metadata(bundle)?;
    if !kind.is_file() || kind.len() > LONGEST {
        return Err(io::Error::other("it is not a bundle of certificates"));
    }
    fs::read(bundle)
}

/// Covers a folder with one that has only links to these files of another folder.
fn hide(folder: &Path, links: &[&str], to: &Path) -> Result<()> {
    cover(folder, |folder| links.iter().try_for_each(|link| symlink(to.join(link), folder.join(link))))
}

/// Covers a folder with an empty one that nobody can write to once it was filled.
fn cover(folder: &Path, fill: impl FnOnce(&Path) -> io::Result<()>) -> Result<()> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("tmpfs"), folder, Some("tmpfs"), flags, Some("mode=0755,size=8m,nr_inodes=8"))?;
    fill(folder)?;
    let closed = flags | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    Ok(mount(None::<&str>, folder, None::<&str>, closed, None::<&str>)?)
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn a_bundle_that_grew_old_gets_the_images_certificates_for_the_update() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let folder = std::env::temp_dir().join(format!("pattern-trust-{}", std::process::id()));
        let image = folder.join("of-image");
        for (name, bundle) in [("old", Some("old")), ("same", Some("new\n")), ("none", None)] {
            fs::create_dir_all(folder.join(name)).unwrap();
            if let Some(text) = bundle {
                fs::write(folder.join(name).join(BUNDLE), text).unwrap();
            }
        }
        // Something else in its place does not stop updates.
        fs::create_dir_all(folder.join("odd").join(BUNDLE)).unwrap();
        let here = folder.clone();
        let seen = thread::spawn(move || {
            apart().ok()?;
            let seen = |name: &str| {
                trust_both(&here.join(name), &image).unwrap();
                fs::read_to_string(here.join(name).join(BUNDLE)).unwrap_or_default()
            };
            let without = seen("old");
            fs::write(&image, "new\n").unwrap();
            trust_both(&here.join("missing"), &image).unwrap();
            Some([without, seen("old"), seen("same"), seen("none"), seen("odd")])
        });
        let wanted = ["old", "new\n\nold", "new\n", "new\n\n", "new\n\n"];
        assert!(seen.join().unwrap().is_none_or(|seen| seen == wanted));
        assert_eq!(fs::read_to_string(folder.join("old").join(BUNDLE)).unwrap(), "old");
        fs::remove_dir_all(folder).unwrap();
    }
}
