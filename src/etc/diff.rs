//! What differs between the image's own tree and the machine's.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Value, json};

use super::attributes::{self, GROUP, MODE, OWNER};
use super::entries::{Key, Lines};
use super::numbers::{Assigned, Numbers};
use super::path::{Path, Shown};
use super::place::{self, Entries, Place};
use super::tree::{Kind, Meta, Node, Tree};

/// Something that differs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// Where.
    pub path: Path,
    /// How.
    pub change: Change,
    /// What it is on the machine, or was in the image.
    pub kind: &'static str,
    /// The attributes that differ, of what both have.
    pub attributes: Vec<Vec<u8>>,
    /// The entries that differ, of files whose format is known: never their values, which may be secrets.
    pub entries: Vec<(Vec<u8>, Change)>,
    /// Whether it is another one on each machine, and never the image's to change.
    pub is_machines: bool,
}

/// How something differs from the image's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Change {
    /// The image does not have it.
    Added,
    /// The machine does not have it.
    Removed,
    /// It has another content, or leads elsewhere.
    Changed,
    /// It is something else, such as a link instead of a file.
    Replaced,
    /// Only its attributes differ.
    Attributes,
}

impl Change {
    /// Returns the word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
            Self::Replaced => "replaced",
            Self::Attributes => "attributes",
        }
    }
}

/// Compares the machine's tree with the image's, within a path or as a whole. Owners are compared by name: a
/// user may have another number on the machine.
#[must_use]
pub fn diff(image: &Tree, mine: &Tree, within: Option<&Path>) -> Vec<Difference> {
    let image = as_here(image, mine);
    let paths: BTreeSet<&Path> = image.paths().chain(mine.paths()).collect();
    let asked = paths.into_iter().filter(|path| within.is_none_or(|within| path.is_within(within)));
    asked.filter_map(|path| one(path, image.get(path), mine.get(path))).collect()
}

/// Returns the image's tree with the numbers that its users and groups have on the machine.
pub(super) fn as_here(image: &Tree, mine: &Tree) -> Tree {
    let assigned = Assigned::of(image, mine, image, &Numbers::default());
    let mut image = image.clone();
    assigned.renumber_new(&mut image);
    image
}

fn one(path: &Path, image: Option<&Node>, mine: Option<&Node>) -> Option<Difference> {
    let (change, node) = match (image, mine) {
        (None, None) => return None,
        (Some(image), Some(mine)) if image == mine => return None,
        (None, Some(mine)) => (Change::Added, mine),
        (Some(image), None) => (Change::Removed, image),
        (Some(image), Some(mine)) if image.kind == mine.kind => (Change::Attributes, mine),
        (Some(image), Some(mine)) if image.kind.is_like(&mine.kind) => (Change::Changed, mine),
        (Some(_), Some(mine)) => (Change::Replaced, mine),
    };
    let both = image.zip(mine).filter(|_| change != Change::Replaced);
    Some(Difference {
        path: path.clone(),
        change,
        kind: node.kind.name(),
        attributes: both.map(|(image, mine)| differing(&image.meta, &mine.meta)).unwrap_or_default(),
        entries: both.map(|(image, mine)| entries(path, image, mine)).unwrap_or_default(),
        is_machines: place::is_machines(path),
    })
}

fn differing(image: &Meta, mine: &Meta) -> Vec<Vec<u8>> {
    let fixed = [
        (OWNER, image.owner != mine.owner),
        (GROUP, image.group != mine.group),
        (MODE, image.mode != mine.mode),
    ];
    let fixed = fixed.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name.as_bytes().to_vec());
    let named = attributes::names(image, mine)
        .filter(|name| image.attributes.get(*name) != mine.attributes.get(*name));
    fixed.chain(named.cloned()).collect()
}

/// Returns the names of the entries that differ.
fn entries(path: &Path, image: &Node, mine: &Node) -> Vec<(Vec<u8>, Change)> {
    let format = match place::of(path) {
        Place::Accounts(_) => Entries::Named(b':'),
        Place::Entries(format) => format,
        _ => return Vec::new(),
    };
    let (Kind::File(image), Kind::File(mine)) = (&image.kind, &mine.kind) else { return Vec::new() };
    let (Some(image), Some(mine)) = (image.text(), mine.text()) else { return Vec::new() };
    let [image, mine] = [image, mine].map(|text| Lines::read(text, format));
    let changes = mine.keys_with(&image).filter_map(|key| {
        let change = match (image.get(&key), mine.get(&key)) {
            (None, _) => Change::Added,
            (_, None) => Change::Removed,
            (Some(image), Some(mine)) if image != mine => Change::Changed,
            _ => return None,
        };
        match key {
            Key::Entry(name, _) => Some((name.to_vec(), change)),
            // A comment, or a line that is not an entry, is not a name.
            Key::Line(line, _)
                if format == Entries::Whole && !matches!(line.trim_ascii(), [] | [b'#', ..]) =>
            {
                Some((line.to_vec(), change))
            }
            Key::Line(..) => None,
        }
    });
    changes.collect()
}

/// `changed     /etc/group: entries: docker added, sudo changed`
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<10}  /etc/{}", self.change.name(), self.path)?;
        if self.kind == Kind::Directory.name() {
            f.write_str("/")?;
        }
        if !self.attributes.is_empty() {
            let names: Vec<_> = self.attributes.iter().map(|name| Shown(name).to_string()).collect();
            write!(f, ": {}", names.join(", "))?;
        }
        if !self.entries.is_empty() {
            let named = |(name, change): &(Vec<u8>, Change)| format!("{} {}", Shown(name), change.name());
            write!(f, ": entries: {}", self.entries.iter().map(named).collect::<Vec<_>>().join(", "))?;
        }
        if self.is_machines {
            f.write_str(": the machine's own")?;
        }
        Ok(())
    }
}

impl Difference {
    /// Returns it as a JSON object. What is not text is written as [`Path`] writes it.
    #[must_use]
    pub fn json(&self) -> Value {
        let entry = |(name, change): &(Vec<u8>, Change)| json!({ "name": Shown(name).to_string(), "change": change.name() });
        json!({
            "path": format!("/etc/{}", self.path),
            "change": self.change.name(),
            "kind": self.kind,
            "attributes": self.attributes.iter().map(|name| Shown(name).to_string()).collect::<Vec<_>>(),
            "entries": self.entries.iter().map(entry).collect::<Vec<_>>(),
            "machines_own": self.is_machines,
        })
    }
}
