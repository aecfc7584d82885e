//! Predicts whether a version of the image can open the persist volume: compares what its slots are bound to with the registers as
//! they will be.

use crate::start::{ADDITIONS, Later};
use crate::token::ahead::{Ahead, Announced};
use crate::token::{ADDED, Bank, Pcrs, Signatures, Signed, Tpm2Token, policy_digest};
use crate::volume::Locks;

/// PCRs that each version changes, and that are not always predicted: the partition table with its labels (5), kernel and initrd once
/// more (9, 10).
const OF_THE_VERSION: [u8; 3] = [5, 9, 10];

/// The prediction, with its reason.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The TPM will open the volume.
    Opens(String),
    /// The version will ask for the recovery key.
    Asks(String),
    /// The version will ask for the passphrase, as each boot of this machine does, because it has no TPM.
    Passphrase,
    /// It depends on something that can't be seen from here.
    Unclear(String),
}

/// The version that is asked about.
#[derive(Clone, Copy, Debug)]
pub struct Staged<'a> {
    /// Its signatures, from its section `.pcrsig`.
    pub signatures: Option<&'a Signatures>,
    /// Whether another version runs.
    pub is_another: bool,
    /// What is added to its kernel image from outside.
    pub added: Added,
}

/// What is added to a kernel image from outside, as PCR 12 has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Added {
    /// Nothing.
    Nothing,
    /// Words that the running image lets signed add-ons have.
    Listed,
    /// Something else, or something that is not known.
    Other,
}

/// Predicts for a volume with these locks. `predict` returns a register as it will be, or why that is not known.
pub fn verdict(
    locks: &Locks,
    staged: Staged<'_>,
    predict: impl Fn(Bank, u8) -> Result<Later, String>,
) -> Verdict {
    let forecast = Forecast { staged, predict: &predict, may_announce: !locks.ahead.is_empty() };
    let mut reasons = locks.unusable.clone();
    let mut unclear = false;
    let of_tokens = locks.tokens.iter().map(|token| forecast.of_token(token));
    let of_ahead = locks.ahead.iter().map(|ahead| forecast.of_ahead(ahead, &locks.tokens));
    for verdict in of_tokens.chain(of_ahead) {
        match verdict {
            sure @ (Verdict::Opens(_) | Verdict::Passphrase) => return sure,
            Verdict::Asks(reason) => reasons.push(reason),
            Verdict::Unclear(reason) => {
                unclear = true;
                reasons.push(reason);
            }
        }
    }
    if reasons.is_empty() {
        reasons.push("the volume has no TPM token".to_owned());
    }
    reasons.retain(|reason| !reason.is_empty());
    let reasons = reasons.join("; ");
    if unclear { Verdict::Unclear(reasons) } else { Verdict::Asks(reasons) }
}

type Predict<'a> = &'a dyn Fn(Bank, u8) -> Result<Later, String>;

struct Forecast<'a> {
    staged: Staged<'a>,
    predict: Predict<'a>,
    /// Whether the volume has a slot for announced changes.
    may_announce: bool,
}

/// The values of registers, those that will be otherwise, and what will be otherwise in each.
struct Literal {
    values: Vec<Vec<u8>>,
    changed: Vec<u8>,
    changes: Vec<String>,
}

impl Forecast<'_> {
    fn of_token(&self, token: &Tpm2Token) -> Verdict {
        let signed = token.signed.as_ref().map(|signed| self.of_signature(signed, token.bank));
        let literal = token.literal.map(|pcrs| self.of_literal(token, pcrs));
        let mut reasons = Vec::new();
        for part in signed.into_iter().chain(literal) {
            match part {
                Verdict::Opens(reason) => reasons.push(reason),
                other => return other,
            }
        }
        if token.pin.is_some() {
            reasons.push("it asks for the PIN".to_owned());
        }
        Verdict::Opens(reasons.join("; "))
    }

    /// Looks for a signature of the registers as the staged image makes them.
    fn of_signature(&self, signed: &Signed, bank: Bank) -> Verdict {
        let pcrs = format!("PCR {} ({})", signed.pcrs, bank.name());
        let Some(signatures) = self.staged.signatures else {
            return Verdict::Asks(format!("the new version has no signature for {pcrs}"));
        };
        let approvals = signatures.by(signed, bank);
        if approvals.is_empty() {
            return Verdict::Asks(format!(
                "the new version's signature for {pcrs} is not by the key that it is bound to: its image.epoch is lower than this version's, \
                 or its keys are not those of this version"
            ));
        }
        let literal = match self.predicted(bank, signed.pcrs) {
            Err(doubt) => return Verdict::Unclear(doubt),
            Ok(literal) => literal,
        };
        let policy = policy_digest(signed.pcrs, bank, &literal.values);
        if !approvals.iter().any(|approval| approval.policy == policy) {
            return Verdict::Asks(format!(
                "no signature of the new version is for the value that it gives {pcrs}: its file is damaged"
            ));
        }
        Verdict::Opens(format!("the new version has a signature for {pcrs} by the key that it is bound to"))
    }

    fn of_literal(&self, token: &Tpm2Token, pcrs: Pcrs) -> Verdict {
        let of_version = pcrs.iter().find(|pcr| OF_THE_VERSION.contains(pcr));
        if let Some(pcr) = of_version.filter(|_| self.staged.is_another) {
            return Verdict::Asks(format!(
                "it is bound to PCR {pcr}, which has another value with each version"
            ));
        }
        let Literal { values, changed, changes } = match self.predicted(token.bank, pcrs) {
            Err(doubt) => return Verdict::Unclear(doubt),
            Ok(literal) => literal,
        };
        if token.policy_for(&values) == token.policy {
            return Verdict::Opens(format!("PCR {pcrs} will have the values that it is bound to"));
        }
        let bank = token.bank.name();
        Verdict::Asks(match changes.is_empty() {
            true => format!(
                "PCR {pcrs} ({bank}) changed since the volume was bound to it, whatever version starts"
            ),
            false => format!("{}{}", changes.join("; "), self.advice(&changed)),
        })
    }

    /// Says how to have the volume open all the same.
    fn advice(&self, changed: &[u8]) -> String {
        let option = match (self.staged.added, changed.iter().find(|pcr| ADDITIONS.contains(pcr))) {
            _ if !self.may_announce => return String::new(),
            (_, None) | (Added::Nothing, Some(&ADDED)) => "",
            (Added::Listed, Some(&ADDED)) => " --additions",
            (_, Some(_)) => return String::new(),
        };
        format!("; to have it open all the same, run: pattern rebind --ahead{option}")
    }

    /// The slot for a change that the owner announced. Without an announcement it says nothing.
    fn of_ahead(&self, ahead: &Ahead, tokens: &[Tpm2Token]) -> Verdict {
        let asked = tokens.iter().find_map(|token| token.signed.as_ref()).map(|signed| &signed.key);
        let value = |pcr| (self.predict)(ahead.bank, pcr).ok().map(|later| later.value);
        let opens = |announced: &Announced| {
            let signed = announced.signed(asked);
            let is_signed = signed
                .is_none_or(|signed| matches!(self.of_signature(&signed, ahead.bank), Verdict::Opens(_)));
            is_signed && announced.is_of(asked, ahead.bank, value)
        };
        match ahead.announcements().any(opens) {
            true => Verdict::Opens("the change was announced with pattern rebind --ahead".to_owned()),
            false => Verdict::Asks(String::new()),
        }
    }

    fn predicted(&self, bank: Bank, pcrs: Pcrs) -> Result<Literal, String> {
        let (mut values, mut changed, mut changes) = (Vec::new(), Vec::new(), Vec::new());
        for pcr in pcrs.iter() {
            let later = (self.predict)(bank, pcr)?;
            if let Some(words) = later.words() {
                changed.push(pcr);
                changes.push(format!("PCR {pcr} ({}) will be made {words}", bank.name()));
            }
            values.push(later.value);
        }
        Ok(Literal { values, changed, changes })
    }
}

#[cfg(test)]
mod tests;
