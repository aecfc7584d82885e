//! The stages that units start in the initrd.

pub(crate) mod credentials;
pub(crate) mod emergency;
pub(crate) mod grow;
pub(crate) mod latch;
pub(crate) mod persist;
pub(crate) mod reset;
pub(crate) mod retry;
pub(crate) mod seed;
pub(crate) mod usr;
