//! Numbers of users and groups. On a machine a name keeps its number, because files in `/var` and `/home` have
//! it. A new name gets the number that it has in the image, if nobody has or had that one.

mod text;

use std::collections::{BTreeMap, BTreeSet};

use super::acl;
use super::conflict::Reason;
use super::entries::Lines;
use super::path::Path;
use super::place::{Accounts, Entries};
use super::tree::Tree;

/// The names that have or had each number.
type Names = BTreeMap<u32, BTreeSet<Vec<u8>>>;
/// Numbers of one side, and what they are on the machine, where that is another one.
type Moved = BTreeMap<u32, u32>;

/// The kernel's number for a user or group that it does not know.
const NOBODY: u32 = 65534;

/// The names that have or had each number on a machine.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct Numbers {
    users: Names,
    groups: Names,
}

impl Numbers {
    /// Adds the users and groups that a tree names.
    pub fn record(&mut self, tree: &Tree) {
        for (names, file) in [(&mut self.users, Accounts::Passwd), (&mut self.groups, Accounts::Group)] {
            for (name, number) in table(tree, file) {
                names.entry(number).or_default().insert(name);
            }
        }
    }
}

/// Returns the path of a file of accounts.
pub(super) fn path(file: Accounts) -> Option<Path> {
    Path::new(file.name()).ok()
}

/// Returns the names and numbers of a file, in its order.
fn table(tree: &Tree, file: Accounts) -> Vec<(Vec<u8>, u32)> {
    let text = path(file).and_then(|path| tree.text(&path)).unwrap_or_default();
    let lines = Lines::read(text, Entries::Named(b':'));
    lines.named().filter_map(|(name, line)| Some((name.to_vec(), number(line)?))).collect()
}

/// Returns the number in a line of passwd(5) or group(5).
fn number(line: &[u8]) -> Option<u32> {
    let field = line.split(|byte| *byte == b':').nth(2)?;
    std::str::from_utf8(field).ok()?.trim().parse().ok()
}

/// Gives what the image has elsewhere to the numbers that its names have on the machine. What belongs to a name
/// that the machine does not have, and whose number is somebody else's there, is nobody's.
pub fn renumber_for(machine: &Tree, image: &Tree, tree: &mut Tree) {
    let [users, groups] = [Accounts::Passwd, Accounts::Group].map(|file| {
        let (my, image) = (table(machine, file), table(image, file));
        let known = first(&my);
        let is_others = |number: &u32| my.iter().any(|(_, other)| other == number);
        let unknown = image.iter().filter(|(name, number)| !known.contains_key(name) && is_others(number));
        let lost = unknown.map(|(_, number)| (*number, NOBODY));
        lost.chain(moved(&image, &known)).collect::<Moved>()
    });
    renumber(tree, &users, &groups);
}

/// What the numbers of base and new are on the machine.
#[derive(Default)]
pub(super) struct Assigned {
    pub(super) users: Assignment,
    pub(super) groups: Assignment,
}

/// The same of users, or of groups.
#[derive(Default)]
pub(super) struct Assignment {
    /// The number of each name that the image has, and the machine has or gets.
    pub(super) by_name: BTreeMap<Vec<u8>, u32>,
    base: Moved,
    new: Moved,
    pub(super) conflicts: Vec<Reason>,
}

impl Assigned {
    pub(super) fn of(base: &Tree, mine: &Tree, new: &Tree, had: &Numbers) -> Self {
        let users = Assignment::of(Accounts::Passwd, [base, mine, new], &had.users, &Moved::new());
        let groups = Assignment::of(Accounts::Group, [base, mine, new], &had.groups, &users.new);
        Self { users, groups }
    }

    /// Gives the base's files to the numbers of the machine.
    pub(super) fn renumber_base(&self, tree: &mut Tree) {
        renumber(tree, &self.users.base, &self.groups.base);
    }

    /// Does the same with the new files.
    pub(super) fn renumber_new(&self, tree: &mut Tree) {
        renumber(tree, &self.users.new, &self.groups.new);
    }
}

impl Assignment {
    fn of(file: Accounts, [base, mine, new]: [&Tree; 3], had: &Names, prefer: &Moved) -> Self {
        let Some(path) = path(file) else { return Self::default() };
        if mine.get(&path).is_some() && mine.text(&path).is_none() {
            // Who is on the machine is not known.
            return Self::default();
        }
        let [before, my, image] = [base, mine, new].map(|tree| table(tree, file));
        let known = first(&my);
        let mut assignment = Self { base: moved(&before, &known), ..Self::default() };
        let mut used = had.clone();
        for (name, number) in before.iter().chain(&my) {
            used.entry(*number).or_default().insert(name.clone());
        }
        let removed = first(&before);
        let reserved: BTreeSet<u32> = image.iter().map(|(_, number)| *number).collect();
        for (name, number) in first(&image) {
            if let Some(number) = known.get(&name) {
                assignment.by_name.insert(name, *number);
            } else if !removed.contains_key(&name) {
                assignment.give(name, number, &mut used, &reserved, prefer);
            }
        }
        assignment.new = moved(&image, &assignment.by_name);
        assignment
    }

    /// Gives a new name its number.
    fn give(
        &mut self,
        name: Vec<u8>,
        image: u32,
        used: &mut Names,
        reserved: &BTreeSet<u32>,
        prefer: &Moved,
    ) {
        let is_others =
            |number: &u32| used.get(number).is_some_and(|names| names.iter().any(|other| *other != name));
        let machine = if is_others(&image) {
            let is_free = |number: &u32| !used.contains_key(number) && !reserved.contains(number);
            let free = prefer.get(&image).copied().filter(is_free).or_else(|| range(image).find(is_free));
            self.conflicts.push(Reason::Number { name: name.clone(), image, machine: free });
            free
        } else {
            Some(image)
        };
        if let Some(number) = machine {
            used.entry(number).or_default().insert(name.clone());
            self.by_name.insert(name, number);
        }
    }
}

/// Returns the numbers of the same kind, in the order in which login.defs(5) has them given out.
fn range(image: u32) -> Box<dyn Iterator<Item = u32>> {
    if image < 1000 { Box::new((100..1000).rev()) } else { Box::new(1000..60000) }
}

/// Returns the number of each name: of two lines of a name, the first counts.
fn first(table: &[(Vec<u8>, u32)]) -> BTreeMap<Vec<u8>, u32> {
    table.iter().rev().cloned().collect()
}

/// Returns which numbers of a table are others on the machine.
fn moved(table: &[(Vec<u8>, u32)], machine: &BTreeMap<Vec<u8>, u32>) -> Moved {
    let pairs = table.iter().rev().filter_map(|(name, number)| Some((*number, *machine.get(name)?)));
    let all: Moved = pairs.collect();
    all.into_iter().filter(|(from, to)| from != to).collect()
}

impl Assignment {
    /// Returns what a number of the base is on the machine.
    pub(super) fn of_base(&self, number: u32) -> u32 {
        self.base.get(&number).copied().unwrap_or(number)
    }

    /// Returns what a number of the image is on the machine.
    pub(super) fn of_new(&self, number: u32) -> u32 {
        self.new.get(&number).copied().unwrap_or(number)
    }
}

fn renumber(tree: &mut Tree, users: &Moved, groups: &Moved) {
    if users.is_empty() && groups.is_empty() {
        return;
    }
    let user = |number| users.get(&number).copied().unwrap_or(number);
    let group = |number| groups.get(&number).copied().unwrap_or(number);
    for node in tree.nodes_mut() {
        node.meta.owner = user(node.meta.owner);
        node.meta.group = group(node.meta.group);
        let lists = node.meta.attributes.iter_mut().filter(|(name, _)| acl::is_acl(name));
        lists.for_each(|(_, value)| acl::renumber(value, user, group));
    }
}
