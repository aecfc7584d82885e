//! `pattern init`: makes the folder of a new image, with its keys.

mod kind;
mod made;
mod template;

use std::env;
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, ValueHint};
use pattern::config;

use crate::host::durable;
use crate::host::file;
use crate::host::full;
use crate::host::only_new;
use crate::host::results;
use crate::host::screen::Screen;
use crate::host::signals;
use crate::host::ssh_key::{self, SshKey};
use crate::host::tree::{CACHE, Tools};
use crate::host::word::word;
use crate::keyring::{self, NAME_MAX};
use crate::place;
pub use kind::Kind;
use made::Made;
use template::Template;

/// Options of `init`.
#[derive(Args, Clone, PartialEq, Eq, Debug)]
pub struct Init {
    /// The folder, whose name becomes that of the image
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub folder: PathBuf,
    /// What the image is for
    #[arg(long, value_name = "KIND", default_value = "server")]
    pub kind: Kind,
    /// Let root log in by SSH with the public keys in FILE, such as ~/.ssh/id_ed25519.pub
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub ssh_key: Option<PathBuf>,
    /// The tools tree with gpg and openssl, for a host that has none
    #[arg(long, value_name = "DIR", default_value = CACHE, value_hint = ValueHint::DirPath)]
    pub tools: Tools,
}

/// Writes the files and makes the keys. Prints what was made, and says what to type next.
///
/// # Errors
/// When the folder can't be made, its name can't be that of an image, or it has one of the files; when a
/// signal comes. Nothing is left then.
pub fn init(options: &Init, screen: Screen) -> Result<()> {
    let ssh_keys = options.ssh_key.as_deref().map(ssh_key::read).transpose()?;
    let id = id(&options.folder)?;
    refuse_file(&options.folder)?;
    refuse_unfit(&options.folder)?;
    let template = template(options, &id, ssh_keys.as_deref())?;
    let (folder, keyring) = (&options.folder, options.folder.join(&id));
    let files: Vec<_> = template.files().into_iter().map(|(path, text)| (folder.join(path), text)).collect();
    signals::catch()?;
    make(&files, options, &keyring, screen)?;
    let mut made: Vec<_> = files.into_iter().map(|(path, _)| path).collect();
    made.extend(keyring::parts(&keyring)?);
    screen.write(next(folder, &template));
    results::list(made.iter().map(|path| path.display()))
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
    let id = config::id(&name.to_string_lossy()).map_err(|what| {
        anyhow!("{}: its name is the image's, too, and {what}; choose another name", making())
    })?;
    if id.len() > NAME_MAX {
        bail!(
            "{}: its name is that of its keys, too, and must have at most {NAME_MAX} characters, and has {}; choose another \
             name",
            making(),
            id.len()
        );
    }
    Ok(id)
}

fn template<'a>(options: &Init, id: &'a str, keys: Option<&'a [SshKey]>) -> Result<Template<'a>> {
    let kind = options.kind;
    if kind == Kind::Desktop && keys.is_some() {
        bail!("--ssh-key: a desktop has no SSH server; whoever is at the screen makes the first user");
    }
    Ok(Template { kind, id, keys, tools: options.tools.option() })
}

/// # Errors
/// When something already exists. The error names all of it.
fn refuse_to_overwrite(files: &[(PathBuf, String)], keyring: &Path) -> Result<()> {
    let is_there = |path: &Path| fs::symlink_metadata(path).is_ok();
    let parts = keyring::parts(keyring)?;
    let taken: Vec<_> = files.iter().filter(|(path, _)| is_there(path)).collect();
    let keys: Vec<_> = parts.iter().filter(|path| is_there(path)).collect();
    let names = taken.iter().map(|(path, _)| path).chain(keys.iter().copied());
    let names: Vec<_> = names.map(|path| path.display().to_string()).collect();
    let (exist, them) = if names.len() == 1 { ("exists", "it") } else { ("exist", "them") };
    // A run that was killed, or a power cut, leaves files as this one would write them, of which the last may be cut.
    let is_ours = |(path, text): &&(PathBuf, String)| {
        file::content(path).is_ok_and(|content| text.as_bytes().starts_with(&content))
    };
    let next = if names.is_empty() {
        return Ok(());
    } else if !keys.is_empty() || !taken.iter().all(is_ours) {
        String::new()
    } else if taken.len() == files.len() {
        format!("; the keys are not there: {}", only_new(&keyring.display().to_string()))
    } else {
        format!("; a run that was cut off left {them}: remove {them}")
    };
    bail!("{} {exist} already: choose another folder{next}", names.join(" and "))
}

/// Makes the files and the keys. If that fails, nothing of it is left, unless there are keys.
fn make(files: &[(PathBuf, String)], options: &Init, keyring: &Path, screen: Screen) -> Result<()> {
    let mut new = Made::default();
    let made = new.folder(&options.folder).map_err(|error| full::explain(&options.folder, error));
    made.inspect_err(|_| new.remove())?;
    let folder = options.folder.display();
    // The one that has the lock may be about to write there, so the folder stays.
    let _lock = durable::lock(&options.folder).with_context(|| format!("making {folder}"))?;
    refuse_to_overwrite(files, keyring)?;
    let made = files.iter().try_for_each(|(path, text)| new.file(path, text));
    let made = made.map_err(|error| full::explain(&options.folder, error));
    let made = made.and_then(|()| keyring::new_where_locked(keyring, &options.tools, screen).map(drop));
    match made {
        Err(error) if keyring::is_begun(keyring) => Err(error.context(format!(
            "{folder} has its files and not all keys; to make those, run `pattern gen-keyring {}`",
            word(keyring)
        ))),
        Err(error) => {
            new.remove();
            Err(error.context(format!("making {folder}, of which nothing is left")))
        }
        Ok(()) => Ok(()),
    }
}

/// An image's folder gets secret keys. A folder of secrets has its owner's backups, and an image's folder is shown to others.
///
/// # Errors
/// When the folder is or is in one where no secret key may go.
fn refuse_unfit(folder: &Path) -> Result<()> {
    let Some((path, kind)) = place::unfit(folder) else { return Ok(()) };
    bail!("making {}: {} is {kind}: choose another place", folder.display(), path.display())
}

/// # Errors
/// When the folder, or one that it is to be made in, is a file.
fn refuse_file(folder: &Path) -> Result<()> {
    let making = || format!("making {}", folder.display());
    let leads_nowhere = |path: &&Path| path.is_symlink() && !path.exists();
    if let Some(link) = folder.ancestors().find(leads_nowhere) {
        let choose = if link == folder { "name" } else { "place" };
        bail!("{}: {} is a link to what does not exist: choose another {choose}", making(), link.display());
    }
    match folder.ancestors().find_map(|path| Some((path, file::other_than_folder(path)?))) {
        Some((file, kind)) if file == folder => {
            bail!("{}: it is {kind}, not a folder: choose another name", making())
        }
        Some((file, kind)) => {
            bail!("{}: {} is {kind}, not a folder: choose another place", making(), file.display())
        }
        None => Ok(()),
    }
}

/// Returns what to type next.
fn next(folder: &Path, template: &Template<'_>) -> String {
    let id = template.id;
    let image = format!("build/images/{id}_0.0.1/{id}_0.0.1.raw");
    // The current folder may be written in other ways, too, such as `./`.
    let is_here = folder.components().eq(Path::new(".").components());
    let shown = if is_here { "This folder".to_owned() } else { folder.display().to_string() };
    let enter = if is_here { String::new() } else { format!("cd {}\n    ", word(folder)) };
    format!(
        "\n{shown} has everything for an image that is {what}. Its README.md says who can log in. Next:\n    \
         {enter}pattern build --keys {id}-keys{tools}\n    \
         pattern run {image} --secure-boot --persist machine{run}{tools}\n    \
         sudo {program} burn build/images/{id}_0.0.1 /dev/DISK{tools}\n\
         Before you burn it: write your own image.updates.url into pattern.toml, and build again.\n",
        what = template.kind.what(),
        // root's PATH may not have it.
        program = env::current_exe().map_or("pattern".to_owned(), |path| word(&path)),
        run = template.run(),
        tools = template.tools,
    )
}

#[cfg(test)]
mod tests;
