//! The persistent volume: where it is, what opens it, and whether this machine made it.

pub(crate) mod ahead;
pub(crate) mod bank;
pub(crate) mod bound;
pub(crate) mod candidate;
pub(crate) mod confine;
pub(crate) mod directories;
pub(crate) mod escrow;
pub(crate) mod etc;
pub(crate) mod filesystem;
pub(crate) mod host;
pub(crate) mod identity;
pub(crate) mod lockout;
pub(crate) mod lost;
pub(crate) mod luks;
pub(crate) mod means;
pub(crate) mod mounts;
pub(crate) mod place;
pub(crate) mod recovery_key;
pub(crate) mod reminder;
pub(crate) mod renewal;
pub(crate) mod repair;
pub(crate) mod request;
pub(crate) mod reset_request;
pub(crate) mod rollback;
#[cfg(test)]
pub(crate) mod samples;
pub(crate) mod sealing;
pub(crate) mod shape;
pub(crate) mod var;
