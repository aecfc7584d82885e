//! The image that a command is to take, and what tells its partition table from those of others.

use std::cmp::Ordering;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use pattern::config::version::compare;
use pattern::table::Table;

use super::name::{self, Kind};
use super::unfinished;

/// What is said of a disk that another system made.
pub(crate) const NOT_OURS: &str = "it has no partition usr-VERSION";

/// What is said of a folder without an image.
const NONE: &str = "it has no image: no file ID_VERSION.raw, .raw.xz or .raw.gz";

/// Returns whether a partition table is of an image that `pattern build` made.
pub(crate) fn is_ours(table: &Table) -> bool {
    table.partitions().any(|part| part.label.starts_with("usr-"))
}

/// Finds the image that is meant: the file, or the newest image in the folder of a version or a release.
///
/// # Errors
/// When the folder has none, or more than one that could be meant, or the build of it did not finish.
pub(crate) fn find(path: &Path) -> Result<PathBuf> {
    if path.extension().is_some_and(|end| end == "toml") {
        bail!("{} is a configuration, not an image: {MADE}", path.display());
    }
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    unfinished::refuse(path)?;
    Ok(path.join(in_folder(path)?))
}

const MADE: &str = "name what `pattern build` made of it, such as build/images/ID_VERSION";

/// Says what to name in the place of a folder without an image.
fn instead(folder: &Path, names: &[String]) -> String {
    if names.iter().any(|name| name == "pattern.toml") {
        return format!("; it has an image's configuration: {MADE}");
    }
    let images = |name: &&String| {
        fs::read_dir(folder.join(name)).is_ok_and(|entries| {
            let names: Vec<_> =
                entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
            newest(&names).is_ok()
        })
    };
    let within = names.iter().filter(images).max();
    within.map_or(String::new(), |within| format!("; did you mean {}?", folder.join(within).display()))
}

/// Says what a file without a partition table is.
pub(crate) fn without_table(bytes: u64) -> &'static str {
    if bytes == 0 { "it is empty" } else { "it has no partition table" }
}

fn in_folder(folder: &Path) -> Result<String> {
    let reading = || format!("reading {}", folder.display());
    let names = fs::read_dir(folder).with_context(reading)?;
    let names = names.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let names = names.collect::<Result<Vec<_>>>().with_context(reading)?;
    newest(&names)
        .map_err(|error| match error.to_string() {
            none if none == NONE => anyhow!("{none}{}", instead(folder, &names)),
            _ => error,
        })
        .with_context(reading)
}

/// Returns the image of the newest version, which is the one that machines take.
fn newest(names: &[String]) -> Result<String> {
    let images = names.iter().filter_map(|file| {
        let parsed = name::parse(file).filter(|parsed| parsed.kind == Kind::Image)?;
        parsed.base.split_once('_').map(|(id, version)| (id, version, file))
    });
    let images: Vec<_> = images.collect();
    let Some((id, _, _)) = images.first() else {
        bail!(NONE);
    };
    if let Some((other, _, _)) = images.iter().find(|(other, _, _)| other != id) {
        bail!("it has images of {id} and of {other}: name the file");
    }
    let newest = images.iter().max_by(|one, other| compare(one.1, other.1));
    let (_, version, file) = newest.context("it has no image")?;
    let same = images.iter().filter(|(_, other, _)| compare(other, version) == Ordering::Equal).count();
    if same > 1 {
        bail!("it has {same} images of version {version}: name the file");
    }
    Ok((*file).clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::temporary;

    fn newest(names: &[&str]) -> String {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        super::newest(&names).unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn a_folder_stands_for_its_newest_image() {
        let release = [
            "SHA256SUMS",
            "x_1.9.raw.xz",
            "x_1.10.raw.xz",
            "x_1.10_ab_9.usr.raw.xz",
            "x_1.10.efi",
            "x_1.8.raw.gz",
        ];
        assert_eq!(newest(&release), "x_1.10.raw.xz");
        assert_eq!(newest(&["x_1.raw"]), "x_1.raw");
        assert_eq!(newest(&["x_1.raw", "y_1.raw"]), "it has images of x and of y: name the file");
        assert_eq!(newest(&["x_1.raw", "x_1.raw.xz"]), "it has 2 images of version 1: name the file");
        let none = "it has no image: no file ID_VERSION.raw, .raw.xz or .raw.gz";
        assert_eq!(newest(&["x_1.efi", "x_1_ab_9.usr.raw"]), none);
        assert_eq!(newest(&[]), none);
    }

    #[test]
    fn what_is_not_an_image_leads_to_one() {
        let place = temporary::folder().unwrap();
        let said = |path: &Path| {
            format!("{:#}", find(path).unwrap_err()).replace(&place.path().display().to_string(), "x")
        };
        fs::create_dir(place.path().join("x_1")).unwrap();
        assert_eq!(said(place.path()), format!("reading x: {NONE}"));
        fs::write(place.path().join("x_1/x_1.raw"), "").unwrap();
        assert_eq!(said(place.path()), format!("reading x: {NONE}; did you mean x/x_1?"));
        fs::write(place.path().join("pattern.toml"), "").unwrap();
        let made = "name what `pattern build` made of it, such as build/images/ID_VERSION";
        assert_eq!(said(place.path()), format!("reading x: {NONE}; it has an image's configuration: {made}"));
        let file = place.path().join("pattern.toml");
        assert_eq!(said(&file), format!("x/pattern.toml is a configuration, not an image: {made}"));
    }

    #[test]
    fn a_file_stands_for_itself() {
        let place = temporary::folder().unwrap();
        assert_eq!(find(Path::new("y.raw")).unwrap(), Path::new("y.raw"));
        let error = format!("{:#}", find(place.path()).unwrap_err());
        let none = "it has no image: no file ID_VERSION.raw, .raw.xz or .raw.gz";
        assert_eq!(error, format!("reading {}: {none}", place.path().display()));
        fs::write(place.path().join("x_1.raw"), "").unwrap();
        assert_eq!(find(place.path()).unwrap(), place.path().join("x_1.raw"));
    }
}
