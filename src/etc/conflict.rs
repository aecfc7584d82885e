//! What a person has to know of a plan: where both sides changed something, and the machine's stays.

use std::fmt;

use super::path::{Path, Shown};

/// Where a plan could not do as both sides want. The image's own stays readable, in its factory directory.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Conflict {
    /// Where.
    pub path: Path,
    /// Why.
    pub reason: Reason,
}

/// Why something is a conflict.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Reason {
    /// Both have another content than before, or each made its own.
    Content,
    /// Both made something else of it, such as a link of a file, or it stays a directory because the machine has
    /// files in it.
    Kind,
    /// The machine removed it, and the image changed it.
    Removed,
    /// The image removed it, and the machine changed it.
    Withdrawn,
    /// It has no place: this path above it is not a directory on the machine.
    Behind(Path),
    /// Both changed this of its attributes: owner, group, mode or the name of an extended attribute.
    Attribute(Vec<u8>),
    /// Both changed the entry of this name.
    Entry(Vec<u8>),
    /// A new user or group of the image has a number that somebody else has or had.
    Number {
        /// The user or group.
        name: Vec<u8>,
        /// Its number in the image.
        image: u32,
        /// Its number on this machine, if one was free.
        machine: Option<u32>,
    },
    /// A range of subordinate numbers that the image gives to this name is somebody else's.
    Range(Vec<u8>),
    /// The image no longer has this account: it keeps its number, and its password is locked.
    Locked(Vec<u8>),
    /// The file is too long, or can't be read, so its entries can't be merged.
    Unread,
}

impl Reason {
    /// Returns its name for programs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Content => "content",
            Self::Kind => "kind",
            Self::Removed => "removed",
            Self::Withdrawn => "withdrawn",
            Self::Behind(_) => "behind",
            Self::Attribute(_) => "attribute",
            Self::Entry(_) => "entry",
            Self::Number { .. } => "number",
            Self::Range(_) => "range",
            Self::Locked(_) => "locked",
            Self::Unread => "unread",
        }
    }

    /// Returns whether a person can choose between the machine's and the image's. The rest is said once.
    #[must_use]
    pub const fn is_a_choice(&self) -> bool {
        !matches!(self, Self::Number { .. } | Self::Range(_) | Self::Locked(_))
    }
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.reason)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Content => f.write_str("changed on this machine and in the image; the machine's stays"),
            Self::Kind => f.write_str("the image has something else in this place; the machine's stays"),
            Self::Removed => {
                f.write_str("removed on this machine and changed in the image; it stays removed")
            }
            Self::Withdrawn => f.write_str("changed on this machine and removed from the image; it stays"),
            Self::Behind(above) => {
                write!(f, "the image has it, and on this machine {above} is not a directory")
            }
            Self::Attribute(which) => {
                write!(f, "{}: changed on this machine and in the image; the machine's stays", Shown(which))
            }
            Self::Entry(entry) => {
                write!(
                    f,
                    "entry {}: changed on this machine and in the image; the machine's stays",
                    Shown(entry)
                )
            }
            Self::Number { name: who, image, machine: Some(machine) } => write!(
                f,
                "{}: {image} in the image is somebody else's number on this machine; it has {machine} here, and files of \
                 /usr with {image} are somebody else's",
                Shown(who)
            ),
            Self::Number { name: who, image, machine: None } => {
                write!(
                    f,
                    "{}: {image} is somebody else's number, and no other is free; it is left out",
                    Shown(who)
                )
            }
            Self::Range(who) => {
                write!(
                    f,
                    "{}: its range in the image is somebody else's on this machine; it is left out",
                    Shown(who)
                )
            }
            Self::Locked(who) => write!(
                f,
                "{}: the image no longer has this account; it stays, and its password is locked",
                Shown(who)
            ),
            Self::Unread => f.write_str("too long to be merged; the machine's stays"),
        }
    }
}
