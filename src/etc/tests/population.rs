//! Users and groups of generated trees.

use std::collections::BTreeMap;

use crate::etc::Tree;
use crate::etc::tests::generate::Random;
use crate::etc::tests::sample::{owned, with};

pub(super) const NAMES: [&str; 7] = ["root", "a", "b", "c", "me", "you", "games"];
const NUMBERS: [u32; 6] = [0, 5, 101, 102, 999, 1000];
const SHELLS: [&str; 3] = ["/bin/sh", "/bin/zsh", "/sbin/nologin"];
const MEMBERS: [&str; 5] = ["", "a", "a,me", "me", "b,c"];
const PASSWORDS: [&str; 4] = ["!", "$6$x", "*", ""];

/// An account as the tests see it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Account {
    pub(super) number: u32,
    pub(super) shell: &'static str,
    pub(super) members: &'static str,
    pub(super) password: &'static str,
    pub(super) range: u32,
}

pub(super) type Accounts = BTreeMap<&'static str, Account>;

fn account(random: &mut Random, taken: &Accounts) -> Account {
    // Of two generated accounts only few have one number: those of the machine may.
    let free: Vec<u32> =
        NUMBERS.into_iter().filter(|number| taken.values().all(|other| other.number != *number)).collect();
    let number =
        if free.is_empty() || random.one_in(20) { random.one_of(&NUMBERS) } else { random.one_of(&free) };
    Account {
        number,
        shell: random.one_of(&SHELLS),
        members: random.one_of(&MEMBERS),
        password: random.one_of(&PASSWORDS),
        range: u32::try_from(random.below(6)).unwrap() * 500,
    }
}

pub(super) fn changed(accounts: &Accounts, random: &mut Random) -> Accounts {
    let mut other = accounts.clone();
    for name in NAMES {
        match random.below(6) {
            0 => _ = other.remove(name),
            1 => {
                other.remove(name);
                let made = account(random, &other);
                other.insert(name, made);
            }
            2 => {
                let made = account(random, &other);
                if let Some(old) = other.get_mut(name) {
                    *old = Account { number: old.number, ..made };
                }
            }
            _ => {}
        }
    }
    other
}

/// A tree with the files of accounts, and a file of each user and group.
pub(super) fn tree(accounts: &Accounts) -> Tree {
    let lines = |line: fn(&str, &Account) -> String| {
        accounts.iter().map(|(name, account)| line(name, account)).collect::<String>()
    };
    let files = [
        ("passwd", lines(|name, one| format!("{name}:x:{0}:{0}::/:{1}\n", one.number, one.shell))),
        ("group", lines(|name, one| format!("{name}:x:{}:{}\n", one.number, one.members))),
        ("shadow", lines(|name, one| format!("{name}:{}:1::::::\n", one.password))),
        ("gshadow", lines(|name, one| format!("{name}:!::{}\n", one.members))),
        ("subuid", lines(|name, one| format!("{name}:{}:500\n", 100_000 + one.range))),
    ];
    let tree = files.iter().fold(Tree::default(), |tree, (name, text)| with(tree, name, text));
    accounts.iter().fold(tree, |tree, (name, account)| {
        let file = format!("files/{name}");
        owned(with(tree, &file, name), &file, account.number, account.number, 0o600)
    })
}
