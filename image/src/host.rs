//! What this host provides: standard output and the screen, programs or the tools tree, GnuPG,
//! temporary folders, and durable files.

pub(crate) mod durable;
pub(crate) mod gpg;
mod packets;
pub(crate) mod pubring;
pub mod results;
pub mod screen;
pub(crate) mod small;
pub(crate) mod ssh_key;
pub(crate) mod step;
pub mod temporary;
pub(crate) mod tools;
