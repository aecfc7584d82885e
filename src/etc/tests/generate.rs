//! Trees that differ in everything a plan looks at, from a number.

use crate::etc::tests::sample::file;
use crate::etc::{Kind, Meta, Node, Path, Tree, has_text};

/// Numbers that look random, and are the same in each run (xorshift64*).
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below this one.
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap() % end
    }

    pub(super) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub(super) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// Directories before what may be in them. Each may be anything.
const PATHS: [&[u8]; 25] = [
    b"a",
    b"a/b",
    b"a/b/c",
    b"a/b/d",
    b"a/e",
    b"d",
    b"d/\xff\xfe",
    b"d/\n",
    b"d/x",
    b"d/x/-y",
    b"f",
    b"ld.so.cache",
    b"machine-id",
    b"shells",
    b"ssh",
    b"ssh/ssh_host_rsa_key",
    b"ssh/sshd_config",
    b"systemd",
    b"systemd/system",
    b"systemd/system/m.target.wants",
    b"systemd/system/m.target.wants/a.service",
    b"systemd/system/m.target.wants/b.service",
    b"systemd/system/a.service",
    b"z",
    b"z/z",
];
const TARGETS: [&[u8]; 4] = [b"/dev/null", b"../../../../etc/shadow", b"a", b"/"];
const TEXTS: [&[u8]; 5] = [b"", b"one\n", b"two\n", b"one\ntwo\n", b"two\nthree"];

/// A tree.
pub(super) fn tree(random: &mut Random) -> Tree {
    changed(&Tree::default(), random, 1)
}

/// The tree after one in so many things in it became something else.
pub(super) fn changed(tree: &Tree, random: &mut Random, rate: usize) -> Tree {
    let mut other = Tree::default();
    for bytes in PATHS {
        let path = Path::new(bytes).unwrap();
        let is_possible =
            path.parent().is_none_or(|parent| other.get(&parent).is_some_and(Node::is_directory));
        let old = tree.get(&path).cloned();
        let node = if random.one_in(rate) { something(&path, old, random) } else { old };
        if let Some(node) = node.filter(|_| is_possible) {
            other.insert(path, node).unwrap();
        }
    }
    other
}

/// What becomes of a thing: nothing, another thing, or itself with other attributes.
fn something(path: &Path, old: Option<Node>, random: &mut Random) -> Option<Node> {
    match (random.below(6), old) {
        (0, _) => None,
        (1 | 2, Some(old)) => Some(Node { meta: meta(random), ..old }),
        _ => Some(Node { kind: kind(path, random), meta: meta(random) }),
    }
}

fn kind(path: &Path, random: &mut Random) -> Kind {
    let has_more = PATHS.iter().any(|other| other.starts_with(&[path.bytes(), b"/"].concat()));
    match random.below(if has_more { 12 } else { 6 }) {
        0 => Kind::Link(random.one_of(&TARGETS).into()),
        1 if random.one_in(2) => Kind::Special { form: 0o010_000, device: 0 },
        1 => Kind::Directory,
        2..6 => file(random.one_of(&TEXTS), has_text(path)),
        _ => Kind::Directory,
    }
}

fn meta(random: &mut Random) -> Meta {
    // Most have the usual ones.
    let odd = random.one_in(3);
    let mut one = |usual, unusual| if odd && random.one_in(2) { unusual } else { usual };
    let (owner, group, mode) = (one(0, 7), one(0, 8), one(0o644, 0o4600));
    let attributes = [(b"user.a".to_vec(), b"1".to_vec()), (b"user.b".to_vec(), b"2".to_vec())];
    Meta { owner, group, mode, attributes: attributes.into_iter().filter(|_| one(0, 1) == 1).collect() }
}
