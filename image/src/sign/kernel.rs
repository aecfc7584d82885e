//! Makes the kernel image again from its own parts, by the same ukify, with what only keys can add: a signed kernel, the
//! public key, the signed values of PCR 11 for each profile, and the signature of the whole.

use std::ffi::OsString;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use pattern::uki::{self, Parts};

use super::Work;
use crate::efi::option;
use crate::host::full;

/// ukify's option for each section. With `@` it takes the text of a file, which none of these takes for something else.
const OPTIONS: [(&str, &str); 8] = [
    (".osrel", "--os-release=@"),
    (".cmdline", "--cmdline=@"),
    (".dtb", "--devicetree="),
    (".splash", "--splash="),
    (".linux", "--linux="),
    (".initrd", "--initrd="),
    (".ucode", "--microcode="),
    (".profile", "--profile=@"),
];

/// Returns the signed kernel image.
///
/// # Errors
/// When the file is not an unsigned kernel image that ukify made, or a program fails.
pub(super) fn sign(work: &Work<'_>, file: &Path) -> Result<Vec<u8>> {
    let bytes = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    let parts = uki::parts(&bytes).map_err(|why| anyhow!("signing {}: {why}", file.display()))?;
    let folder = work.programs.work();
    again(work, &bytes, &parts).map_err(|error| full::explain(folder, error))
}

fn again(work: &Work<'_>, bytes: &[u8], parts: &Parts) -> Result<Vec<u8>> {
    let folder = work.programs.work();
    let (stub, sbat, made) = (folder.join("stub"), folder.join("sbat"), folder.join("kernel-image"));
    write(&stub, &parts.stub)?;
    write(&sbat, parts.sbat.as_bytes())?;
    let mut options = sections(folder, "main", bytes, &parts.main)?;
    options.push(option("--sbat=@", &sbat));
    for (number, profile) in parts.profiles.iter().enumerate() {
        options.push(option("--join-profile=", self::profile(work, number, bytes, profile)?));
    }
    options.push(option("--output=", &made));
    let pcr = work.keys.joined(folder)?;
    let keys = (work.keys.secure_boot(), pcr.file());
    work.programs.ukify_signed("signing the kernel image with ukify", &stub, &options, keys, work.date)?;
    fs::read(&made).with_context(|| format!("reading {}", made.display()))
}

/// Makes the file of one profile, as ukify takes it.
fn profile(
    work: &Work<'_>,
    number: usize,
    bytes: &[u8],
    sections: &[(String, Range<usize>)],
) -> Result<PathBuf> {
    let folder = work.programs.work();
    let name = format!("profile-{number}");
    let made = folder.join(format!("{name}.efi"));
    let mut options = self::sections(folder, &name, bytes, sections)?;
    options.push(option("--output=", &made));
    work.programs.ukify("making a profile of the kernel image with ukify", None, &options)?;
    Ok(made)
}

/// Writes each section to a file, and returns the options that name them.
fn sections(
    folder: &Path,
    part: &str,
    bytes: &[u8],
    sections: &[(String, Range<usize>)],
) -> Result<Vec<OsString>> {
    let each = |(name, place): &(String, Range<usize>)| {
        let content = bytes.get(place.clone()).context("the kernel image ends early")?;
        if name == ".uname" {
            let text = String::from_utf8_lossy(content);
            return Ok(option("--uname=", text.trim_end_matches('\0')));
        }
        let file = folder.join(format!("{part}{name}"));
        write(&file, content)?;
        let (_, known) = OPTIONS
            .iter()
            .find(|(section, _)| section == name)
            .with_context(|| format!("the section {name} of the kernel image is not known"))?;
        Ok(option(known, &file))
    };
    sections.iter().map(each).collect()
}

fn write(file: &Path, content: &[u8]) -> Result<()> {
    fs::write(file, content).with_context(|| format!("writing {}", file.display()))
}
