//! The finished files: gives them the names that updates need, and writes their checksums.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use pattern::update::release::Part;

use crate::host::tools;
use crate::release::{MANIFEST, PACKAGES, PUBRING, SIGNATURE, is_file_of, unfinished};

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

/// Returns what a folder is that results do not go into.
pub(super) fn kind(folder: &Path) -> Option<&'static str> {
    if !folder.join(MANIFEST).exists() {
        return None;
    }
    let is_signed = folder.join(SIGNATURE).exists();
    Some(if is_signed { "a release" } else { "the result of a build" })
}

/// Fails if a version was built already and may not be replaced.
///
/// # Errors
/// When `to` has a file of the version.
pub(crate) fn refuse_to_replace(base: &str, to: &Path, force: bool) -> Result<()> {
    if !force && let Some(name) = own(base, to)?.pop() {
        if !to.join(MANIFEST).exists() {
            bail!("building into {}: {}", to.display(), unfinished::words(base));
        }
        bail!(
            "{} was built already ({}): raise image.version, or replace it with --force",
            base,
            to.join(name).display()
        );
    }
    Ok(())
}

/// Returns the names of a version's files in a folder, `SHA256SUMS` first. Other files are not ours.
pub(super) fn own(base: &str, to: &Path) -> Result<Vec<String>> {
    let reading = || format!("reading {}", to.display());
    if !to.exists() {
        return Ok(Vec::new());
    }
    let mut names = Vec::new();
    for entry in fs::read_dir(to).with_context(reading)? {
        let name = entry.with_context(reading)?.file_name();
        names.extend(name.to_str().filter(|name| is_file_of(base, name)).map(str::to_owned));
    }
    // Without it, the rest is not taken for a version.
    names.sort_by_key(|name| (name != MANIFEST, name.clone()));
    Ok(names)
}

/// Moves the outputs from `made` to `to`, and gives them their final names. Returns the names.
///
/// # Errors
/// When the image itself was not made, or a file can't be moved.
pub(crate) fn collect(base: &str, made: &Path, to: &Path) -> Result<Vec<String>> {
    let renames = renames(base, made)?;
    let names = renames.iter().map(|(_, name)| name.clone()).collect::<Vec<_>>();
    if !names.contains(&format!("{base}.raw")) {
        bail!("mkosi made no {base}.raw in {}", made.display());
    }
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

/// Keeps mkosi's list of packages beside the image, for `pattern show`. It is not published. An image may
/// be configured to have none. Returns its name.
///
/// # Errors
/// When it can't be moved.
pub(crate) fn keep_manifest(base: &str, made: &Path, to: &Path) -> Result<Option<String>> {
    let name = format!("{base}{PACKAGES}");
    let from = made.join(&name);
    if !from.exists() {
        return Ok(None);
    }
    fs::rename(&from, to.join(&name)).with_context(|| format!("moving {}", from.display()))?;
    Ok(Some(name))
}

/// Writes `SHA256SUMS` for `sha256sum --check`.
///
/// # Errors
/// When sha256sum fails.
pub(crate) fn checksums(folder: &Path, names: &[String]) -> Result<()> {
    let path = folder.join(MANIFEST);
    fs::write(&path, sums(folder, names)?).with_context(|| format!("writing {}", path.display()))
}

/// Returns what sha256sum says of the files.
///
/// # Errors
/// When it fails.
pub(crate) fn sums(folder: &Path, names: &[String]) -> Result<String> {
    let mut command = Command::new("sha256sum");
    let sums = tools::output("summing up", command.arg("--").args(names).current_dir(folder))?;
    String::from_utf8(sums).context("summing up")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::temporary;

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
    fn outputs_are_collected_with_checksums() {
        let place = temporary::folder().unwrap();
        let (made, to) = (place.path().join("made"), place.path().join("to"));
        fs::create_dir_all(&made).unwrap();
        fs::create_dir_all(&to).unwrap();
        let error = collect("x_1", &made, &to).unwrap_err().to_string();
        assert!(error.starts_with("mkosi made no x_1.raw in "), "{error}");

        fs::write(made.join("x_1.raw"), "image").unwrap();
        fs::write(made.join("x_1.manifest"), "").unwrap();
        let names = collect("x_1", &made, &to).unwrap();
        assert_eq!(names, ["x_1.raw"]);
        assert_eq!(keep_manifest("x_1", &made, &to).unwrap().as_deref(), Some("x_1.manifest"));
        assert_eq!(keep_manifest("x_1", &made, &to).unwrap(), None);
        checksums(&to, &names).unwrap();
        let sums = fs::read_to_string(to.join("SHA256SUMS")).unwrap();
        let image = "6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d";
        assert_eq!(sums, format!("{image}  x_1.raw\n"));
        let mut left: Vec<_> = fs::read_dir(&to).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["SHA256SUMS", "x_1.manifest", "x_1.raw"]);
    }

    #[test]
    fn only_files_of_the_version_are_its_own_and_the_sums_come_first() {
        let place = temporary::folder().unwrap();
        let ours = ["SHA256SUMS", "x_1.efi", "x_1.manifest", "x_1.pubring.pgp", "x_1_aa_9.usr.raw"];
        let others = ["disk.raw", "notes.txt", "x_1.txt", "x_12.raw", "y_1.raw"];
        ours.iter().chain(&others).for_each(|name| fs::write(place.path().join(name), "").unwrap());
        assert_eq!(own("x_1", place.path()).unwrap(), ours);
        assert!(own("x_1", &place.path().join("none")).unwrap().is_empty());
    }

    #[test]
    fn a_result_and_a_release_are_known_by_their_sums() {
        let place = temporary::folder().unwrap();
        assert_eq!(kind(place.path()), None);
        fs::write(place.path().join("SHA256SUMS"), "").unwrap();
        assert_eq!(kind(place.path()), Some("the result of a build"));
        fs::write(place.path().join("SHA256SUMS.gpg"), "").unwrap();
        assert_eq!(kind(place.path()), Some("a release"));
    }

    #[test]
    fn a_version_is_replaced_on_request_only() {
        let place = temporary::folder().unwrap();
        let to = place.path().join("x_1");
        refuse_to_replace("x_1", &to, false).unwrap();
        fs::create_dir(&to).unwrap();
        fs::write(to.join("notes.txt"), "").unwrap();
        refuse_to_replace("x_1", &to, false).unwrap();
        let shown = to.display();
        let unfinished = "did not finish, because SHA256SUMS is missing: build it again with --force";
        for (name, wanted) in [
            ("x_1.raw", format!("building into {shown}: the build of x_1 {unfinished}")),
            (
                "SHA256SUMS",
                format!(
                    "x_1 was built already ({shown}/x_1.raw): raise image.version, or replace it with --force"
                ),
            ),
        ] {
            fs::write(to.join(name), "").unwrap();
            let error = refuse_to_replace("x_1", &to, false).unwrap_err().to_string();
            assert_eq!(error, wanted);
            refuse_to_replace("x_1", &to, true).unwrap();
        }
    }
}
