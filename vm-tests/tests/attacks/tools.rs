//! What attacks are made with: none of these files is an attack.

pub(crate) mod attack;
pub(crate) mod esp;
pub(crate) mod header;
pub(crate) mod planted;
pub(crate) mod stolen;
pub(crate) mod table;
