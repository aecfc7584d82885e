//! The list of what an image is made of (SBOM), which is published with it: a document of SPDX 2.3.

mod part;
mod spdx;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use super::data::Data;
use super::mkosi::Places;
use super::output;
use crate::release::SBOM;
use part::Part;
use spdx::{Document, File};

/// Writes the list beside the files of a version, which are in `to`. Returns its name.
///
/// # Errors
/// When what the list is made from can't be read, or the list can't be written.
pub(crate) fn write(places: &Places, data: &Data, to: &Path) -> Result<String> {
    let packages = |name: &str| read(&places.made().join(name), part::packages);
    let document = Document {
        base: &places.base,
        date: places.date,
        image: file(&to.join(format!("{}.raw", places.base)))?,
        image_packages: packages(&format!("{}.manifest", places.base))?,
        initrd_packages: packages("initrd.manifest")?,
        program: file(&data.program())?,
        program_parts: read(&data.components(), part::components)?,
        fetcher: file(&data.fetcher())?,
        fetcher_parts: read(&data.components_of_fetcher(), part::components)?,
    };
    let name = format!("{}{SBOM}", places.base);
    let path = to.join(&name);
    fs::write(&path, document.text()).with_context(|| format!("writing {}", path.display()))?;
    Ok(name)
}

fn read(file: &Path, parse: fn(&str) -> Result<Vec<Part>>) -> Result<Vec<Part>> {
    let reading = || format!("SBOM: reading {}", file.display());
    let parts = fs::read_to_string(file).map_err(anyhow::Error::from).and_then(|text| parse(&text));
    let parts = parts.with_context(reading)?;
    if parts.is_empty() {
        bail!("{}: it lists nothing", reading());
    }
    Ok(parts)
}

fn file(path: &Path) -> Result<File> {
    let (folder, name) = path.parent().zip(path.file_name()).context("it is not a file")?;
    let name = name.to_string_lossy().into_owned();
    let sums = output::sums(folder, std::slice::from_ref(&name))?;
    let (sha256, _) = sums.split_once(' ').context("sha256sum printed no sum")?;
    Ok(File { sha256: sha256.to_owned(), name })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::temporary;

    #[test]
    fn a_list_of_nothing_is_not_taken_for_one() {
        let place = temporary::folder().unwrap();
        let path = place.path().join("list");
        let error = |text: &str| {
            fs::write(&path, text).unwrap();
            format!("{:#}", read(&path, part::components).unwrap_err())
        };
        assert!(error("").ends_with("/list: it lists nothing"), "{}", error(""));
        assert!(error("crate x").contains("SBOM: reading ") && error("crate x").contains("/list: line 1"));
        fs::write(&path, "rust 1.95.0\n").unwrap();
        assert_eq!(read(&path, part::components).unwrap().len(), 1);
        fs::remove_file(&path).unwrap();
        let gone = format!("{:#}", read(&path, part::components).unwrap_err());
        assert!(gone.ends_with("/list: No such file or directory (os error 2)"), "{gone}");
    }
}
