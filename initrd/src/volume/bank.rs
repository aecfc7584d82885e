//! The bindings of [`pattern::sealing::binding`], in a bank that the TPM has.

use pattern::token::{Bank, Exposed};

use crate::machine::tpm::{self, TpmError};

/// SHA-256 PCRs; SHA-384 ones for a TPM that has only those.
pub(crate) fn in_a_bank<T>(mut act: impl FnMut(Bank) -> tpm::Result<T>) -> tpm::Result<T> {
    match act(Bank::Sha256) {
        Err(TpmError::Exposed(Exposed::NoBank(_))) => act(Bank::Sha384),
        done => done,
    }
}
