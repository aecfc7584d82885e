//! Asks people for keys, PINs and words, and shows them messages.

pub(crate) mod added;
pub(crate) mod ask;
pub(crate) mod banner;
pub(crate) mod qr;
pub(crate) mod root;
pub(crate) mod show;
