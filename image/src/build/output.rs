//! The finished files: gives them the names that updates need, and writes their checksums.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use pattern::update::release::Part;

use crate::release::PUBRING;

/// Returns the final name of a file that mkosi made, which has this many bytes, or `None` if it is
/// not an output.
///
/// `base` is `ID_VERSION`. mkosi names a split partition `ID_VERSION.SPLITNAME.raw`, with
/// `usr.UUID` as its split name. systemd-sysupdate reads UUID and size from a name such as
/// `ID_VERSION_UUID_BYTES.usr.raw`.
pub(crate) fn final_name(base: &str, name: &str, bytes: u64) -> Option<String> {
    let suffix = name.strip_prefix(base)?.strip_prefix('.')?;
    match suffix.split('.').collect::<Vec<_>>().as_slice() {
        ["raw" | "efi"] => Some(name.to_owned()),
        [kind, uuid, "raw"] => {
            let part = Part::ALL.into_iter().find(|part| part.name() == *kind)?;
            Some(part.file_name(base, uuid, bytes))
        }
        _ => None,
    }
}

/// Returns the bytes of the kernel image that mkosi made.
///
/// # Errors
/// When there is none.
pub(crate) fn kernel_image(base: &str, made: &Path) -> Result<u64> {
    let file = made.join(format!("{base}.efi"));
    let found = fs::metadata(&file).with_context(|| format!("looking at {}", file.display()))?;
    Ok(found.len())
}

/// Moves the outputs from `made` to `to`, and replaces what an earlier build left there. Returns
/// the names.
///
/// # Errors
/// When the image itself was not made, or a file can't be moved.
pub(crate) fn collect(base: &str, made: &Path, to: &Path) -> Result<Vec<String>> {
    let renames = renames(base, made)?;
    let names = renames.iter().map(|(_, name)| name.clone()).collect::<Vec<_>>();
    if !names.contains(&format!("{base}.raw")) {
        bail!("mkosi made no {base}.raw in {}", made.display());
    }
    if to.exists() {
        fs::remove_dir_all(to).with_context(|| format!("removing {}", to.display()))?;
    }
    fs::create_dir_all(to).with_context(|| format!("creating {}", to.display()))?;
    for (from, name) in renames {
        let path = to.join(name);
        fs::rename(from, &path).with_context(|| format!("moving {}", path.display()))?;
    }
    Ok(names)
}

/// Returns the outputs in a folder, ordered by their final names.
fn renames(base: &str, made: &Path) -> Result<Vec<(PathBuf, String)>> {
    let reading = || format!("reading {}", made.display());
    let mut renames = Vec::new();
    for entry in fs::read_dir(made).with_context(reading)? {
        let entry = entry.with_context(reading)?;
        let name = entry.file_name();
        let bytes = entry.metadata().with_context(reading)?.len();
        if let Some(name) = name.to_str().and_then(|name| final_name(base, name, bytes)) {
            renames.push((entry.path(), name));
        }
    }
    renames.sort_by(|one, other| one.1.cmp(&other.1));
    Ok(renames)
}

/// Copies the keyring of the image, for `pattern sign-release`. Returns its name.
///
/// # Errors
/// When it can't be copied.
pub(crate) fn keep_pubring(base: &str, pubring: &Path, to: &Path) -> Result<String> {
    let name = format!("{base}{PUBRING}");
    fs::copy(pubring, to.join(&name)).with_context(|| format!("copying {}", pubring.display()))?;
    Ok(name)
}

/// Writes `SHA256SUMS` for `sha256sum --check`.
///
/// # Errors
/// When sha256sum fails.
pub(crate) fn checksums(folder: &Path, names: &[String]) -> Result<()> {
    let path = folder.join("SHA256SUMS");
    fs::write(&path, sums(folder, names)?).with_context(|| format!("writing {}", path.display()))
}

/// Returns what sha256sum says of the files.
///
/// # Errors
/// When it fails.
pub(crate) fn sums(folder: &Path, names: &[String]) -> Result<String> {
    let output = Command::new("sha256sum").arg("--").args(names).current_dir(folder).output();
    let output = output.context("starting sha256sum")?;
    if !output.status.success() {
        bail!("sha256sum: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).context("sha256sum")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::temporary::TemporaryFolder;

    #[test]
    fn files_are_named_as_updates_want_them() {
        let cases = [
            ("demo_0.0.1.raw", Some("demo_0.0.1.raw")),
            ("demo_0.0.1.efi", Some("demo_0.0.1.efi")),
            ("demo_0.0.1.usr.0f3b-22.raw", Some("demo_0.0.1_0f3b-22_9.usr.raw")),
            ("demo_0.0.1.verity.0f3b-22.raw", Some("demo_0.0.1_0f3b-22_9.verity.raw")),
            ("demo_0.0.1.vmlinuz", None),
            ("demo_0.0.1", None),
            ("demo_0.0.12.raw", None),
            ("other.raw", None),
        ];
        for (name, wanted) in cases {
            assert_eq!(final_name("demo_0.0.1", name, 9).as_deref(), wanted, "{name}");
        }
    }

    #[test]
    fn outputs_are_collected_with_checksums_and_old_ones_go() {
        let place = TemporaryFolder::new().unwrap();
        let (made, to) = (place.path().join("made"), place.path().join("to"));
        fs::create_dir_all(&made).unwrap();
        fs::create_dir_all(&to).unwrap();
        fs::write(to.join("old_0.0.1.raw"), "").unwrap();
        let error = collect("x_1", &made, &to).unwrap_err().to_string();
        assert!(error.starts_with("mkosi made no x_1.raw in "), "{error}");
        assert!(to.join("old_0.0.1.raw").exists());

        fs::write(made.join("x_1.raw"), "image").unwrap();
        fs::write(made.join("x_1.manifest"), "").unwrap();
        let names = collect("x_1", &made, &to).unwrap();
        assert_eq!(names, ["x_1.raw"]);
        checksums(&to, &names).unwrap();
        let sums = fs::read_to_string(to.join("SHA256SUMS")).unwrap();
        let image = "6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d";
        assert_eq!(sums, format!("{image}  x_1.raw\n"));
        assert!(!to.join("old_0.0.1.raw").exists());
    }
}
