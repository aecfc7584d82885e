//! What is asked of people, and what they are told.

pub(crate) mod added;
pub(crate) mod ask;
pub(crate) mod banner;
pub(crate) mod qr;
pub(crate) mod root;
pub(crate) mod show;
