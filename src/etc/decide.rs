//! What one path becomes, whatever is around it.

use super::accounts::Merged;
use super::attributes;
use super::conflict::Reason;
use super::entries;
use super::path::Path;
use super::place::{self, Place};
use super::tree::{Content, Kind, Meta, Node};
use super::{Choice, choose};

/// What a path becomes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Wanted {
    /// Nothing is there.
    Nothing,
    /// The machine's stays.
    Mine,
    /// The image's comes.
    Image,
    /// Both are parts of it.
    Made(Node),
}

/// What a path becomes, and what a person has to know of it.
pub(super) type Decision = (Wanted, Vec<Reason>);

/// The three sides of one path.
#[derive(Clone, Copy)]
pub(super) struct Sides<'a> {
    pub(super) base: Option<&'a Node>,
    pub(super) mine: Option<&'a Node>,
    pub(super) new: Option<&'a Node>,
}

impl Sides<'_> {
    fn mine(self) -> Decision {
        (if self.mine.is_some() { Wanted::Mine } else { Wanted::Nothing }, Vec::new())
    }

    fn image(self) -> Decision {
        (if self.new.is_some() { Wanted::Image } else { Wanted::Nothing }, Vec::new())
    }

    /// Returns whether what there is on both sides are links.
    fn has_links(self) -> bool {
        let is_link = |node: &Node| matches!(node.kind, Kind::Link(_));
        self.mine.is_none_or(is_link) && self.new.is_none_or(is_link)
    }

    /// The machine's stays, and a person should know why.
    fn mine_because(self, reason: Reason) -> Decision {
        (self.mine().0, vec![reason])
    }
}

/// Decides about one path. `merged` has the files of accounts.
pub(super) fn decide(path: &Path, sides: Sides, merged: &Merged) -> Decision {
    let place = match place::of(path) {
        Place::Enablement if !sides.has_links() => Place::Other,
        place => place,
    };
    match (place, choose(&sides.base, &sides.mine, &sides.new)) {
        (Place::Machine, _) | (_, Choice::Mine) => sides.mine(),
        (Place::Accounts(_), choice) => accounts(path, sides, choice, merged),
        (_, Choice::Image) => sides.image(),
        (Place::Derived, Choice::Both) if sides.new.is_some() => sides.image(),
        (_, Choice::Both) => both(place, sides),
    }
}

/// Both sides changed it, and not alike.
fn both(place: Place, sides: Sides) -> Decision {
    match (sides.mine, sides.new) {
        (Some(mine), Some(new)) => two(place, sides.base, mine, new),
        // Enabled or not is all that such a link says, and the owner said it.
        _ if place == Place::Enablement => sides.mine(),
        (None, _) => sides.mine_because(Reason::Removed),
        (_, None) => sides.mine_because(Reason::Withdrawn),
    }
}

/// Both have something there, and at least one changed it.
fn two(place: Place, base: Option<&Node>, mine: &Node, new: &Node) -> Decision {
    if !mine.kind.is_like(&new.kind) {
        return (Wanted::Mine, vec![Reason::Kind]);
    }
    let before = base.filter(|base| base.kind.is_like(&mine.kind));
    let (kind, mut conflicts) =
        match (place, choose(&before.map(|node| &node.kind), &Some(&mine.kind), &Some(&new.kind))) {
            (_, Choice::Mine) => (mine.kind.clone(), Vec::new()),
            (_, Choice::Image) => (new.kind.clone(), Vec::new()),
            (Place::Enablement, Choice::Both) => (mine.kind.clone(), Vec::new()),
            (_, Choice::Both) => contents(place, before, mine, new),
        };
    made(kind, before.map(|node| &node.meta), mine, new, &mut conflicts)
}

/// Adds the attributes to what was decided about the content.
fn made(kind: Kind, base: Option<&Meta>, mine: &Node, new: &Node, conflicts: &mut Vec<Reason>) -> Decision {
    let (meta, more) = attributes::merge(base, &mine.meta, &new.meta);
    conflicts.extend(more);
    let node = Node { kind, meta };
    let wanted = match node {
        node if node == *mine => Wanted::Mine,
        node if node == *new => Wanted::Image,
        node => Wanted::Made(node),
    };
    (wanted, std::mem::take(conflicts))
}

/// Both have another content. It is merged if its format is known.
fn contents(place: Place, base: Option<&Node>, mine: &Node, new: &Node) -> (Kind, Vec<Reason>) {
    let stays = |reason| (mine.kind.clone(), vec![reason]);
    let (Place::Entries(format), Kind::File(my), Kind::File(image)) = (place, &mine.kind, &new.kind) else {
        return stays(Reason::Content);
    };
    let before = match base.map(|node| &node.kind) {
        Some(Kind::File(content)) => content.text(),
        _ => Some(&[][..]),
    };
    let (Some(before), Some(my), Some(image)) = (before, my.text(), image.text()) else {
        return stays(Reason::Unread);
    };
    let (text, conflicts) = entries::merge(format, before, my, image);
    (Kind::File(Content::of_text(text)), conflicts)
}

/// Decides about a file of users or groups. The image never removes it.
fn accounts(path: &Path, sides: Sides, choice: Choice, merged: &Merged) -> Decision {
    let is_file = |node: &Node| matches!(node.kind, Kind::File(_));
    let text = merged
        .get(path)
        .map(|(text, conflicts)| (Kind::File(Content::of_text(text.to_vec())), conflicts.clone()));
    match (sides.mine, sides.new) {
        (Some(mine), Some(new)) if is_file(mine) && is_file(new) => {
            let before = sides.base.filter(|base| is_file(base));
            let (kind, mut conflicts) = match text {
                Some(text) => text,
                None if is_kept(before, mine, new) => (mine.kind.clone(), Vec::new()),
                None => (mine.kind.clone(), vec![Reason::Unread]),
            };
            made(kind, before.map(|node| &node.meta), mine, new, &mut conflicts)
        }
        (None, Some(new)) if sides.base.is_none() => match text {
            Some((kind, conflicts)) if kind != new.kind => {
                (Wanted::Made(Node { kind, meta: new.meta.clone() }), conflicts)
            }
            _ => sides.image(),
        },
        (Some(mine), Some(_)) if is_file(mine) => sides.mine_because(Reason::Kind),
        (Some(mine), None) if is_file(mine) => sides.mine(),
        _ if choice == Choice::Image => sides.image(),
        _ => both(Place::Other, sides),
    }
}

fn is_kept(base: Option<&Node>, mine: &Node, new: &Node) -> bool {
    choose(&base.map(|node| &node.kind), &Some(&mine.kind), &Some(&new.kind)) == Choice::Mine
}
