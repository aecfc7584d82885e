//! Merges the files of users and groups. No entry of the machine is lost, and no number is given to two.

mod fields;
mod ranges;

use std::collections::{BTreeMap, BTreeSet};

use zeroize::Zeroizing;

use super::conflict::Reason;
use super::entries::{Key, Lines, join};
use super::numbers::{Assigned, path};
use super::path::Path;
use super::place::{Accounts, Entries};
use super::tree::Tree;
use super::{Choice, choose};
use ranges::Ranges;

/// The merged texts by path, each with its conflicts.
pub(super) type Merged = BTreeMap<Path, (Zeroizing<Vec<u8>>, Vec<Reason>)>;

/// Merges each file of accounts that the image changed, and that the machine has or never had.
pub(super) fn merge(base: &Tree, mine: &Tree, new: &Tree, assigned: &Assigned) -> Merged {
    let mut merged = Merged::new();
    for file in Accounts::ALL {
        let Some(path) = path(file) else { continue };
        let [before, my, image] = [base, mine, new].map(|tree| tree.text(&path));
        let is_new = mine.get(&path).is_none() && base.get(&path).is_none();
        let (Some(my), Some(image)) = (my.or(is_new.then_some(&[][..])), image) else { continue };
        if choose(&before, &Some(my), &Some(image)) == Choice::Mine {
            continue;
        }
        let unchanged = before == Some(my);
        let [before, lines, image_lines] =
            [before.unwrap_or_default(), my, image].map(|text| Lines::read(text, Entries::Named(b':')));
        let owners = Owners::of(file, base, mine);
        let mut file = File {
            file,
            base: before,
            mine: lines,
            new: image_lines,
            owners,
            assigned,
            conflicts: Vec::new(),
        };
        let all = file.lines(unchanged);
        let text = Zeroizing::new(join(&all, my, image));
        merged.insert(path, (text, file.conflicts));
    }
    merged
}

/// The users, or groups, that are the owner's and not the image's.
struct Owners(BTreeSet<Vec<u8>>);

impl Owners {
    /// Returns those whose entries in this file are nobody else's to make.
    fn of(file: Accounts, base: &Tree, mine: &Tree) -> Self {
        let table = match file {
            Accounts::Passwd | Accounts::Group => return Self(BTreeSet::new()),
            Accounts::Gshadow => Accounts::Group,
            Accounts::Shadow | Accounts::Subuid | Accounts::Subgid => Accounts::Passwd,
        };
        let names = |tree: &Tree| {
            let text = path(table).and_then(|path| tree.text(&path)).unwrap_or_default();
            let lines = Lines::read(text, Entries::Named(b':'));
            lines.named().map(|(name, _)| name.to_vec()).collect::<BTreeSet<_>>()
        };
        Self(names(mine).difference(&names(base)).cloned().collect())
    }
}

/// One of the files, on all sides.
struct File<'a> {
    file: Accounts,
    base: Lines<'a>,
    mine: Lines<'a>,
    new: Lines<'a>,
    owners: Owners,
    assigned: &'a Assigned,
    conflicts: Vec<Reason>,
}

impl File<'_> {
    /// Returns the merged lines: in the image's order if the machine did not change the file.
    fn lines(&mut self, unchanged: bool) -> Vec<Vec<u8>> {
        let (first, second) = if unchanged { (&self.new, &self.mine) } else { (&self.mine, &self.new) };
        let keys: Vec<Key> = first.keys_with(second).collect();
        let mut ranges = Ranges::of(self.file, &self.mine);
        if matches!(self.file, Accounts::Passwd) {
            self.conflicts.extend(self.assigned.users.conflicts.iter().cloned());
        }
        if matches!(self.file, Accounts::Group) {
            self.conflicts.extend(self.assigned.groups.conflicts.iter().cloned());
        }
        keys.iter().filter_map(|key| self.line(key, &mut ranges)).collect()
    }

    /// Returns the merged line of a key, if there is one.
    fn line(&mut self, key: &Key, ranges: &mut Ranges) -> Option<Vec<u8>> {
        let (base, mine, new) = (self.base.get(key), self.mine.get(key), self.new.get(key));
        let Key::Entry(name, nth) = *key else {
            // A blank line that the image adds would only part entries.
            let image = new.filter(|line| !line.is_empty() || self.mine.get(key).is_some());
            let line = if choose(&base, &mine, &new) == Choice::Image { image } else { mine };
            return line.map(<[u8]>::to_vec);
        };
        match (mine, new) {
            (Some(mine), Some(new)) => Some(self.both(name, base, mine, new)),
            (Some(mine), None) => Some(self.without_image(name, base, mine)),
            (None, Some(new)) if base.is_none() => self.added(name, nth, new, ranges),
            (None, _) => None,
        }
    }

    /// The machine and the image have it.
    fn both(&mut self, name: &[u8], base: Option<&[u8]>, mine: &[u8], new: &[u8]) -> Vec<u8> {
        let groups = &self.assigned.groups;
        let base = base.map(|base| fields::renumbered(self.file, base, mine, |gid| groups.of_base(gid)));
        let new = fields::renumbered(self.file, new, mine, |gid| groups.of_new(gid));
        let (line, agree) = fields::merge(self.file, base.as_deref(), mine, &new);
        if !agree {
            self.conflicts.push(Reason::Entry(name.to_vec()));
        }
        line
    }

    /// Only the machine has it. It keeps its number, since files have it. A password that came from an earlier
    /// image, where everybody could read it, no longer opens it.
    fn without_image(&mut self, name: &[u8], base: Option<&[u8]>, mine: &[u8]) -> Vec<u8> {
        match base.and_then(|base| fields::locked(self.file, base, mine)) {
            Some(locked) => {
                self.conflicts.push(Reason::Locked(name.to_vec()));
                locked
            }
            None => mine.to_vec(),
        }
    }

    /// Only the image has it. Of two entries of a name the second is ignored by all programs, but for ranges.
    fn added(&mut self, name: &[u8], nth: usize, new: &[u8], ranges: &mut Ranges) -> Option<Vec<u8>> {
        let groups = &self.assigned.groups;
        let line = match self.file {
            _ if self.owners.0.contains(name) => return None,
            Accounts::Subuid | Accounts::Subgid => {
                if !ranges.take(name, new) {
                    self.conflicts.push(Reason::Range(name.to_vec()));
                    return None;
                }
                new.to_vec()
            }
            _ if nth > 0 => return None,
            Accounts::Passwd => {
                let number = *self.assigned.users.by_name.get(name)?;
                fields::numbered(self.file, new, number, |gid| groups.of_new(gid))
            }
            Accounts::Group => {
                fields::numbered(self.file, new, *groups.by_name.get(name)?, |gid| groups.of_new(gid))
            }
            Accounts::Shadow | Accounts::Gshadow => new.to_vec(),
        };
        Some(line)
    }
}
