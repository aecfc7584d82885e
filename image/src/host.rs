//! What this host provides: standard output and the screen, programs or the tools tree, signals,
//! GnuPG, temporary folders, and durable files.

pub(crate) mod below;
pub(crate) mod durable;
pub(crate) mod file;
pub(crate) mod full;
pub(crate) mod gpg;
mod packets;
pub(crate) mod private_key;
pub(crate) mod pubring;
pub(crate) mod real;
pub mod results;
pub mod screen;
pub mod signals;
pub(crate) mod small;
pub(crate) mod ssh_key;
pub(crate) mod step;
pub mod temporary;
pub(crate) mod tools;
pub mod tree;
pub(crate) mod waiting;
pub(crate) mod word;

/// Returns when a new keyring is right. With a new one in the place of an old one, machines take no
/// update any more.
pub(crate) fn only_new(name: &str) -> String {
    format!("only for a new system: pattern gen-keyring {}", word::quoted(name))
}
