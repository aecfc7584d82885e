//! Where results and caches may go: not among an image's own files or keys, which somebody keeps and publishes.

use std::path::Path;

use anyhow::{Result, bail};

use super::{Build, output};
use crate::host::real::real;
use crate::{place, secret};

/// Refuses a folder for results that is something else.
///
/// # Errors
/// When it is such a folder, or lies in one. The error says what it is.
pub(super) fn refuse_other(options: &Build) -> Result<()> {
    refuse_other_than_text(options)?;
    let (shown, to) = (options.output.display(), real(&options.output));
    let own = [Some(options.folder.as_path()), options.keys.as_deref()];
    if let Some(own) = own.into_iter().flatten().find(|own| real(own) == to) {
        bail!(
            "building into {}: it holds the image's own files; name another folder with --output",
            own.display()
        );
    }
    if let Some(read) = place::read_by_mkosi(&options.folder, &to) {
        bail!(
            "building into {shown}: mkosi reads {} for the image; name another folder with --output",
            read.display()
        );
    }
    refuse(&options.output)
}

/// Refuses a folder for results that others get or read, or that has secrets.
///
/// # Errors
/// When it is such a folder, or lies in one. The error says what it is.
pub(crate) fn refuse(output: &Path) -> Result<()> {
    let (shown, to) = (output.display(), real(output));
    if let Some((path, kind)) = secret::above(&to) {
        bail!("building into {shown}: {} is {kind}: name another folder with --output", path.display());
    }
    if let Some(kind) = output::kind(output) {
        bail!(
            "building into {shown}: it is {kind}, and results go into a folder of their own below --output; name another one, such \
             as the default, build/images"
        );
    }
    match place::unfit(&to) {
        Some((path, kind)) => {
            bail!("building into {shown}: {} is {kind}: name another folder with --output", path.display())
        }
        None => Ok(()),
    }
}

/// # Errors
/// When mkosi would be given a path that is not text.
fn refuse_other_than_text(options: &Build) -> Result<()> {
    let tools = options.tools.folder().ok();
    let paths = [Some(&options.folder), Some(&options.output), options.keys.as_ref(), tools.as_ref()];
    match paths.into_iter().flatten().find(|path| real(path).to_str().is_none()) {
        Some(path) => {
            bail!("using {}: its name is not UTF-8, and mkosi wants that: rename it", path.display())
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;
    use std::path::PathBuf;

    use super::*;
    use crate::host::tree::Tools;

    #[test]
    fn a_path_for_mkosi_is_text() {
        let other = || PathBuf::from(std::ffi::OsString::from_vec(b"x\xff".to_vec()));
        let good = Build {
            folder: "x".into(),
            keys: None,
            debug_as_production: false,
            force: false,
            output: "y".into(),
            tools: Tools::At("z".into()),
            data: None,
            json: false,
        };
        refuse_other_than_text(&good).unwrap();
        for wrong in [
            Build { folder: other(), ..good.clone() },
            Build { output: other().join("images"), ..good.clone() },
            Build { keys: Some(other()), ..good.clone() },
            Build { tools: Tools::At(other()), ..good.clone() },
        ] {
            let error = refuse_other_than_text(&wrong).unwrap_err().to_string();
            assert!(error.ends_with(": its name is not UTF-8, and mkosi wants that: rename it"), "{error}");
        }
    }
}
