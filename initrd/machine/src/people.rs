//! Asks people for keys, PINs and words, and shows them messages.

pub mod added;
pub mod ask;
pub mod banner;
pub mod choose;
pub mod consoles;
pub mod qr;
pub mod root;
pub mod show;
