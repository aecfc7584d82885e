//! What this host offers: programs of the tools tree, GnuPG, folders for a while, and files that outlive a power cut.

pub(crate) mod durable;
pub(crate) mod gpg;
pub(crate) mod step;
pub mod temporary;
pub(crate) mod tools;
