//! Finds out why unsealing failed. It takes a few more commands, which is fine after a failure.

use pattern::sealing::bank::is_dead;
use pattern::token::{self, ADDED, Bank, Exposed, Pcrs, SPENT, Signed, Tpm2Token, Unsigned};
use tss_esapi::constants::PropertyTag;

use super::{Presented, Result, Tcti, Tpm, TpmError, outcome};
use crate::tpm::error::Outcome;

impl Tpm {
    /// Turns a refusal into the fact behind it.
    pub(super) fn diagnose(
        tcti: &Tcti,
        token: &Tpm2Token,
        presented: Presented<'_>,
        failure: TpmError,
    ) -> TpmError {
        let TpmError::Failed(_, error) = &failure else { return failure };
        let wrong_auth = outcome(error) == Outcome::WrongAuth;
        if wrong_auth && token.pin.is_some() {
            return Self::wrong_pin(tcti);
        }
        // The first failure says more than a second one.
        match tcti.ask(|tpm| tpm.look(token, presented)) {
            Ok(Some(fact)) => fact,
            Ok(None) | Err(_) => failure,
        }
    }

    /// Returns the error for a wrong PIN.
    pub(super) fn wrong_pin(tcti: &Tcti) -> TpmError {
        match tcti.ask(|tpm| Ok(tpm.tries_left())) {
            Ok(Some(0)) => TpmError::Lockout,
            left => TpmError::WrongPin(left.ok().flatten()),
        }
    }

    fn look(&mut self, token: &Tpm2Token, presented: Presented<'_>) -> Result<Option<TpmError>> {
        match self.compare_srk(&token.srk) {
            Err(fact @ (TpmError::NoKey(_) | TpmError::OtherKey(_) | TpmError::Disabled)) => {
                return Ok(Some(fact));
            }
            compared => compared?,
        }
        if let Err(fact @ TpmError::Revoked(..)) = self.compare_count(token.counted) {
            return Ok(Some(fact));
        }
        if let Some(signed) = &token.signed {
            let unsigned = self.look_at_signed(signed, token, presented)?;
            if unsigned.is_some() {
                return Ok(unsigned);
            }
        }
        self.look_at_literal(token)
    }

    fn look_at_signed(
        &mut self,
        signed: &Signed,
        token: &Tpm2Token,
        presented: Presented<'_>,
    ) -> Result<Option<TpmError>> {
        let (pcrs, bank) = (signed.pcrs, token.bank);
        let values = self.pcr_values(pcrs, bank)?;
        if values.len() != pcrs.iter().count() {
            return Ok(Some(Exposed::NoBank(bank).into()));
        }
        let now = token::policy_digest(pcrs, bank, &values);
        let approvals = presented.signatures.map(|signatures| signatures.by(signed, bank));
        let approved = approvals.into_iter().flatten().any(|approval| approval.policy == now);
        Ok((!approved).then_some(TpmError::Unsigned(Unsigned::OtherBoot(pcrs, bank))))
    }

    fn look_at_literal(&mut self, token: &Tpm2Token) -> Result<Option<TpmError>> {
        let (Some(pcrs), bank) = (token.literal, token.bank) else { return Ok(None) };
        let values = self.pcr_values(pcrs, bank)?;
        Ok(if values.len() != pcrs.iter().count() {
            Some(Exposed::NoBank(bank).into())
        } else if is_dead(bank, pcrs, &values) {
            Some(TpmError::Dead(bank))
        } else if token.is_spent(SPENT, &values) {
            Some(TpmError::Spent(bank))
        } else if token.is_spent(ADDED, &values) {
            Some(TpmError::Added(bank))
        } else {
            let changed = changed(pcrs, bank, &values);
            (token.policy_for(&values) != token.policy).then_some(TpmError::WrongPcr(changed, bank))
        })
    }

    /// Returns how many wrong PINs the TPM still accepts before it locks out.
    fn tries_left(&mut self) -> Option<u32> {
        let used = self.context.get_tpm_property(PropertyTag::LockoutCounter).ok()??;
        let most = self.context.get_tpm_property(PropertyTag::MaxAuthFail).ok()??;
        most.checked_sub(used)
    }
}

/// Returns the registers that may have changed. Registers that had to be untouched, and are, do not
/// count.
fn changed(pcrs: Pcrs, bank: Bank, values: &[Vec<u8>]) -> Pcrs {
    let is_as_it_was = |pcr, value: &Vec<u8>| [ADDED, SPENT].contains(&pcr) && *value == bank.zeros();
    let others = pcrs.iter().zip(values).filter(|(pcr, value)| !is_as_it_was(*pcr, value));
    Pcrs::new(others.map(|(pcr, _)| pcr.into())).unwrap_or(pcrs)
}
