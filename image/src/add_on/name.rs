//! The name of an add-on's file: systemd-stub passes over what has another one.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::host::word::word;

const END: &str = ".addon.efi";
/// Longest name that systemd-stub takes, in bytes.
const LONGEST: usize = 255;
/// Besides letters and digits. FAT takes all of these.
const MARKS: &str = "._-+@,";

/// Returns the file for an image where none is named.
pub(super) fn of(id: &str) -> PathBuf {
    format!("{id}{END}").into()
}

/// # Errors
/// When systemd-stub, or the file system of the EFI system partition, would not take the name.
pub(super) fn check(output: &Path, id: &str) -> Result<()> {
    let making = format!("making the add-on {}", output.display());
    if output.is_dir() {
        let file = word(&output.join(of(id)));
        bail!("{making}: it is a folder: name a file in it, such as --output {file}");
    }
    let name = output.file_name().unwrap_or_default().to_string_lossy();
    match fault(&name) {
        Some(fault) => bail!("{making}: {fault}: name another file with --output, such as {id}{END}"),
        None => Ok(()),
    }
}

fn fault(name: &str) -> Option<&'static str> {
    if !name.ends_with(END) {
        return Some("systemd-stub takes only files whose names end in .addon.efi");
    }
    if name.starts_with('.') {
        return Some("systemd-stub takes no file whose name begins with a dot");
    }
    if !name.chars().all(|c| c.is_ascii_alphanumeric() || MARKS.contains(c)) {
        return Some("the name may have ASCII letters, digits and the marks . _ - + @ , only");
    }
    (name.len() > LONGEST).then_some("systemd-stub takes no name of more than 255 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_that_the_stub_takes_is_good() {
        let long = format!("{}{END}", "a".repeat(245));
        for good in ["a.addon.efi", "rack-3_B+1@x,y.addon.efi", &long] {
            check(Path::new(good), "x").unwrap();
            check(&Path::new("/nowhere/.hidden").join(good), "x").unwrap();
        }
        let end = "systemd-stub takes only files whose names end in .addon.efi";
        let marks = "the name may have ASCII letters, digits and the marks . _ - + @ , only";
        let longer = format!("a{long}");
        for (bad, fault) in [
            ("a.efi", end),
            ("a.addon.EFI", end),
            ("addon.efi", end),
            (".addon.efi", "systemd-stub takes no file whose name begins with a dot"),
            (".a.addon.efi", "systemd-stub takes no file whose name begins with a dot"),
            ("a b.addon.efi", marks),
            ("a:b.addon.efi", marks),
            ("\u{e4}.addon.efi", marks),
            (&longer, "systemd-stub takes no name of more than 255 bytes"),
        ] {
            let said = check(Path::new(bad), "x").unwrap_err().to_string();
            let wanted = format!(
                "making the add-on {bad}: {fault}: name another file with --output, such as x.addon.efi"
            );
            assert_eq!(said, wanted);
        }
    }

    #[test]
    fn in_a_folder_a_file_is_named() {
        let said = check(Path::new("/"), "x").unwrap_err().to_string();
        let wanted = "making the add-on /: it is a folder: name a file in it, such as --output /x.addon.efi";
        assert_eq!(said, wanted);
    }
}
