//! Shows messages at login.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use pattern::plain::plain;

/// Shows a message until the next boot, or removes it: before the login prompt (agetty(8)), and
/// after login (pam_motd(8)).
///
/// # Errors
/// When a file can't be written or removed.
pub fn show(name: &str, message: Option<&str>) -> Result<()> {
    let places = [format!("/run/issue.d/{name}.issue"), format!("/run/motd.d/{name}")].map(PathBuf::from);
    match message {
        Some(message) => places.iter().try_for_each(|path| write(path, &harmless(message))),
        None => places.iter().try_for_each(|path| remove(path)),
    }
}

/// Removes what a terminal would obey, and backslashes, because agetty expands what follows them.
fn harmless(message: &str) -> String {
    plain(message).replace('\\', "/")
}

fn write(path: &Path, message: &str) -> Result<()> {
    let parent = path.parent().unwrap_or(path);
    let written = fs::create_dir_all(parent).and_then(|()| fs::write(path, format!("{message}\n\n")));
    written.with_context(|| format!("writing {}", path.display()))
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::harmless;

    #[test]
    fn a_message_is_text() {
        assert_eq!(harmless("It failed: disk full"), "It failed: disk full");
        assert_eq!(harmless("a\u{1b}[2J\nb\\4{eth0}"), "a/u{1b}[2J b/4{eth0}");
    }
}
