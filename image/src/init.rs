//! `pattern init`: makes the folder of a new image, with its keys.

mod kind;
mod template;

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use pattern::config;

use crate::host::ssh_key::{self, SshKey};
use crate::keyring::{self, GenKeyring};
pub use kind::Kind;
use template::Template;

/// Options of `init`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Init {
    /// The folder, whose name becomes that of the image.
    pub folder: PathBuf,
    /// What the image is for.
    pub kind: Kind,
    /// The public keys of SSH that root logs in with.
    pub ssh_key: Option<PathBuf>,
    /// The tools tree.
    pub tools: PathBuf,
}

/// Writes the files and makes the keys. Prints what to type next.
///
/// # Errors
/// When the folder can't be made, its name can't be that of an image, or it has one of the files.
/// Nothing is written then.
pub fn init(options: &Init) -> Result<()> {
    let keys = options.ssh_key.as_deref().map(ssh_key::read).transpose()?;
    let id = id(&options.folder)?;
    let template = template(options.kind, &id, keys.as_deref())?;
    let keyring = options.folder.join(&id);
    refuse_to_overwrite(&options.folder, &template, &keyring::parts(&keyring)?)?;
    for (path, text) in template.files() {
        write(&options.folder.join(path), &text)?;
    }
    let makes =
        GenKeyring { name: keyring.clone(), add_missing: false, epoch: None, tools: options.tools.clone() };
    keyring::generate(&makes).with_context(|| {
        let (folder, keyring) = (options.folder.display(), keyring.display());
        format!("{folder} has its files and no keys; to make those, run `pattern gen-keyring {keyring}`")
    })?;
    print!("{}", next(&options.folder, &template));
    Ok(())
}

/// Returns the name of a folder, which need not exist.
fn id(folder: &Path) -> Result<String> {
    let making = || format!("making {}", folder.display());
    let name = match folder.components().next_back() {
        Some(Component::Normal(name)) => name.to_owned(),
        _ => {
            let path = folder.canonicalize().with_context(making)?;
            path.file_name().context("the root has no name").with_context(making)?.to_owned()
        }
    };
    config::id(&name.to_string_lossy()).map_err(|what| {
        anyhow!("{}: its name is the image's, too, and {what}; choose another name", making())
    })
}

fn template<'a>(kind: Kind, id: &'a str, keys: Option<&'a [SshKey]>) -> Result<Template<'a>> {
    if kind == Kind::Desktop && keys.is_some() {
        bail!("--ssh-key: a desktop has no SSH server; whoever is at the screen makes the first user");
    }
    Ok(Template { kind, id, keys })
}

/// # Errors
/// When one of the files already exists. The error names all of them.
fn refuse_to_overwrite(folder: &Path, template: &Template<'_>, keyring: &[PathBuf]) -> Result<()> {
    let files = template.files().into_iter().map(|(path, _)| folder.join(path));
    let taken = files.chain(keyring.iter().cloned()).filter(|path| fs::symlink_metadata(path).is_ok());
    let taken: Vec<_> = taken.map(|path| path.display().to_string()).collect();
    match taken.as_slice() {
        [] => Ok(()),
        [one] => bail!("{one} exists already: choose another folder"),
        many => bail!("{} exist already: choose another folder", many.join(" and ")),
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    let writing = || format!("writing {}", path.display());
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).with_context(writing)?;
    file.write_all(text.as_bytes()).with_context(writing)
}

/// Returns what to type next.
fn next(folder: &Path, template: &Template<'_>) -> String {
    let id = template.id;
    let image = format!("build/images/{id}_0.0.1/{id}_0.0.1.raw");
    format!(
        "\n{folder} has everything for an image that is {what}. Its README.md says who can log in. Next:\n    \
         cd {folder}\n    \
         pattern build . --keys {id}-keys\n    \
         pattern run {image} --secure-boot --persist machine{run}\n\
         Before you install it on a machine: write your own image.updates.url into pattern.toml.\n",
        folder = folder.display(),
        what = template.kind.what(),
        run = template.run(),
    )
}

#[cfg(test)]
mod tests;
