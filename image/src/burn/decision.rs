//! Decides whether a disk is erased: at once, when its name is typed, or not.

use std::fmt;

use super::contents::Thing;

/// A disk, as a person knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Facts {
    /// Its short name, such as `sdb`.
    pub(super) name: String,
    pub(super) serial: Option<String>,
    /// Model, size and so on.
    pub(super) description: String,
    pub(super) things: Vec<Thing>,
}

/// What to do with a disk.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Decision {
    /// Leave it as it is, for this reason.
    Refuse(String),
    /// Erase it if its name is typed.
    Ask,
    /// Erase it: it is blank, or it was named for that.
    Erase,
}

/// Decides. `named` is the value of `--erase`. `asks` says whether somebody can be asked.
pub(super) fn decide(facts: &Facts, named: Option<&str>, asks: bool) -> Decision {
    match named {
        Some(word) if facts.is_called(word) => Decision::Erase,
        Some(word) => Decision::Refuse(format!(
            "--erase names {word:?}, but this is {}: nothing was changed",
            facts.names()
        )),
        None if facts.things.is_empty() => Decision::Erase,
        None if asks => Decision::Ask,
        None => Decision::Refuse(format!(
            "it is not blank, and the command has no terminal to ask on: nothing was changed; to erase it, add --erase with its \
             serial number or name: {}",
            facts.names()
        )),
    }
}

impl Facts {
    /// Returns whether a word is the disk's name or its serial number.
    pub(super) fn is_called(&self, word: &str) -> bool {
        let word = word.trim();
        word == self.name || self.serial.as_deref().is_some_and(|serial| serial == word && !serial.is_empty())
    }

    fn names(&self) -> String {
        match &self.serial {
            Some(serial) => format!("{} (serial {serial})", self.name),
            None => self.name.clone(),
        }
    }

    /// Returns whether a machine keeps its files here.
    pub(super) fn has_persist(&self) -> bool {
        self.things.iter().any(Thing::is_persist)
    }
}

impl fmt::Display for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.description)?;
        if self.things.is_empty() {
            return f.write_str("\n  blank");
        }
        self.things.iter().try_for_each(|thing| write!(f, "\n  {thing}"))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::burn::contents;

    fn facts(serial: Option<&str>, is_blank: bool) -> Facts {
        let mut disk = Cursor::new(vec![u8::from(!is_blank); 4 << 20]);
        let things = contents::look(&mut disk, 512, None).unwrap();
        let serial = serial.map(str::to_owned);
        Facts { name: "sdb".to_owned(), serial, description: "Ultra Fit, 4 MiB, usb".to_owned(), things }
    }

    #[test]
    fn what_is_not_blank_is_erased_only_if_it_is_named() {
        let used = facts(Some("4C53"), false);
        assert_eq!(decide(&used, None, true), Decision::Ask);
        for word in ["sdb", "4C53"] {
            assert_eq!(decide(&used, Some(word), false), Decision::Erase);
            assert!(used.is_called(&format!("{word}\n")));
        }
        for word in ["sda", "", "/dev/sdb", "4c53", "y", "yes"] {
            assert!(!used.is_called(word), "{word}");
        }
        let refusal = "it is not blank, and the command has no terminal to ask on: nothing was changed; to erase it, add --erase with \
                       its serial number or name: sdb (serial 4C53)";
        assert_eq!(decide(&used, None, false), Decision::Refuse(refusal.to_owned()));
    }

    /// A script names the disk that it means: after a restart another one may have the same name.
    #[test]
    fn another_disk_than_the_named_one_is_never_erased() {
        for is_blank in [true, false] {
            let other = facts(None, is_blank);
            let refusal = "--erase names \"4C53\", but this is sdb: nothing was changed".to_owned();
            assert_eq!(decide(&other, Some("4C53"), true), Decision::Refuse(refusal));
        }
        assert!(!facts(Some(""), false).is_called(""));
    }

    #[test]
    fn a_blank_disk_is_written_without_a_question() {
        assert_eq!(decide(&facts(None, true), None, false), Decision::Erase);
        assert_eq!(decide(&facts(None, true), None, true), Decision::Erase);
    }

    #[test]
    fn a_person_sees_what_is_erased() {
        let expected = "sdb: Ultra Fit, 4 MiB, usb\n  the whole disk, 4 MiB: data of an unknown kind";
        assert_eq!(facts(None, false).to_string(), expected);
        assert_eq!(facts(None, true).to_string(), "sdb: Ultra Fit, 4 MiB, usb\n  blank");
    }
}
