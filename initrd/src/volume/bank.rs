//! Uses the bindings of [`pattern::sealing::binding`] in a bank that the TPM has.

use pattern::token::{Bank, Exposed};

use crate::tpm::{self, TpmError};

/// Acts in the SHA-256 bank, or in the SHA-384 bank if the TPM has only that, or if only that says
/// anything about this boot.
pub(crate) fn in_a_bank<T>(mut act: impl FnMut(Bank) -> tpm::Result<T>) -> tpm::Result<T> {
    match act(Bank::Sha256) {
        Err(TpmError::Exposed(Exposed::NoBank(_))) => act(Bank::Sha384),
        Err(TpmError::Dead(bank)) => match act(Bank::Sha384) {
            Err(TpmError::Dead(_) | TpmError::Exposed(Exposed::NoBank(_))) => Err(TpmError::Dead(bank)),
            done => done,
        },
        done => done,
    }
}

#[cfg(test)]
mod tests;
