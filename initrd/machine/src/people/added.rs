//! Describes what was added to the kernel image from outside, to a person who is asked for a key.

use std::fs;
use std::path::{Path, PathBuf};

use pattern::token::ADDED;

/// Where systemd-stub puts files that it found beside the kernel image (systemd-stub(7), "Companion
/// files"). Files from the image itself are there, too, under these names.
const FILES: &str = "/.extra";
const OF_THE_IMAGE: [&str; 4] =
    ["tpm2-pcr-public-key.pem", "tpm2-pcr-signature.json", "os-release", "profile"];
/// Longest kernel command line on x86 (`COMMAND_LINE_SIZE`).
const LONGEST: usize = 2048;

/// Returns one sentence a line: what is visible of the addition, and what entering a key means.
pub fn describe() -> Vec<String> {
    let words = fs::read_to_string("/proc/cmdline").unwrap_or_default();
    let files: Vec<String> = files(Path::new(FILES)).iter().map(|path| path.display().to_string()).collect();
    lines(words.trim(), &files)
}

/// Returns the text. Both inputs come from strangers, so control characters are escaped.
fn lines(words: &str, files: &[String]) -> Vec<String> {
    let words: String = words.chars().take(LONGEST).collect();
    let files = if files.is_empty() { "none".to_owned() } else { files.join(" ") };
    vec![
        format!("PCR {ADDED} was extended: something was added to the kernel image from outside."),
        format!("The kernel command line is now: {}", words.escape_debug()),
        format!("Files that were added: {}", files.escape_debug()),
        "Anyone who enters a key here opens the volume for what was added. If you did not add it, switch the machine off."
            .to_owned(),
    ]
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if !OF_THE_IMAGE.iter().any(|name| path == Path::new(FILES).join(name)) {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_reads_what_was_added_and_what_a_key_means() {
        let said = lines("quiet rdinit=/x\u{1b}[2J", &["/.extra/credentials/a\n.cred".to_owned()]);
        assert_eq!(said[1], "The kernel command line is now: quiet rdinit=/x\\u{1b}[2J");
        assert_eq!(said[2], "Files that were added: /.extra/credentials/a\\n.cred");
        assert!(said[3].starts_with("Anyone who enters a key here opens the volume"), "{said:?}");
        assert_eq!(lines("quiet", &[])[2], "Files that were added: none");
    }
}
