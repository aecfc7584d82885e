//! What there is to say about the folder of a `pattern.toml`: its keyring, mkosi's configuration, and
//! secret keys among its files.

use std::path::Path;

use pattern::config::{Config, Finding, line_of};

use super::kernel::Lack;
use super::mkosi::{Mkosi, Unresolved};
use super::secret::{Secret, secrets};
use super::{form, kernel, login};
use crate::host::pubring::Pubring;

const PUBRING: &str = "image.updates.pubring";

/// Returns errors and notes about the folder of a file whose text is valid.
pub(super) fn findings(path: &Path, text: &str, config: &Config) -> Vec<Finding> {
    let name = path.display().to_string();
    let note = |key, message| Finding::note(&name, line_of(text, key), key, message);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let keyring = match Pubring::read_on_host(&path.with_file_name(&config.image.updates.pubring)) {
        Ok(Some(_)) => None,
        Ok(None) => Some(note(PUBRING, NO_GPG.to_owned())),
        Err(error) => Some(Finding::error(&name, line_of(text, PUBRING), PUBRING, format!("{error:#}"))),
    };
    let mkosi = Mkosi::read(folder);
    let kernel = kernel::lack(&mkosi, folder.join("mkosi.conf").exists()).map(|lack| match lack {
        Lack::Sure(message) => Finding::error(&name, line_of(text, ""), "", message),
        Lack::Likely(message) => note("", message),
    });
    let form = form::notes(folder).into_iter().map(|message| note("", message));
    let secrets = secrets(&mkosi).into_iter().map(|secret| match secret {
        Secret::Ours(message) => Finding::error(&name, line_of(text, ""), "", message),
        Secret::Other(message) => note("", message),
    });
    let unresolved = mkosi.unresolved.iter().map(|path| note("", unresolved(path)));
    let endless = mkosi.endless.iter().map(|(file, kind)| {
        let message =
            format!("{} is {kind}, not a file, and mkosi would wait for it: remove it", file.display());
        Finding::error(&name, line_of(text, ""), "", message)
    });
    let login = login::note(config, &mkosi).map(|message| note("userspace.homed", message));
    keyring
        .into_iter()
        .chain(form)
        .chain(kernel)
        .chain(secrets)
        .chain(unresolved)
        .chain(endless)
        .chain(login)
        .collect()
}

/// Says what was not looked at.
fn unresolved(path: &Unresolved) -> String {
    format!(
        "{} of {}: what {} stands for is not known here, so secret keys were not looked for there; `pattern build` looks for them \
         before the image is made",
        path.setting,
        path.file.display(),
        path.unknown
    )
}

const NO_GPG: &str = "whether a key in the keyring can sign was not checked, because this host has no gpg; `pattern build` \
                      checks it with the gpg of its tools tree";
