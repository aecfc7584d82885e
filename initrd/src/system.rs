//! The programs that units start in the running system.

pub(crate) mod blessed;
pub(crate) mod fallback;
pub(crate) mod health;
pub(crate) mod interrupted;
mod logins;
pub(crate) mod recovery;
pub(crate) mod scrub;
