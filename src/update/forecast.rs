//! Predicts whether a version of the image can open the persist volume: compares what its slots are bound to with the registers as
//! they will be.

use crate::start::Later;
use crate::token::ahead::Ahead;
use crate::token::{Bank, Pcrs, Signatures, Signed, Tpm2Token, policy_digest};
use crate::volume::Locks;

/// PCRs that each version changes, and that are not always predicted: the partition table with its labels (5), kernel and initrd once
/// more (9, 10).
const OF_THE_VERSION: [u8; 3] = [5, 9, 10];

/// What is added to the kernel image from outside. It is never announced.
const ADDITIONS: [u8; 2] = [12, 13];

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

/// The values of registers, what will be otherwise in each, and whether that is an addition to the kernel image.
struct Literal {
    values: Vec<Vec<u8>>,
    changes: Vec<String>,
    added: bool,
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
        let Literal { values, changes, added } = match self.predicted(token.bank, pcrs) {
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
            false if self.may_announce && !added => {
                format!("{}; to have it open all the same, run: pattern rebind --ahead", changes.join("; "))
            }
            false => changes.join("; "),
        })
    }

    /// The slot for a change that the owner announced. Without an announcement it says nothing.
    fn of_ahead(&self, ahead: &Ahead, tokens: &[Tpm2Token]) -> Verdict {
        let silent = Verdict::Asks(String::new());
        let Some(announced) = &ahead.announced else { return silent };
        let signed = tokens.iter().find_map(|token| token.signed.as_ref());
        if let Some(signed) = signed
            && !matches!(self.of_signature(signed, ahead.bank), Verdict::Opens(_))
        {
            return silent;
        }
        match self.predicted(ahead.bank, announced.literal) {
            Ok(literal) if announced.policy_for(signed, ahead.bank, &literal.values) == announced.policy => {
                Verdict::Opens("the change was announced with pattern rebind --ahead".to_owned())
            }
            _ => silent,
        }
    }

    fn predicted(&self, bank: Bank, pcrs: Pcrs) -> Result<Literal, String> {
        let (mut values, mut changes, mut added) = (Vec::new(), Vec::new(), false);
        for pcr in pcrs.iter() {
            let later = (self.predict)(bank, pcr)?;
            added |= ADDITIONS.contains(&pcr) && later.words().is_some();
            changes.extend(
                later.words().map(|words| format!("PCR {pcr} ({}) will be made {words}", bank.name())),
            );
            values.push(later.value);
        }
        Ok(Literal { values, changes, added })
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;
    use crate::token::{Pin, PublicKey, Sealed, Signed, Srk, samples};

    /// Returns any register of this machine, which stays as it is.
    fn read(bank: Bank, pcr: u8) -> Result<Later, String> {
        match bank {
            Bank::Sha256 => Ok(later(&[pcr; 32], &[])),
            Bank::Sha384 => Err("the kernel does not show it".to_owned()),
        }
    }

    fn later(value: &[u8], with: &[&str]) -> Later {
        let with = with.iter().map(|with| (*with).to_owned()).collect();
        Later { value: value.to_vec(), with, without: Vec::new() }
    }

    fn srk() -> Srk {
        let mut public = [5; 90];
        public[4..8].copy_from_slice(&0x0003_0472_u32.to_be_bytes());
        let name = Sha256::digest(public);
        let head = [&0x8100_0001_u32.to_be_bytes()[..], &[0, 34, 0, 11]].concat();
        Srk::parse(&[&head[..], &name, &[0, 0, 0, 1, 0, 90], &public].concat()).unwrap()
    }

    fn token(signed: Option<Signed>, pcrs: &[u64]) -> Tpm2Token {
        let literal = Pcrs::new(pcrs.iter().copied()).ok();
        let sealed = Sealed { private: Vec::new(), public: Vec::new() };
        let (bank, pin) = (Bank::Sha256, None);
        let mut token = Tpm2Token {
            keyslot: 0,
            signed,
            literal,
            bank,
            counted: None,
            pin,
            policy: [0; 32],
            sealed,
            srk: srk(),
        };
        let values = literal.into_iter().flat_map(Pcrs::iter).map(|pcr| read(bank, pcr).unwrap().value);
        token.policy = token.policy_for(&values.collect::<Vec<_>>());
        token
    }

    /// Returns a volume that is bound to the present values of these registers.
    fn bound(pcrs: &[u64]) -> Locks {
        Locks { tokens: vec![token(None, pcrs)], ..Locks::default() }
    }

    /// Returns a volume that is bound to a key, and to these registers.
    fn bound_to_key(pcrs: &[u64]) -> Locks {
        let signed = Signed { key: PublicKey::parse(samples::PEM).unwrap(), pcrs: Pcrs::new([11]).unwrap() };
        Locks { tokens: vec![token(Some(signed), pcrs)], ..Locks::default() }
    }

    fn verdict(locks: &Locks, predict: impl Fn(Bank, u8) -> Result<Later, String>) -> Verdict {
        super::verdict(locks, Staged { signatures: None, is_another: true }, predict)
    }

    #[test]
    fn registers_that_will_be_as_they_are_open() {
        for pcrs in [&[7][..], &[0, 2, 7], &[1, 4, 12, 14, 15]] {
            let verdict = verdict(&bound(pcrs), read);
            assert!(matches!(verdict, Verdict::Opens(_)), "{pcrs:?}: {verdict:?}");
        }
    }

    #[test]
    fn registers_that_each_version_changes_and_nobody_predicts_ask() {
        let Verdict::Asks(reason) = verdict(&bound(&[7, 9]), read) else { panic!() };
        assert_eq!(reason, "it is bound to PCR 9, which has another value with each version");
        // Of a plain restart nothing is said.
        let doubt = |_, pcr| Err(format!("PCR {pcr} is not predicted"));
        let same = Staged { signatures: None, is_another: false };
        assert_eq!(
            super::verdict(&bound(&[9]), same, doubt),
            Verdict::Unclear("PCR 9 is not predicted".to_owned())
        );
    }

    #[test]
    fn what_will_be_measured_otherwise_is_named() {
        let added = |_, pcr| {
            Ok(if pcr == 12 {
                later(&[1; 32], &["/loader/credentials/a.cred"])
            } else {
                later(&[pcr; 32], &[])
            })
        };
        let Verdict::Asks(reason) = verdict(&bound(&[7, 12]), added) else { panic!() };
        assert_eq!(reason, "PCR 12 (sha256) will be made with /loader/credentials/a.cred");
    }

    #[test]
    fn a_volume_that_would_not_open_now_will_not_open_then() {
        let changed = |bank, pcr| read(bank, pcr + 1);
        let Verdict::Asks(reason) = verdict(&bound(&[7]), changed) else { panic!() };
        assert_eq!(
            reason,
            "PCR 7 (sha256) changed since the volume was bound to it, whatever version starts"
        );
        let none = Locks { unusable: vec!["token 3: a PIN".to_owned()], ..Locks::default() };
        assert_eq!(verdict(&none, read), Verdict::Asks("token 3: a PIN".to_owned()));
        let Verdict::Asks(reason) = verdict(&Locks::default(), read) else { panic!() };
        assert_eq!(reason, "the volume has no TPM token");
    }

    #[test]
    fn one_way_in_is_enough_and_a_doubt_is_none() {
        let mut locks = bound(&[9]);
        assert!(matches!(verdict(&locks, read), Verdict::Asks(_)));
        locks.tokens.extend(bound(&[7]).tokens);
        assert!(matches!(verdict(&locks, read), Verdict::Opens(_)));
        let doubt = |_, _| Err("the event log is not understood".to_owned());
        let Verdict::Unclear(reason) = verdict(&locks, doubt) else { panic!() };
        assert!(reason.ends_with("; the event log is not understood"), "{reason}");
    }

    /// The sample's signature is for one value of PCR 11.
    fn signed_value(bank: Bank, pcr: u8) -> Result<Later, String> {
        if pcr == 11 {
            Ok(later(&crate::hex::decode(samples::PCR_11).unwrap(), &[]))
        } else {
            read(bank, pcr)
        }
    }

    #[test]
    fn a_signature_by_the_same_key_opens() {
        let signatures = Signatures::parse(samples::SIGNATURES).unwrap();
        let others = Signatures::parse(&samples::SIGNATURES.replace("\"6e", "\"00")).unwrap();
        let verdict = |locks: &Locks, signatures| {
            super::verdict(locks, Staged { signatures, is_another: true }, signed_value)
        };
        let Verdict::Opens(reason) = verdict(&bound_to_key(&[]), Some(&signatures)) else { panic!() };
        assert_eq!(
            reason,
            "the new version has a signature for PCR 11 (sha256) by the key that it is bound to"
        );
        let Verdict::Asks(reason) = verdict(&bound_to_key(&[]), Some(&others)) else { panic!() };
        let other = "the new version's signature for PCR 11 (sha256) is not by the key that it is bound to: \
             its image.epoch is lower than this version's, or its keys are not those of this version";
        assert_eq!(reason, other);
        let Verdict::Asks(reason) = verdict(&bound_to_key(&[]), None) else { panic!() };
        assert_eq!(reason, "the new version has no signature for PCR 11 (sha256)");
        let mut pin = bound_to_key(&[0, 15]);
        pin.tokens[0].pin = Some(Pin { salt: None });
        assert!(matches!(verdict(&pin, Some(&signatures)), Verdict::Asks(_)));
        pin.tokens[0].policy = pin.tokens[0].policy_for(&[vec![0; 32], vec![15; 32]]);
        let Verdict::Opens(reason) = verdict(&pin, Some(&signatures)) else { panic!() };
        assert!(
            reason.ends_with("; PCR 0+15 will have the values that it is bound to; it asks for the PIN"),
            "{reason}"
        );
    }

    /// A kernel image of which a section was changed after it was signed.
    #[test]
    fn a_signature_for_another_value_of_the_image_asks() {
        let signatures = Signatures::parse(samples::SIGNATURES).unwrap();
        let staged = Staged { signatures: Some(&signatures), is_another: true };
        let Verdict::Asks(reason) = super::verdict(&bound_to_key(&[]), staged, read) else { panic!() };
        assert_eq!(
            reason,
            "no signature of the new version is for the value that it gives PCR 11 (sha256): its file is damaged"
        );
    }
}
