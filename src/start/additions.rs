//! Decides whether all that a start adds to its kernel image are words that the image lets signed add-ons have.

use std::fmt;

use super::image::Image;
use super::{Origin, Start, Unknown};
use crate::config::add_on::unlisted;
use crate::plain::plain;
use crate::token::{ADDED, Bank};
use crate::uki;

/// Registers of what is added to a kernel image from outside (UAPI.7, "Linux TPM PCR Registry").
pub const ADDITIONS: [u8; 2] = [ADDED, 13];

/// An add-on, and its words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AddOn {
    /// Its path on the EFI system partition.
    pub path: String,
    /// Its words for the kernel command line.
    pub words: String,
}

impl fmt::Display for AddOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", plain(&self.path), plain(&self.words))
    }
}

/// Something that is added and that the image does not allow.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NotAllowed {
    /// Words of this add-on that the image does not list.
    Words(String, Vec<String>),
    /// An add-on that nobody signed.
    Unsigned(String),
    /// Something else than words of add-ons.
    Other(String),
    /// Extensions of the system or its settings, which PCR 13 has.
    Extension,
    /// What is added is not known.
    Unknown(Unknown),
}

impl fmt::Display for NotAllowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Words(path, words) => {
                let words: Vec<_> = words.iter().map(|word| format!("{:?}", plain(word))).collect();
                let words = words.join(" and ");
                write!(f, "{}: this image does not list {words} in boot.add_on_words", plain(path))
            }
            Self::Unsigned(path) => write!(f, "{}: nobody signed this add-on", plain(path)),
            Self::Other(what) => write!(f, "{what} is not an add-on with words"),
            Self::Extension => f.write_str("an extension, which PCR 13 has, is not an add-on with words"),
            Self::Unknown(unknown) => unknown.fmt(f),
        }
    }
}

impl From<Unknown> for NotAllowed {
    fn from(unknown: Unknown) -> Self {
        Self::Unknown(unknown)
    }
}

/// Decides whether a way in may be made for a next start with these additions, without the recovery key. `now` is PCR 12 of this boot,
/// by which the TPM opened the volume; `accepts` says whether the owner asked for what was added since. Returns what the owner
/// accepts by that.
///
/// # Errors
/// When something was added that the owner did not ask for, or that this image does not allow.
pub fn consent(
    (now, later): (&[u8], &[u8]),
    accepts: bool,
    found: Result<Vec<AddOn>, NotAllowed>,
) -> Result<Vec<AddOn>, String> {
    let is_nothing = later.iter().all(|byte| *byte == 0);
    if now == later || is_nothing {
        return Ok(Vec::new());
    }
    let found = found.map_err(|why| {
        format!(
            "the next boot starts with an addition that can't be announced: {why}; remove it, or restart, enter the recovery key, and \
             run: pattern rebind"
        )
    })?;
    if accepts {
        return Ok(found);
    }
    let list: Vec<_> = found.iter().map(ToString::to_string).collect();
    Err(format!(
        "the next boot starts with an addition that the volume is not bound to: {}; if you put it there, run: pattern rebind --ahead \
         --additions",
        list.join("; ")
    ))
}

impl Start {
    /// Returns the add-ons with all that this start measures into PCR 12, each once. Files that are measured elsewhere, such as
    /// extensions of the running system, are not looked at.
    ///
    /// # Errors
    /// When something is measured into it that is not the words of a signed add-on, each of them listed in `boot.add_on_words`.
    pub fn allowed_additions(&self, listed: &[String]) -> Result<Vec<AddOn>, NotAllowed> {
        let mut found = Vec::new();
        for extension in self.extensions(Bank::Sha256)?.into_iter().filter(|one| one.pcr == ADDED) {
            let Origin::AddOns(paths) = &extension.origin else {
                return Err(NotAllowed::Other(extension.origin.to_string()));
            };
            for path in paths {
                found.push(self.allowed(path, listed)?);
            }
        }
        Ok(found)
    }

    fn allowed(&self, path: &str, listed: &[String]) -> Result<AddOn, NotAllowed> {
        let mut files = self.add_ons.iter().chain(&self.beside);
        let missing = || NotAllowed::Other(plain(path));
        let file = files.find(|file| file.path == path).ok_or_else(missing)?;
        if uki::signature(&file.bytes).is_none() {
            return Err(NotAllowed::Unsigned(path.to_owned()));
        }
        let words = Image::new(file, 0).text(".cmdline")?.unwrap_or_default();
        let others: Vec<_> = unlisted(&words, listed).into_iter().map(str::to_owned).collect();
        if !others.is_empty() {
            return Err(NotAllowed::Words(path.to_owned(), others));
        }
        Ok(AddOn { path: path.to_owned(), words: words.trim().to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found() -> Vec<AddOn> {
        vec![AddOn { path: "/loader/addons/a.addon.efi".to_owned(), words: "quiet".to_owned() }]
    }

    /// Somebody had the machine while it was off, and put a good add-on of the owner's there for a version that starts later.
    #[test]
    fn what_was_added_is_accepted_only_by_whoever_asks_for_it() {
        let (none, some, other) = ([0; 32], [1; 32], [2; 32]);
        let asked = |accepts| consent((&none, &some), accepts, Ok(found()));
        assert_eq!(asked(true), Ok(found()));
        let said = "the next boot starts with an addition that the volume is not bound to: /loader/addons/a.addon.efi: quiet; if you \
                    put it there, run: pattern rebind --ahead --additions";
        assert_eq!(asked(false), Err(said.to_owned()));
        for accepts in [false, true] {
            let not_allowed = || Err(NotAllowed::Unsigned("/a".to_owned()));
            let said = consent((&none, &some), accepts, not_allowed()).unwrap_err();
            let why = "the next boot starts with an addition that can't be announced: /a: nobody signed this add-on; remove it";
            assert!(said.starts_with(why), "{said}");
            // The TPM opened the volume with it in this boot; or it is gone.
            assert_eq!(consent((&some, &some), accepts, not_allowed()), Ok(Vec::new()));
            assert_eq!(consent((&some, &none), accepts, Ok(Vec::new())), Ok(Vec::new()));
            assert!(consent((&some, &other), accepts, not_allowed()).is_err());
        }
    }
}
