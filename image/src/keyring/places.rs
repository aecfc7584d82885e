//! Where a keyring's parts go. They are moved there completely or not at all.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::host::durable;
use crate::host::word::word;
use crate::place::unfit;

/// Longest name that fits into a certificate's name with our suffix.
pub(crate) const NAME_MAX: usize = 40;

/// Why a new keyring is not the way out.
const ITS_OWN: &str = "machines in use take updates from their own keyring only";
const NEW_SYSTEM: &str = "only for a new system: a keyring under another name";

/// The folder of a keyring, the names of its parts, and a staging folder beside them.
///
/// The private parts are moved first, and the public key last. So if the public key exists, the
/// private parts do, too. A public key in the staging folder says that everything was made, and
/// some moves are missing.
#[derive(Debug)]
pub(super) struct Places {
    /// Empty for the current folder.
    pub(super) folder: PathBuf,
    pub(super) name: String,
    pub(super) staging: PathBuf,
}

impl Places {
    /// # Errors
    /// When the last part of the path can't be the name of a key.
    pub(super) fn new(path: &Path) -> Result<Self> {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !is_name(name) {
            bail!(
                "making the keyring {}: its name must consist of at most {NAME_MAX} of A-Z, a-z, 0-9, '.', \
                 '_' and '-', and start with a letter or a digit",
                path.display()
            );
        }
        let folder = path.parent().unwrap_or(path).to_owned();
        let staging = folder.join(format!(".{name}.gen-keyring"));
        Ok(Self { folder, name: name.to_owned(), staging })
    }

    /// # Errors
    /// When others get what is in the folder, or it has other secrets.
    pub(super) fn refuse_unfit(&self, doing: &str, next: &str) -> Result<()> {
        let is_here = self.folder.as_os_str().is_empty();
        let Some((path, kind)) = unfit(if is_here { Path::new(".") } else { &self.folder }) else {
            return Ok(());
        };
        let keyring = self.folder.join(&self.name);
        bail!("{doing} the keyring {}: {} is {kind}: {next}", keyring.display(), path.display())
    }

    /// Keeps other runs of this tool out of the folder.
    ///
    /// # Errors
    /// When another run works there, or the folder is missing.
    pub(super) fn lock(&self) -> Result<File> {
        let folder = self.folder.display();
        if !self.folder.as_os_str().is_empty() && !self.folder.exists() {
            bail!(
                "keyring {}: the folder {folder} does not exist; to make it, run: mkdir -p {}",
                self.name,
                word(&self.folder)
            );
        }
        durable::lock(&self.folder)
    }

    /// Returns the name of the GnuPG home.
    pub(super) fn gpg(&self) -> String {
        format!("{}-gpg", self.name)
    }

    /// Returns the name of the folder with openssl's keys.
    pub(super) fn keys(&self) -> String {
        format!("{}-keys", self.name)
    }

    /// Returns the name of the public OpenPGP key.
    pub(super) fn pubring(&self) -> String {
        format!("{}-pubring.pgp", self.name)
    }

    /// Returns where a part is made.
    pub(super) fn staged(&self, part: &str) -> PathBuf {
        self.staging.join(part)
    }

    /// Returns whether a run was interrupted after everything was made.
    pub(super) fn only_moves_are_missing(&self) -> bool {
        self.staged(&self.pubring()).exists()
    }

    /// Removes what an earlier interrupted run left.
    pub(super) fn clear(&self) -> Result<()> {
        if fs::symlink_metadata(&self.staging).is_err() {
            return Ok(());
        }
        fs::remove_dir_all(&self.staging).with_context(|| format!("removing {}", self.staging.display()))
    }

    /// # Errors
    /// When parts already exist. The error names all of them.
    pub(super) fn refuse_to_overwrite(&self) -> Result<()> {
        self.refuse(&self.parts(), |_| format!("go on with this keyring: {ITS_OWN}; {NEW_SYSTEM}"))
    }

    /// A new keyring in the place of one that lost a part would end the updates of machines in use.
    ///
    /// # Errors
    /// When some parts exist, and others are missing. The error says how to get these again.
    pub(super) fn refuse_incomplete(&self) -> Result<()> {
        let (there, missing): (Vec<_>, Vec<_>) =
            self.parts().into_iter().partition(|part| is_there(&self.folder.join(part)));
        if there.is_empty() || missing.is_empty() {
            return Ok(());
        }
        let mut next = format!("restore {} from your backup", self.shown(&missing));
        if missing.contains(&self.pubring()) {
            next.push_str(&self.ways_to_pubring());
        }
        let (name, there) = (&self.name, self.shown(&there));
        let are = if missing.len() == 1 { "is" } else { "are" };
        let missing = self.shown(&missing);
        bail!("keyring {name}: it has {there}, and {missing} {are} missing: {next}; {ITS_OWN}; {NEW_SYSTEM}");
    }

    /// Says how to get the public key other than from a backup.
    fn ways_to_pubring(&self) -> String {
        let [home, pubring] = [self.gpg(), self.pubring()].map(|part| self.folder.join(part));
        let shown = pubring.display();
        let export = if is_there(&home) {
            format!(", or export {shown}: gpg --homedir {} --output {} --export", word(&home), word(&pubring))
        } else {
            String::new()
        };
        format!("{export}, or copy ID_VERSION.pubring.pgp of a build to {shown}")
    }

    /// Moves the content of the staging folder to its place.
    ///
    /// # Errors
    /// When something else is at the place. Nothing is moved then.
    pub(super) fn publish(&self) -> Result<()> {
        let mut parts = self.parts().to_vec();
        parts.retain(|part| is_there(&self.staged(part)));
        let staging = self.staging.display();
        self.refuse(&parts, |which| {
            format!(
                "a new keyring waits in {staging}: remove {staging} if machines are in use with the older one, or \
                 move {which} away and try again"
            )
        })?;
        for part in &parts {
            durable::rename(&self.staged(part), &self.folder.join(part))?;
        }
        fs::remove_dir(&self.staging).with_context(|| format!("removing {staging}"))
    }

    /// Returns the parts in the order in which they are moved.
    fn parts(&self) -> [String; 3] {
        [self.gpg(), self.keys(), self.pubring()]
    }

    fn refuse(&self, parts: &[String], next: impl Fn(&str) -> String) -> Result<()> {
        let taken: Vec<_> = parts.iter().filter(|part| is_there(&self.folder.join(part))).cloned().collect();
        if !taken.is_empty() {
            let (exist, which) = if taken.len() == 1 { ("exists", "it") } else { ("exist", "them") };
            let (name, taken) = (&self.name, self.shown(&taken));
            bail!("making the keyring {name}: {taken} {exist} already: {}", next(which));
        }
        Ok(())
    }

    fn shown(&self, parts: &[String]) -> String {
        let paths = parts.iter().map(|part| self.folder.join(part).display().to_string());
        paths.collect::<Vec<_>>().join(" and ")
    }
}

/// Returns whether a path exists. Dangling links exist, too.
fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Returns whether a text can be used unchanged in file names, user IDs of keys and names in
/// certificates.
fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    name.len() <= NAME_MAX && name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::temporary;

    #[test]
    fn the_last_part_of_the_path_is_the_name() {
        let places = Places::new(Path::new("some/demo")).unwrap();
        assert_eq!((places.folder.as_path(), places.name.as_str()), (Path::new("some"), "demo"));
        assert_eq!(Places::new(Path::new("demo")).unwrap().folder, Path::new(""));
        for wrong in ["", "..", "/", "-demo", ".demo", "de mo", "d\u{e9}mo", "a\nb", "<a>", &"a".repeat(41)] {
            let error = Places::new(Path::new(wrong)).unwrap_err().to_string();
            assert!(error.contains("its name must consist of at most 40 of A-Z"), "{wrong:?}: {error}");
        }
    }

    #[test]
    fn a_folder_that_does_not_exist_is_not_made() {
        let place = temporary::folder().unwrap();
        let folder = place.path().join("nodir");
        let places = Places::new(&folder.join("x")).unwrap();
        let (error, shown) = (places.lock().unwrap_err().to_string(), folder.display());
        let wanted = format!("the folder {shown} does not exist; to make it, run: mkdir -p {shown}");
        assert_eq!(error, format!("keyring x: {wanted}"));
        fs::create_dir(&folder).unwrap();
        assert!(places.lock().is_ok());
    }

    /// Makes a keyring of empty files that is not moved yet.
    fn staged() -> (tempfile::TempDir, Places) {
        let place = temporary::folder().unwrap();
        let places = Places::new(&place.path().join("x")).unwrap();
        fs::create_dir_all(places.staged("x-gpg")).unwrap();
        fs::create_dir(places.staged("x-keys")).unwrap();
        fs::write(places.staged("x-pubring.pgp"), "public").unwrap();
        (place, places)
    }

    #[test]
    fn moves_that_were_interrupted_are_finished() {
        for moved in 0..3 {
            let (place, places) = staged();
            for part in &places.parts()[..moved] {
                fs::rename(places.staged(part), place.path().join(part)).unwrap();
            }
            assert!(places.only_moves_are_missing(), "{moved}");
            places.publish().unwrap();
            assert!(places.parts().iter().all(|part| place.path().join(part).exists()), "{moved}");
            assert!(!places.staging.exists() && !places.only_moves_are_missing(), "{moved}");
        }
    }

    #[test]
    fn nothing_is_moved_when_a_place_is_taken() {
        let (place, places) = staged();
        fs::write(place.path().join("x-pubring.pgp"), "older").unwrap();
        let error = places.publish().unwrap_err().to_string();
        let wanted = "x-pubring.pgp exists already: a new keyring waits in ";
        assert!(error.contains(wanted) && error.ends_with("or move it away and try again"), "{error}");
        assert!(!place.path().join("x-gpg").exists() && places.only_moves_are_missing());
        let error = places.refuse_to_overwrite().unwrap_err().to_string();
        assert!(error.contains("x-pubring.pgp exists already: go on with this keyring: "), "{error}");
    }

    #[test]
    fn a_lost_part_is_to_be_restored() {
        let place = temporary::folder().unwrap();
        let folder = place.path().display();
        let places = Places::new(&place.path().join("x")).unwrap();
        places.refuse_incomplete().unwrap();
        fs::create_dir(place.path().join("x-gpg")).unwrap();
        let said = || places.refuse_incomplete().unwrap_err().to_string();
        let export = format!(
            ", or export {folder}/x-pubring.pgp: gpg --homedir {folder}/x-gpg --output {folder}/x-pubring.pgp --export"
        );
        assert!(said().contains(&export), "{}", said());
        fs::create_dir(place.path().join("x-keys")).unwrap();
        let wanted = format!(
            "keyring x: it has {folder}/x-gpg and {folder}/x-keys, and {folder}/x-pubring.pgp is missing: restore \
             {folder}/x-pubring.pgp from your backup{export}, or copy ID_VERSION.pubring.pgp of a build to \
             {folder}/x-pubring.pgp; machines in use take updates from their own keyring only; only for a \
             new system: a keyring under another name"
        );
        assert_eq!(said(), wanted);
        fs::remove_dir(place.path().join("x-gpg")).unwrap();
        assert!(!said().contains("export"), "{}", said());
        fs::create_dir(place.path().join("x-gpg")).unwrap();
        fs::write(place.path().join("x-pubring.pgp"), "").unwrap();
        places.refuse_incomplete().unwrap();
    }

    #[test]
    fn what_is_half_made_is_removed() {
        let (_place, places) = staged();
        fs::remove_file(places.staged("x-pubring.pgp")).unwrap();
        assert!(!places.only_moves_are_missing());
        places.clear().unwrap();
        assert!(!places.staging.exists());
        places.clear().unwrap();
    }
}
