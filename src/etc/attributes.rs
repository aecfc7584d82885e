//! Merges owner, group, mode and extended attributes, each by itself.

use super::conflict::Reason;
use super::tree::Meta;
use super::{Choice, choose};

/// The ones that each file has, with their names.
pub(super) const OWNER: &str = "owner";
pub(super) const GROUP: &str = "group";
pub(super) const MODE: &str = "mode";

/// Merges what both sides say. Without a base, each difference is a conflict.
pub(super) fn merge(base: Option<&Meta>, mine: &Meta, new: &Meta) -> (Meta, Vec<Reason>) {
    let mut merge = Merge { conflicts: Vec::new() };
    let numbers = |of: fn(&Meta) -> u32| (base.map(of), of(mine), of(new));
    let meta = Meta {
        owner: merge.one(OWNER.as_bytes(), numbers(|meta| meta.owner)),
        group: merge.one(GROUP.as_bytes(), numbers(|meta| meta.group)),
        mode: merge.one(MODE.as_bytes(), numbers(|meta| meta.mode)),
        attributes: names(mine, new)
            .filter_map(|name| {
                let of = |meta: &Meta| meta.attributes.get(name).cloned();
                merge.one(name, (base.map(of), of(mine), of(new))).map(|value| (name.clone(), value))
            })
            .collect(),
    };
    (meta, merge.conflicts)
}

/// Returns the names of the extended attributes of either, once each and in order.
pub(super) fn names<'a>(mine: &'a Meta, new: &'a Meta) -> impl Iterator<Item = &'a Vec<u8>> {
    let only_new = new.attributes.keys().filter(|name| !mine.attributes.contains_key(*name));
    let mut names: Vec<_> = mine.attributes.keys().chain(only_new).collect();
    names.sort();
    names.into_iter()
}

struct Merge {
    conflicts: Vec<Reason>,
}

impl Merge {
    fn one<T: PartialEq>(&mut self, name: &[u8], (base, mine, new): (Option<T>, T, T)) -> T {
        let choice = base.map_or_else(
            || if mine == new { Choice::Mine } else { Choice::Both },
            |base| choose(&base, &mine, &new),
        );
        match choice {
            Choice::Mine => mine,
            Choice::Image => new,
            Choice::Both => {
                self.conflicts.push(Reason::Attribute(name.to_vec()));
                mine
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(owner: u32, group: u32, mode: u32, attributes: &[(&str, &str)]) -> Meta {
        let pair = |(name, value): &(&str, &str)| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
        Meta { owner, group, mode, attributes: attributes.iter().map(pair).collect() }
    }

    #[test]
    fn each_attribute_is_taken_from_the_side_that_changed_it() {
        let base = meta(0, 0, 0o644, &[("user.a", "1"), ("user.b", "1"), ("user.c", "1")]);
        let mine = meta(0, 42, 0o640, &[("user.a", "2"), ("user.b", "1"), ("user.d", "1")]);
        let new = meta(7, 0, 0o600, &[("user.a", "1"), ("user.b", "3"), ("user.c", "4")]);
        let merged = meta(7, 42, 0o640, &[("user.a", "2"), ("user.b", "3"), ("user.d", "1")]);
        // The mode, and an attribute that the machine removed and the image changed. That one is not in either's
        // way: it stays removed.
        let conflicts = [MODE, "user.c"].map(|name| Reason::Attribute(name.into()));
        assert_eq!(merge(Some(&base), &mine, &new), (merged, conflicts.into()));
    }

    #[test]
    fn without_a_base_the_machines_attributes_stay() {
        let (mine, new) = (meta(0, 0, 0o600, &[]), meta(0, 0, 0o644, &[("user.a", "1")]));
        let conflicts = [MODE, "user.a"].map(|name| Reason::Attribute(name.into()));
        assert_eq!(merge(None, &mine, &new), (mine.clone(), conflicts.into()));
    }
}
