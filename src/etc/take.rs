//! What becomes of a path of `/etc` when a person takes the image's for it.

use std::collections::BTreeMap;
use std::fmt;

use super::diff::as_here;
use super::path::Path;
use super::place::{self, Place};
use super::tree::{Node, Tree};

/// A change of one path that is prepared beside `/etc`, and exchanged with what is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Taking {
    /// What is exchanged: the path, or the first directory above it that the machine does not have.
    pub at: Path,
    /// What is to be there, with the directories above it. Nothing is there if it is removed.
    pub tree: Tree,
}

/// Why the image's can't be taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Neither the machine nor the image has it.
    Unknown,
    /// It is another one on each machine.
    Machines,
    /// It has the machine's users or groups.
    Accounts,
    /// The image does not have it, and it is not a file that an earlier version had.
    Own,
    /// This path above it is not a directory on the machine.
    Behind(Path),
    /// It is the image's already.
    Same,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("neither this machine nor the image has it"),
            Self::Machines => f.write_str("it is another one on each machine; the image's is of no use here"),
            Self::Accounts => f.write_str(
                "users and groups of this machine would be lost; change its entries by hand, and then say so: \
                 pattern etc keep",
            ),
            Self::Own => f.write_str("the image does not have it; to remove it: rm"),
            Self::Behind(above) => write!(f, "/etc/{above} is not a directory on this machine; take that first"),
            Self::Same => f.write_str("it is the image's already"),
        }
    }
}

/// Decides what taking the image's for a path does. What only the machine has in a directory stays, and so does what is
/// another one on each machine. `withdrawn`: whether an earlier version had it.
///
/// # Errors
/// When it would lose something, or change nothing.
pub fn take(mine: &Tree, image: &Tree, path: &Path, withdrawn: bool) -> Result<Taking, Refusal> {
    let image = as_here(image, mine);
    match (place::of(path), mine.get(path), image.get(path)) {
        (_, None, None) => return Err(Refusal::Unknown),
        (Place::Machine, ..) => return Err(Refusal::Machines),
        (Place::Accounts(_), ..) => return Err(Refusal::Accounts),
        (_, Some(_), None) if !withdrawn => return Err(Refusal::Own),
        _ => {}
    }
    let is_directory = |above: &Path| mine.get(above).map(Node::is_directory);
    if let Some(above) = path.ancestors().find(|above| is_directory(above) == Some(false)) {
        return Err(Refusal::Behind(above));
    }
    let at = path.ancestors().find(|above| is_directory(above).is_none()).unwrap_or_else(|| path.clone());
    let tree = result(mine, &image, path, &at);
    if tree.within(&at).eq(mine.within(&at)) {
        return Err(Refusal::Same);
    }
    Ok(Taking { at, tree })
}

/// Returns whether a path is as taking the image's had made it: nobody changed it since. `aside` has what was there before.
#[must_use]
pub fn is_as_taken(now: &Tree, aside: &Tree, image: &Tree, path: &Path, at: &Path) -> bool {
    let again = take(&now.with(at, aside), image, path, true);
    again.is_ok_and(|taking| taking.tree.within(at).eq(now.within(at)))
}

/// Returns what is at `at` afterwards, with the directories above it.
fn result(mine: &Tree, image: &Tree, path: &Path, at: &Path) -> Tree {
    let are_directories = [mine, image].iter().all(|tree| tree.get(path).is_some_and(Node::is_directory));
    let stays = |one: &Path| is_above(one, at) || are_directories && one.is_within(path);
    let comes = |one: &Path| {
        (one.is_within(path) || one.is_within(at) && is_above(one, path))
            && !matches!(place::of(one), Place::Machine | Place::Accounts(_))
    };
    let mut nodes: BTreeMap<&Path, &Node> = mine.iter().filter(|(one, _)| stays(one)).collect();
    for (one, node) in image.iter().filter(|(one, _)| comes(one)) {
        if !node.is_directory() {
            // What the machine has in a directory of this name goes with it.
            nodes.retain(|other, _| !other.is_within(one));
        }
        nodes.insert(one, node);
    }
    Tree::of(nodes.into_iter().map(|(path, node)| (path.clone(), node.clone())).collect())
}

fn is_above(one: &Path, other: &Path) -> bool {
    one != other && other.is_within(one)
}
