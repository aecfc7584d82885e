//! Reads and writes `SHA256SUMS`: the files and their sums.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::host::file;

/// Its file name.
pub(crate) const MANIFEST: &str = "SHA256SUMS";

/// SHA-256 sums, by file name.
pub(crate) type Sums = BTreeMap<String, String>;

/// Reads the manifest of a folder.
///
/// # Errors
/// When it can't be read, or a line is not a sum and the name of a file beside it.
pub(crate) fn read(folder: &Path) -> Result<Sums> {
    let path = folder.join(MANIFEST);
    let text = file::text(&path).with_context(|| format!("reading {}", path.display()))?;
    parse(&text).with_context(|| format!("reading {}", path.display()))
}

fn parse(text: &str) -> Result<Sums> {
    let mut sums = Sums::new();
    for (number, line) in (1..).zip(text.lines()) {
        let Some((sum, name)) = line.split_once("  ").filter(|(sum, name)| is_sum(sum) && is_name(name))
        else {
            bail!("line {number} is not a SHA-256 sum, two spaces and a file name: {line:?}");
        };
        if sums.insert(name.to_owned(), sum.to_owned()).is_some() {
            bail!("line {number} names {name} for the second time");
        }
    }
    Ok(sums)
}

/// Returns the text in the format of `sha256sum --check` and systemd-sysupdate.
pub(super) fn render(sums: &Sums) -> String {
    sums.iter().map(|(name, sum)| format!("{sum}  {name}\n")).collect()
}

pub(super) fn is_sum(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Returns whether a text is the name of a visible file in the same folder that needs no escaping
/// in URLs.
fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    !text.is_empty() && !text.starts_with('.') && text.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUM: &str = "6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d";

    #[test]
    fn a_manifest_is_written_as_it_was_read() {
        let text = format!("{SUM}  x_1.efi\n{SUM}  x_1.raw\n");
        assert_eq!(render(&parse(&text).unwrap()), text);
        assert!(parse("").unwrap().is_empty());
    }

    #[test]
    fn only_files_in_the_same_folder_are_named() {
        for name in ["../x", "a/b", ".hidden", "", "a b", " *x", "x\t", "d\u{e9}mo"] {
            let error = parse(&format!("{SUM}  good\n{SUM}  {name}\n")).unwrap_err().to_string();
            assert!(error.starts_with("line 2 is not a SHA-256 sum, two spaces and"), "{name:?}: {error}");
        }
        for line in ["x_1.raw", "abc  x_1.raw", &format!("{SUM} x_1.raw"), &format!("\\{SUM}  x")] {
            assert!(parse(line).is_err(), "{line}");
        }
        let twice = parse(&format!("{SUM}  x\n{SUM}  x\n")).unwrap_err().to_string();
        assert_eq!(twice, "line 2 names x for the second time");
    }
}
