//! Seals a secret to this machine's TPM and the values of its PCRs, and unseals it.
//!
//! The objects have systemd's format (its `src/shared/tpm2-util.c`), so either side can open what
//! the other sealed. TPM commands are slow on real chips, so unsealing sends only the necessary
//! ones.

mod ahead;
mod approve;
mod connection;
mod diagnose;
mod error;
mod extend;
mod lockout;
pub(crate) mod measure;
mod nv;
mod pcr;
mod revocation;
mod seal;
mod srk;
#[cfg(test)]
pub mod swtpm;
#[cfg(test)]
pub(crate) mod tests;
mod unseal;

pub use connection::{Tcti, Tpm};
pub use error::{Result, TpmError};
use error::{as_owner, doing, outcome};
pub use lockout::order;
pub use nv::{Held, Nv};
pub use seal::NewPin;
pub use unseal::Presented;
