//! A boot, an image and versions of it, for tests.

use std::fs;
use std::path::Path;

use pattern::boot::usr::UsrHash;
use pattern::config::Config;
use pattern::etc::Mark;
use pattern::firmware::secure_boot::State;
use pattern_machine::boot::Boot;

use crate::tpm::Tcti;
use crate::volume::means::Means;

pub(crate) static BOOT: Boot = Boot { secure_boot: State::On, added: false, damage: None, on_trial: false };

/// Returns the means of an image that is not signed, in an ordinary boot.
pub(crate) fn means<'a>(config: &'a Config, tcti: &'a Tcti) -> Means<'a> {
    Means { config, boot: &BOOT, tcti, image: None, signatures: None }
}

/// Returns an image with `debug = false`. `counter`: whether the TPM counts.
pub(crate) fn config(counter: bool) -> Config {
    let text = format!(
        "[image]\nid = \"demo\"\nversion = \"1\"\n\
         updates = {{ url = \"https://example.org/\", pubring = \"demo.pgp\" }}\n\
         [partitions]\nsizes = {{ esp = \"200M\", verity = \"200M\", usr = \"2G\" }}\n[volume]\ncounter = {counter}\n"
    );
    pattern::config::parse("pattern.toml", &text).unwrap()
}

/// Returns what tells a version from others.
pub(crate) fn mark(version: u8) -> Mark {
    Mark::of(&UsrHash::parse(&version.to_string().repeat(64)).unwrap(), &format!("0.0.{version}"))
}

/// Returns whether a test may have owners and attributes that only root can see.
pub(crate) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Writes a file, and makes the directories above it.
pub(crate) fn put(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Returns the names in a folder, in order. One that does not exist has none.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
