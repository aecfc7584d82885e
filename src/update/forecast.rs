//! Predicts whether another version of the image can open the persist volume, by which of its
//! registers depend on the image (UAPI.7, "Linux TPM PCR Registry").

use crate::token::{Bank, Pcrs, SPENT, Signatures, Tpm2Token};
use crate::volume::Locks;

/// PCRs that measure the image itself: the kernel image as the firmware starts it (4), the
/// partition table with its labels (5), kernel and initrd once more (9, 10), and the sections of
/// the unified kernel image (11).
const OF_THE_IMAGE: [u8; 5] = [4, 5, 9, 10, 11];
/// The Secure Boot state, and the certificates that verified what was started.
const SECURE_BOOT: u8 = 7;

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

/// Predicts for a volume with these locks, on a machine whose registers have the values that `read`
/// returns. `staged` are the staged image's signatures, from its section `.pcrsig`.
pub fn verdict(
    locks: &Locks,
    secure_boot: bool,
    staged: Option<&Signatures>,
    read: impl Fn(Bank, u8) -> Option<Vec<u8>>,
) -> Verdict {
    let mut reasons = locks.unusable.clone();
    let mut unclear = false;
    for token in &locks.tokens {
        match of_token(token, secure_boot, staged, &read) {
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
    let reasons = reasons.join("; ");
    if unclear { Verdict::Unclear(reasons) } else { Verdict::Asks(reasons) }
}

fn of_token(
    token: &Tpm2Token,
    secure_boot: bool,
    staged: Option<&Signatures>,
    read: &impl Fn(Bank, u8) -> Option<Vec<u8>>,
) -> Verdict {
    let signature = match of_signature(token, staged) {
        Verdict::Opens(reason) => reason,
        other => return other,
    };
    let literal = match token.literal.map(|pcrs| of_literal(token, pcrs, secure_boot, read)) {
        None => String::new(),
        Some(Verdict::Opens(reason)) => reason,
        Some(other) => return other,
    };
    let pin = if token.pin.is_some() { "it asks for the PIN".to_owned() } else { String::new() };
    let reasons: Vec<_> = [signature, literal, pin].into_iter().filter(|reason| !reason.is_empty()).collect();
    Verdict::Opens(reasons.join("; "))
}

/// Checks the signature. The reason is empty if none is needed.
fn of_signature(token: &Tpm2Token, staged: Option<&Signatures>) -> Verdict {
    let Some(signed) = &token.signed else { return Verdict::Opens(String::new()) };
    let pcrs = format!("PCR {} ({})", signed.pcrs, token.bank.name());
    match staged.map(|signatures| signatures.by(signed, token.bank)) {
        None => Verdict::Asks(format!("the new version has no signature for {pcrs}")),
        Some(approvals) if approvals.is_empty() => Verdict::Asks(format!(
            "the new version's signature for {pcrs} is not by the key that it is bound to: its image.epoch is lower than this version's, \
             or its keys are not those of this version"
        )),
        Some(_) => Verdict::Opens(format!(
            "the new version has a signature for {pcrs} by the key that it is bound to"
        )),
    }
}

fn of_literal(
    token: &Tpm2Token,
    pcrs: Pcrs,
    secure_boot: bool,
    read: &impl Fn(Bank, u8) -> Option<Vec<u8>>,
) -> Verdict {
    let bank = token.bank;
    if let Some(pcr) = pcrs.iter().find(|pcr| OF_THE_IMAGE.contains(pcr)) {
        return Verdict::Asks(format!("it is bound to PCR {pcr}, which has another value with each version"));
    }
    let values: Option<Vec<_>> = pcrs.iter().map(|pcr| read(bank, pcr)).collect();
    let Some(values) = values else {
        return Verdict::Asks(format!("the TPM has no value for PCR {pcrs} ({})", bank.name()));
    };
    // A register that has to be untouched will be untouched again after the restart.
    if token.policy_for(&values) != token.policy && !token.is_spent(SPENT, &values) {
        return Verdict::Asks(format!(
            "PCR {pcrs} ({}) changed since the volume was bound to it, whatever version starts",
            bank.name()
        ));
    }
    if secure_boot && pcrs.iter().any(|pcr| pcr == SECURE_BOOT) {
        return Verdict::Unclear(
            "it is bound to PCR 7, and Secure Boot is on: it opens if the new version is signed with the key of this one"
                .to_owned(),
        );
    }
    Verdict::Opens(format!("it is bound to PCR {pcrs}, which no version of the image changes"))
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;
    use crate::token::{Pin, PublicKey, Sealed, Signed, Srk, samples};

    /// Returns the value of any register of this machine.
    fn read(bank: Bank, pcr: u8) -> Option<Vec<u8>> {
        (bank == Bank::Sha256).then(|| vec![pcr; 32])
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
        let values = literal.into_iter().flat_map(Pcrs::iter).filter_map(|pcr| read(bank, pcr));
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

    fn verdict(locks: &Locks, secure_boot: bool, read: impl Fn(Bank, u8) -> Option<Vec<u8>>) -> Verdict {
        super::verdict(locks, secure_boot, None, read)
    }

    #[test]
    fn registers_of_firmware_and_machine_stay() {
        for pcrs in [&[7][..], &[0, 2, 7], &[1, 14, 15]] {
            let verdict = verdict(&bound(pcrs), false, read);
            assert!(matches!(verdict, Verdict::Opens(_)), "{pcrs:?}: {verdict:?}");
        }
    }

    #[test]
    fn registers_of_the_image_change_with_it() {
        let Verdict::Asks(reason) = verdict(&bound(&[7, 11]), false, read) else { panic!() };
        assert_eq!(reason, "it is bound to PCR 11, which has another value with each version");
    }

    #[test]
    fn a_volume_that_would_not_open_now_will_not_open_then() {
        let changed = |bank, pcr| read(bank, pcr + 1);
        let Verdict::Asks(reason) = verdict(&bound(&[7]), false, changed) else { panic!() };
        assert_eq!(
            reason,
            "PCR 7 (sha256) changed since the volume was bound to it, whatever version starts"
        );
        let Verdict::Asks(reason) = verdict(&bound(&[7]), false, |_, _| None) else { panic!() };
        assert_eq!(reason, "the TPM has no value for PCR 7 (sha256)");
        let none = Locks { unusable: vec!["token 3: a PIN".to_owned()], ..Locks::default() };
        assert_eq!(verdict(&none, false, read), Verdict::Asks("token 3: a PIN".to_owned()));
        let Verdict::Asks(reason) = verdict(&Locks::default(), false, read) else { panic!() };
        assert_eq!(reason, "the volume has no TPM token");
    }

    #[test]
    fn with_secure_boot_the_signature_decides() {
        assert!(matches!(verdict(&bound(&[7]), true, read), Verdict::Unclear(_)));
        assert!(matches!(verdict(&bound(&[0]), true, read), Verdict::Opens(_)));
    }

    #[test]
    fn one_way_in_is_enough() {
        let mut locks = bound(&[11]);
        locks.tokens.extend(bound(&[7]).tokens);
        assert!(matches!(verdict(&locks, false, read), Verdict::Opens(_)));
    }
    #[test]
    fn a_signature_by_the_same_key_opens() {
        let signatures = Signatures::parse(samples::SIGNATURES).unwrap();
        let others = Signatures::parse(&samples::SIGNATURES.replace("\"6e", "\"00")).unwrap();
        let verdict = |locks: &Locks, staged| super::verdict(locks, true, staged, read);
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
        assert!(reason.ends_with(
            "; it is bound to PCR 0+15, which no version of the image changes; it asks for the PIN"
        ));
        assert!(matches!(verdict(&bound_to_key(&[7]), Some(&signatures)), Verdict::Unclear(_)));
        assert!(matches!(verdict(&bound_to_key(&[4]), Some(&signatures)), Verdict::Asks(_)));
    }

    #[test]
    fn a_register_that_must_be_untouched_will_be_after_the_restart() {
        let mut locks = bound(&[0, 15]);
        locks.tokens[0].policy = locks.tokens[0].policy_for(&[vec![0; 32], Bank::Sha256.zeros()]);
        assert!(matches!(verdict(&locks, false, read), Verdict::Opens(_)));
        let changed = |bank, pcr| read(bank, pcr + 1);
        assert!(matches!(verdict(&locks, false, changed), Verdict::Asks(_)));
    }
}
