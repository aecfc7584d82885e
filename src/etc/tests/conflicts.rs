//! A conflict is where the image changed something and the result does not have it, and nowhere else.

use std::mem::discriminant;

use crate::etc::tests::properties::each;
use crate::etc::{Kind, Meta, Node, Path, Plan};

#[test]
fn conflicts_are_where_the_image_changed_what_the_result_does_not_have() {
    let mut count = 0;
    each(|seed, [base, mine, new], plan| {
        let conflicts: Vec<&Path> = plan.conflicts.iter().map(|conflict| &conflict.path).collect();
        for path in base.paths().chain(mine.paths()).chain(new.paths()) {
            let [base, mine, new] = [base, mine, new].map(|tree| tree.get(path));
            let expected = is_expected(path, base, mine, new, plan.result.get(path));
            let said = conflicts.contains(&path) || is_said_above(path, plan, &conflicts);
            assert!(!expected || said, "{seed} {path}: no conflict\n{plan}");
            assert!(expected || !conflicts.contains(&path), "{seed} {path}: a conflict\n{plan}");
        }
        count += conflicts.len();
    });
    assert!(count > 1000, "{count} conflicts");
}

/// Of a directory that has no place, what is in it is not said again.
fn is_said_above(path: &Path, plan: &Plan, conflicts: &[&Path]) -> bool {
    plan.result.get(path).is_none() && path.ancestors().any(|above| conflicts.contains(&&above))
}

fn is_expected(
    path: &Path,
    base: Option<&Node>,
    mine: Option<&Node>,
    new: Option<&Node>,
    result: Option<&Node>,
) -> bool {
    let name = path.bytes();
    let is_link = name.starts_with(b"systemd/system/m.target.wants/");
    if name == b"machine-id" || name == b"ssh/ssh_host_rsa_key" {
        return false;
    }
    let is_link = is_link && mine.is_none_or(is_a_link) && new.is_none_or(is_a_link);
    if is_link && base.is_some() && (mine.is_none() || new.is_none()) {
        return false;
    }
    match (new, result) {
        (None, None) => false,
        (None, Some(_)) => base.is_some() && mine.is_some() && mine != base,
        (Some(_), None) => base != new,
        (Some(new), Some(result)) if discriminant(&new.kind) != discriminant(&result.kind) => {
            base != Some(new)
        }
        (Some(new), Some(result)) => {
            let is_merged = name == b"shells" && matches!(new.kind, Kind::File(_)) || is_link;
            let changed = base.is_none_or(|base| base.kind != new.kind);
            let content = changed && result.kind != new.kind && !is_merged;
            content || attributes(before(base, mine), &new.meta, &result.meta)
        }
    }
}

fn is_a_link(node: &Node) -> bool {
    matches!(node.kind, Kind::Link(_))
}

/// The attributes of what was something else before are nobody's base.
fn before<'a>(base: Option<&'a Node>, mine: Option<&Node>) -> Option<&'a Meta> {
    let base = base?;
    mine.is_none_or(|mine| discriminant(&mine.kind) == discriminant(&base.kind)).then_some(&base.meta)
}

fn attributes(base: Option<&Meta>, new: &Meta, result: &Meta) -> bool {
    let is = |of: &dyn Fn(&Meta) -> Option<Vec<u8>>| {
        base.is_none_or(|base| of(base) != of(new)) && of(result) != of(new)
    };
    let number = |number: u32| Some(number.to_be_bytes().to_vec());
    is(&|meta| number(meta.owner))
        || is(&|meta| number(meta.group))
        || is(&|meta| number(meta.mode))
        || [b"user.a", b"user.b"].iter().any(|name| is(&|meta| meta.attributes.get(&name[..]).cloned()))
}
